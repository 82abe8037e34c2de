"""First and second derivatives of grid_sample are PyTorch's, those at the borders included."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")


def weights(lib, t):
    return lib.arange(1.0, t.numel() + 1, dtype=lib.float64).reshape(t.shape)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("size", [(3, 4), (1, 5), (1, 1)])
def test_derivatives(size, align, padding, mode):
    random = np.random.default_rng(0)
    image, places = random.standard_normal((2, 2, *size)), random.uniform(-1.7, 1.7, (2, 4, 3, 2))

    def program(lib):
        x, g = (lib.from_numpy(v.copy()).requires_grad_() for v in (image, places))
        options = {"mode": mode, "padding_mode": padding, "align_corners": align}

        def loss():
            y = lib.nn.functional.grid_sample(x, g, **options)
            return (y.sin() * weights(lib, y)).sum()

        plain = lib.autograd.grad(loss(), (x, g))
        first = lib.autograd.grad(loss(), (x, g), create_graph=True)
        second = lib.autograd.grad(sum((t.cos() * weights(lib, t)).sum() for t in first), (x, g))
        return [t.detach().numpy() for t in (*plain, *first, *second)]

    for got, want in zip(program(rushlight), program(torch), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
