"""Transforms against numpy, and their gradients as adjoint maps."""

import numpy as np
import pytest

import rushlight as torch

rng = np.random.default_rng(0)
REAL = rng.standard_normal((3, 4, 5))
COMPLEX = REAL + 1j * rng.standard_normal((3, 4, 5))
NORMS = [None, "backward", "ortho", "forward"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 3, 8])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_dimension(name, n, norm):
    data = REAL if name in ("rfft", "ihfft") else COMPLEX
    got = getattr(torch.fft, name)(torch.from_numpy(data), n, 1, norm)
    np.testing.assert_allclose(
        got.numpy(), getattr(np.fft, name)(data, n, 1, norm), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn", "fft2", "rfft2", "irfft2"])
def test_several_dimensions(name, norm):
    data = REAL if name.startswith("rfft") else COMPLEX
    got = getattr(torch.fft, name)(torch.from_numpy(data), dim=(0, 2), norm=norm)
    plain = getattr(np.fft, name.replace("2", "n"))(data, axes=(0, 2), norm=norm)
    np.testing.assert_allclose(got.numpy(), plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    "name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fftn", "irfftn"]
)
def test_gradient_is_the_adjoint(name, norm):
    """<F x, y> = <x, F* y> with the real inner product."""
    data = REAL if name in ("rfft", "ihfft") else COMPLEX
    x = torch.from_numpy(data).requires_grad_(True)
    out = getattr(torch.fft, name)(x, norm=norm)
    shape = tuple(out.shape)
    y = rng.standard_normal(shape)
    if out.dtype.is_complex:
        y = y + 1j * rng.standard_normal(shape)
    (g,) = torch.autograd.grad(out, x, torch.from_numpy(y))
    other = rng.standard_normal(data.shape) + (
        1j * rng.standard_normal(data.shape) if data is COMPLEX else 0
    )
    image = getattr(torch.fft, name)(torch.from_numpy(other), norm=norm).numpy()
    left = np.real(np.vdot(y, image))
    right = np.real(np.vdot(g.numpy(), other))
    assert left == pytest.approx(right, rel=1e-10)


def test_precision_is_kept():
    x = torch.ones(4)
    assert torch.fft.fft(x).dtype is torch.complex64
    assert torch.fft.irfft(torch.fft.rfft(x)).dtype is torch.float32
    assert torch.fft.fft(torch.ones(4, dtype=torch.int64)).dtype is torch.complex64


def test_frequencies_and_shifts():
    for n in (1, 4, 5):
        np.testing.assert_allclose(
            torch.fft.fftfreq(n, 0.5, dtype=torch.float64).numpy(), np.fft.fftfreq(n, 0.5)
        )
        np.testing.assert_allclose(
            torch.fft.rfftfreq(n, 0.5, dtype=torch.float64).numpy(), np.fft.rfftfreq(n, 0.5)
        )
        x = np.arange(n)
        np.testing.assert_array_equal(
            torch.fft.fftshift(torch.from_numpy(x)).numpy(), np.fft.fftshift(x)
        )
        np.testing.assert_array_equal(
            torch.fft.ifftshift(torch.from_numpy(x)).numpy(), np.fft.ifftshift(x)
        )


def test_errors():
    with pytest.raises(RuntimeError, match="Invalid normalization mode"):
        torch.fft.fft(torch.ones(2), norm="x")
    with pytest.raises(RuntimeError, match="rfft expects a real input tensor"):
        torch.fft.rfft(torch.ones(2, dtype=torch.complex64))
    with pytest.raises(RuntimeError, match="Invalid number of data points"):
        torch.fft.fft(torch.ones(2), n=0)
    with pytest.raises(RuntimeError, match="FFT dims must be unique"):
        torch.fft.fftn(torch.ones(2, 2), dim=(0, 0))
