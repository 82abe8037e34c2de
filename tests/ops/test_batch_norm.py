"""Batch normalisation against numpy."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional


def reference(x, mean, var, weight, bias, eps):
    shape = (1, -1) + (1,) * (x.ndim - 2)
    normal = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    return normal * weight.reshape(shape) + bias.reshape(shape)


@pytest.mark.parametrize("size", [(), (5,), (6, 7), (3, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_and_running_statistics(size, training: bool, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((4, 3, *size)) * 3 + 100).astype(dtype)
    weight, bias, running_mean = (rng.standard_normal(3).astype(dtype) for _ in range(3))
    running_var = np.abs(rng.standard_normal(3)).astype(dtype) + 1
    axes = (0, *range(2, x.ndim))
    exact = x.astype("float64")
    mean = exact.mean(axes) if training else running_mean
    var = exact.var(axes) if training else running_var
    wanted = reference(exact, mean, var, weight, bias, 1e-5)
    m, v = torch.from_numpy(running_mean.copy()), torch.from_numpy(running_var.copy())
    args = (torch.from_numpy(weight), torch.from_numpy(bias), training, 0.1, 1e-5)
    got = F.batch_norm(torch.from_numpy(x), m, v, *args)
    tolerance = 2e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(got.numpy(), wanted, rtol=tolerance, atol=tolerance)
    if not training:
        assert m.tolist() == running_mean.tolist()
        return
    count = x.size // 3
    np.testing.assert_allclose(m.numpy(), 0.9 * running_mean + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(
        v.numpy(), 0.9 * running_var + 0.1 * var * count / (count - 1), rtol=1e-5
    )


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_both_orders(training: bool) -> None:
    def leaf(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64).requires_grad_()

    mean, var = torch.randn(2, dtype=torch.float64), torch.rand(2, dtype=torch.float64) + 0.5

    def norm(x, w, b):
        return F.batch_norm(x, mean.clone(), var.clone(), w, b, training)

    args = (leaf(3, 2, 4), leaf(2), leaf(2))
    assert torch.autograd.gradcheck(norm, args)
    assert torch.autograd.gradgradcheck(norm, args)


def test_channels_last_and_threads_give_the_same_statistics() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 24, 33, 31)
    wanted = F.batch_norm(x, None, None, training=True)
    got = F.batch_norm(x.contiguous(memory_format=torch.channels_last), None, None, training=True)
    np.testing.assert_allclose(got.contiguous().numpy(), wanted.numpy(), rtol=1e-5, atol=1e-5)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert (
            F.batch_norm(x, None, None, training=True).numpy().tobytes() == wanted.numpy().tobytes()
        )
    finally:
        torch.set_num_threads(before)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(RuntimeError, match="running_mean should contain 3 elements not 4"):
        F.batch_norm(torch.randn(2, 3), torch.zeros(4), torch.ones(4))
