"""Short-time transforms and windows against numpy."""

import numpy as np
import pytest

import rushlight as torch

SIGNAL = np.random.default_rng(0).standard_normal((2, 40))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("onesided", [False, True])
def test_stft_is_a_transform_of_every_window(center, onesided):
    window = torch.hann_window(6, dtype=torch.float64)
    got = torch.stft(
        torch.from_numpy(SIGNAL), 8, 3, 6, window, center, onesided=onesided, return_complex=True
    ).numpy()
    data = np.pad(SIGNAL, [(0, 0), (4, 4)], "reflect") if center else SIGNAL
    weights = np.concatenate([[0], window.numpy(), [0]])
    transform = np.fft.rfft if onesided else np.fft.fft
    count = 1 + (data.shape[1] - 8) // 3
    expected = np.stack([transform(data[:, 3 * t : 3 * t + 8] * weights) for t in range(count)], -1)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_istft_gives_the_signal_back_with_gradients():
    x = torch.from_numpy(SIGNAL).requires_grad_(True)
    window = torch.hann_window(8, dtype=torch.float64)
    spectra = torch.stft(x, 8, 2, window=window, return_complex=True)
    back = torch.istft(spectra, 8, 2, window=window, length=40)
    np.testing.assert_allclose(back.detach().numpy(), SIGNAL, atol=1e-12)
    weights = np.random.default_rng(1).standard_normal((2, 40))
    (back * torch.from_numpy(weights)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), weights, atol=1e-12)


def test_stft_errors():
    x = torch.ones(16)
    with pytest.raises(RuntimeError, match="stft requires the return_complex parameter"):
        torch.stft(x, 4)
    with pytest.raises(RuntimeError, match="expected 0 < win_length <= n_fft"):
        torch.stft(x, 4, win_length=5, return_complex=True)
    with pytest.raises(RuntimeError, match="istft requires a complex-valued input"):
        torch.istft(torch.ones(3, 4), 4)
    zero = torch.stft(x, 4, 4, window=torch.zeros(4), return_complex=True)
    with pytest.raises(RuntimeError, match="window overlap add min"):
        torch.istft(zero, 4, 4, window=torch.zeros(4))


@pytest.mark.parametrize("n", [1, 2, 7, 8])
@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
def test_windows(name, n):
    symmetric = {
        "hann": np.hanning,
        "hamming": np.hamming,
        "blackman": np.blackman,
        "bartlett": np.bartlett,
        "kaiser": lambda m: np.kaiser(m, 12.0),
    }[name]
    old, new = getattr(torch, name + "_window"), getattr(torch.signal.windows, name)
    kind = {"dtype": torch.float64}
    np.testing.assert_allclose(old(n, False, **kind).numpy(), symmetric(n), atol=1e-12)
    np.testing.assert_allclose(new(n, **kind).numpy(), symmetric(n), atol=1e-12)
    periodic = symmetric(n + 1)[:-1] if n > 1 else np.ones(1)
    np.testing.assert_allclose(old(n, **kind).numpy(), periodic, atol=1e-12)
    np.testing.assert_allclose(new(n, sym=False, **kind).numpy(), periodic, atol=1e-12)
