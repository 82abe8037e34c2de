"""Windows as columns against numpy."""

from __future__ import annotations

import numpy as np

import rushlight as torch

F = torch.nn.functional


def test_unfold_lists_every_window() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 7))
    got = F.unfold(torch.from_numpy(x), (2, 3), padding=(1, 0), stride=(2, 1)).numpy()
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 3), (2, 3))[:, :, ::2]
    wanted = windows.transpose(0, 1, 4, 5, 2, 3).reshape(2, 18, -1)
    np.testing.assert_array_equal(got, wanted)


def test_fold_is_the_adjoint_of_unfold() -> None:
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    columns = F.unfold(x, 3, dilation=2, padding=1)
    g = torch.randn(*columns.shape, dtype=torch.float64)
    back = F.fold(g, (6, 7), 3, dilation=2, padding=1)
    np.testing.assert_allclose((columns * g).sum().item(), (back * x).sum().item(), rtol=1e-12)


def test_gradients() -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: F.unfold(t, 2), (x,))
    columns = torch.randn(1, 8, 9, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: F.fold(t, (4, 4), 2), (columns,))
