"""Reductions and scans against numpy in float64, and the rules numpy does not share."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as torch

SHAPES = [
    ((7,), 0),
    ((3, 5), 0),
    ((3, 5), 1),
    ((4, 33, 2), 1),
    ((300, 3), 0),
    ((2, 3, 4), (0, 2)),
    ((2, 70), None),
]
NAN, INF = float("nan"), float("inf")


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def tensor(array):
    return torch.tensor(array.tolist(), dtype=torch.float64)


def same(result, expected, rtol=1e-12):
    np.testing.assert_allclose(np.array(result.tolist()), expected, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("shape,dim", SHAPES)
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "std", "var"])
@pytest.mark.parametrize("keepdim", [False, True])
def test_agrees_with_numpy(name, shape, dim, keepdim):
    a = numbers(shape)
    numpy_name = {"amax": "max", "amin": "min"}.get(name, name)
    extra = {"ddof": 1} if name in ("std", "var") else {}
    expected = getattr(np, numpy_name)(a, axis=dim, keepdims=keepdim, **extra)
    dims = tuple(range(len(shape))) if dim is None else dim
    result = getattr(tensor(a), name)(dim=dims, keepdim=keepdim)
    assert tuple(result.shape) == expected.shape
    same(result, expected)


@pytest.mark.parametrize(
    "shape", [(0,), (1,), (15,), (64,), (1000,), (40000,), (70, 1100), (1100, 70)]
)
def test_sum_of_float32_is_accurate(shape):
    a = numbers(shape).astype(np.float32)
    x = torch.from_numpy(a)
    exact = math.fsum(a.reshape(-1).tolist())
    size = float(np.abs(a).sum()) + 1
    assert abs(x.sum().item() - exact) <= 2e-7 * size
    for d in range(len(shape)):
        expected = a.astype(np.float64).sum(d)
        assert np.abs(x.sum(d).numpy() - expected).max(initial=0) <= 2e-7 * size


def test_sum_walks_any_strides():
    a = numbers((4, 6, 10))
    x = tensor(a)
    same(x.transpose(0, 2).sum(1), a.transpose(2, 1, 0).sum(1))
    same(x[:, ::2, 1::3].sum((0, 2)), a[:, ::2, 1::3].sum((0, 2)))
    same(x[0, 0].expand(5, 10).sum(0), a[0, 0] * 5)
    same(x.permute(2, 0, 1).amax((0, 1)), a.max((0, 2)))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_threads(threads):
    before = torch.get_num_threads()
    x = torch.from_numpy(numbers((513, 700)).astype(np.float32))
    whole, rows, columns = x.sum().item(), x.sum(1).tolist(), x.mean(0).tolist()
    spread = x.std().item()
    try:
        torch.set_num_threads(threads)
        assert x.sum().item() == whole
        assert x.sum(1).tolist() == rows
        assert x.mean(0).tolist() == columns
        assert x.std().item() == spread
    finally:
        torch.set_num_threads(before)


def test_dtypes_of_results():
    small = torch.tensor([200, 100], dtype=torch.uint8)
    assert small.sum().dtype == torch.int64 and small.sum().item() == 300
    assert small.prod().item() == 20000
    assert torch.tensor([True, True]).sum().item() == 2
    assert small.any().dtype == torch.uint8
    assert torch.tensor([0.0, NAN]).any().item() is True
    assert torch.tensor([1.5, 2.5]).sum(dtype=torch.int64).item() == 3
    half = torch.ones(5000, dtype=torch.float16)
    assert half.sum().item() == 5000 and half.sum().dtype == torch.float16
    assert torch.ones(3, dtype=torch.complex64).std().dtype == torch.float32
    with pytest.raises(RuntimeError, match="could not infer output dtype"):
        torch.tensor([1, 2]).mean()


def test_nan_is_the_extreme():
    x = torch.tensor([[1.0, NAN, 3.0, NAN], [4.0, 2.0, 9.0, 9.0]])
    assert math.isnan(x.max().item()) and math.isnan(x.amin().item())
    values, indices = x.max(1)
    assert math.isnan(values[0].item()) and indices.tolist() == [1, 2]
    assert x.argmin(0).tolist() == [0, 0, 0, 0]
    assert x.t().contiguous().argmax(0).tolist() == [1, 2]
    assert x.argmax().item() == 1
    assert x[0].nansum().item() == 4 and x[0].nanmean().item() == 2


def test_named_results_of_max():
    result = torch.tensor([[1, 5], [7, 2]]).max(0)
    assert result.values.tolist() == [7, 5] and result.indices.tolist() == [1, 0]


def test_search_for_the_extreme_of_a_long_row():
    a = numbers((200_001,)).astype(np.float32)
    a[[70_000, 150_000]] = 99
    assert torch.from_numpy(a).argmax().item() == 70_000
    wide = numbers((9, 600)).astype(np.float32)
    assert torch.from_numpy(wide).argmin(0).tolist() == wide.argmin(0).tolist()


def test_empty_reductions():
    empty = torch.zeros(0, 3)
    assert empty.sum(0).tolist() == [0, 0, 0] and empty.prod().item() == 1
    assert math.isnan(empty.mean().item()) and math.isnan(empty.var().item())
    assert empty.all().item() is True and empty.any(0).tolist() == [False] * 3
    with pytest.raises(
        IndexError, match=r"max\(\): Expected reduction dim 0 to have non-zero size"
    ):
        empty.max(0)
    with pytest.raises(RuntimeError, match=r"amax\(\): Expected reduction dim to be specified"):
        empty.amax()
    with pytest.raises(
        IndexError,
        match=r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 5",
    ):
        empty.sum(5)
    with pytest.raises(RuntimeError, match="dim 0 appears multiple times"):
        torch.zeros(2, 2).sum([0, 0])


@pytest.mark.parametrize("p", [0, 1, 2, 3.5, 0.5, INF, -INF])
def test_norms(p):
    a = numbers((5, 40))
    expected = np.linalg.norm(a, p, axis=1)
    same(tensor(a).norm(p, 1), expected)
    same(tensor(a).t().norm(p, dim=0), expected)


def test_variance_of_large_numbers():
    a = numbers((3, 9000)).astype(np.float32) + np.float32(1e4)
    expected = a.astype(np.float64).var(1, ddof=1)
    np.testing.assert_allclose(torch.from_numpy(a).var(1).numpy(), expected, rtol=2e-6)
    np.testing.assert_allclose(
        torch.from_numpy(np.ascontiguousarray(a.T)).var(0).numpy(), expected, rtol=2e-6
    )
    spread, mean = torch.std_mean(tensor(a), 1, correction=0)
    same(spread, a.astype(np.float64).std(1))
    same(mean, a.astype(np.float64).mean(1))


def test_logsumexp_of_extremes():
    x = torch.tensor([[1000.0, 1000.0], [-INF, -INF], [INF, 1.0]])
    assert x.logsumexp(1).tolist() == [pytest.approx(1000 + math.log(2)), -INF, INF]


def test_scans():
    a = numbers((4, 9, 3))
    x = tensor(a)
    for d in range(3):
        same(x.cumsum(d), a.cumsum(d))
        same(x.cumprod(d), a.cumprod(d))
        same(x.cummax(d).values, np.maximum.accumulate(a, d))
        same(x.logcumsumexp(d), np.logaddexp.accumulate(a, d))
    assert torch.tensor([3, 3, 1, 5]).cummax(0).indices.tolist() == [0, 1, 1, 3]
    values, indices = torch.tensor([2.0, NAN, 5.0]).cummin(0)
    assert indices.tolist() == [0, 1, 1] and math.isnan(values[2].item())


def gradient_check(f, x):
    """Compares the gradient of f(x).sum() with central differences."""
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad((f(x) * 1.0).sum(), x)
    flat, step = x.detach().reshape(-1), 1e-6
    for i in range(flat.numel()):
        up, down = flat.clone(), flat.clone()
        up[i] += step
        down[i] -= step
        slope = (f(up.reshape(x.shape)).sum() - f(down.reshape(x.shape)).sum()).item() / (2 * step)
        assert g.reshape(-1)[i].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sum(1) ** 2,
        lambda x: x.mean((0, 1)) ** 2,
        lambda x: x.prod(1),
        lambda x: x.prod(),
        lambda x: x.std(0),
        lambda x: torch.var_mean(x, 1)[0] * torch.var_mean(x, 1)[1],
        lambda x: x.norm(dim=1),
        lambda x: x.norm(3),
        lambda x: x.norm(INF, 0),
        lambda x: x.logsumexp(0) ** 2,
        lambda x: x.amax(1) ** 2,
        lambda x: x.max(0).values ** 2,
        lambda x: x.cumsum(1) ** 2,
        lambda x: x.cumprod(1) ** 2,
        lambda x: x.logcumsumexp(1) ** 2,
        lambda x: x.cummax(0).values ** 2,
        lambda x: x.renorm(2, 0, 0.5),
        lambda x: x.median(1).values ** 2,
        lambda x: x.sort(0).values[1] ** 2,
        lambda x: x.topk(2, 1).values ** 2,
        lambda x: x.quantile(0.3, 1) ** 2,
    ],
)
def test_gradients(f):
    gradient_check(f, tensor(numbers((3, 4), seed=3)))


def test_gradients_of_products_with_zeros():
    x = torch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0]], dtype=torch.float64)
    gradient_check(lambda t: t.prod(1), x)
    gradient_check(lambda t: t.prod(), x)
    gradient_check(lambda t: t.cumprod(1), x)


def test_equal_extremes_share_the_gradient():
    x = torch.tensor([1.0, 4.0, 4.0], requires_grad=True)
    x.amax().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5]
    y = torch.tensor([1.0, 4.0, 4.0], requires_grad=True)
    y.max(0).values.backward()
    assert y.grad.tolist() == [0, 1, 0]


def test_second_derivatives():
    x = tensor(numbers((5,), seed=5)).requires_grad_()
    for f in (lambda t: t.std(), lambda t: t.norm(), lambda t: t.prod(), lambda t: t.logsumexp(0)):
        (g,) = torch.autograd.grad(f(x), x, create_graph=True)
        (h,) = torch.autograd.grad(g[0], x)

        def slope(t, f=f):
            t = t.detach().requires_grad_()
            return torch.autograd.grad(f(t), t)[0][0].item()

        step = torch.zeros(5, dtype=torch.float64)
        step[2] = 1e-6
        estimate = (slope(x + step) - slope(x - step)) / 2e-6
        assert h[2].item() == pytest.approx(estimate, rel=1e-5, abs=1e-8)


def test_node_names():
    x = torch.ones(2, 3, requires_grad=True)
    names = {
        "SumBackward0": x.sum(),
        "SumBackward1": x.sum(0),
        "MeanBackward0": x.mean(),
        "MeanBackward1": x.mean(0),
        "MaxBackward0": x.max(0)[0],
        "MaxBackward1": x.max(),
        "ProdBackward1": x.prod(0),
        "StdBackward0": x.std(),
        "LinalgVectorNormBackward0": x.norm(),
        "SortBackward0": x.sort()[0],
        "MedianBackward1": x.median(0)[0],
    }
    assert {name: t.grad_fn.name() for name, t in names.items()} == {n: n for n in names}


def test_reduction_of_what_a_convolution_made():
    # Its storage may stand in channels-last order.
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 8, 9, 9, generator=generator)
    w = torch.randn(16, 8, 3, 3, generator=generator)

    def made():
        return torch.nn.functional.conv2d(x, w).relu()

    plain = made().numpy().astype(np.float64)
    for dims in ((2, 3), (0, 2, 3), (1,), (0,), (0, 1, 2, 3)):
        expected = plain.sum(dims)
        np.testing.assert_allclose(np.array(made().sum(dims).tolist()), expected, rtol=1e-5)
        np.testing.assert_allclose(np.array(made().amax(dims).tolist()), plain.max(dims), rtol=1e-6)
    flat = made().flatten(2).mean(2)
    np.testing.assert_allclose(flat.numpy(), plain.mean((2, 3)), rtol=1e-5)
