"""Operators that take another way for some shapes, layouts or dtypes give what numpy gives on all of them."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch

HALVES = (torch.float16, torch.bfloat16)


def wide(t: torch.Tensor) -> np.ndarray:
    return t.double().numpy()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3, 5), (17, 33), (64, 130), (200, 70), (2, 37, 41)])
def test_transposed_copies(dtype, shape) -> None:
    x = torch.randint(0, 200, shape).to(dtype)
    assert np.array_equal(x.transpose(-1, -2).contiguous().numpy(), x.numpy().swapaxes(-1, -2))
    assert np.array_equal((x.transpose(-1, -2) + 1).double().numpy(), wide(x).swapaxes(-1, -2) + 1)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int16, torch.float32, torch.complex128])
def test_copies_with_steps_and_flips(dtype) -> None:
    x = torch.randint(0, 2, (5, 203)).to(dtype)
    a = x.numpy()
    assert np.array_equal(x[:, ::2].clone().numpy(), a[:, ::2])
    assert np.array_equal(x[:, 1::3].contiguous().numpy(), a[:, 1::3])
    for dims in ((0,), (1,), (0, 1), ()):
        assert np.array_equal(x.flip(dims).numpy(), np.flip(a, dims))
        assert np.array_equal(x.t().flip(dims).numpy(), np.flip(a.T, dims))
    for shift in (0, 1, -3, 207):
        assert np.array_equal(x.roll(shift, 1).numpy(), np.roll(a, shift, 1))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("n", [1, 31, 32, 100, 5000])
def test_halves_compute_in_float(dtype, n) -> None:
    x, y = torch.randn(n).to(dtype), torch.randn(n).to(dtype)
    f = lambda t: torch.from_numpy(t.astype(np.float32)).to(dtype)  # noqa: E731
    a, b = x.float().numpy(), y.float().numpy()
    assert torch.equal(x + y, f(a + b))
    assert torch.equal(x * y, f(a * b))
    assert torch.equal(torch.add(x, y, alpha=0.3), f(a + np.float32(0.3) * b))
    assert torch.equal(x.relu(), f(np.maximum(a, 0)))
    # A Python number is not rounded to 16 bits first.
    assert torch.equal(x * 1.1, f(a * np.float32(1.1)))
    assert abs(x.sum().item() - wide(x).sum()) < 0.1 + 0.01 * abs(wide(x).sum())
    assert x.max().item() == a.max() and x.amin().item() == a.min()
    square = torch.randn(n, 7).to(dtype)
    torch.testing.assert_close(square.sum(0).double(), square.double().sum(0), rtol=1e-2, atol=1e-1)


def test_extremes_of_halves_keep_nan() -> None:
    for dtype in HALVES:
        x = torch.zeros(300, dtype=dtype)
        x[77] = float("nan")
        assert x.max().isnan().item() and x.amin().isnan().item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALVES])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_softmax_along_every_dimension(dtype, dim) -> None:
    x = (torch.randn(5, 70, 33) * 4).to(dtype)
    a = wide(x)
    e = np.exp(a - a.max(dim, keepdims=True))
    p = e / e.sum(dim, keepdims=True)
    at = {torch.float64: 1e-12, torch.float32: 1e-6}.get(dtype, 1e-2)
    assert np.abs(wide(x.softmax(dim)) - p).max() < at
    assert np.abs(wide(x.log_softmax(dim)) - np.log(p)).max() < 40 * at
    if dtype == torch.float64:
        z = x[:2, :20, :17].clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda t: t.softmax(dim), (z,))
        assert torch.autograd.gradcheck(lambda t: t.log_softmax(dim), (z,))


def test_masks() -> None:
    for shape in ((7,), (1000,), (3, 64), (40, 1000)):
        x, mask = torch.randn(shape), torch.rand(shape) > 0.6
        a, m = x.numpy(), mask.numpy()
        assert np.array_equal(x[mask].numpy(), a[m])
        assert np.array_equal(mask.nonzero().numpy(), np.argwhere(m))
        y = x.clone()
        y[mask] = y[tuple(0 for _ in shape)]  # a value out of the tensor itself
        assert np.array_equal(y.numpy(), np.where(m, a[tuple(0 for _ in shape)], a))
    x, rows = torch.randn(50, 3, 4), torch.rand(50) > 0.5
    assert np.array_equal(x[rows].numpy(), x.numpy()[rows.numpy()])
    y = x.clone()
    y[rows] = 2.0
    assert (y[rows] == 2).all() and torch.equal(y[~rows], x[~rows])
    everything = torch.ones(130, dtype=torch.bool)
    assert everything.nonzero().flatten().tolist() == list(range(130))
    assert torch.empty(0, 3)[torch.empty(0, dtype=torch.bool)].shape == (0, 3)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gather_and_scatter(dim) -> None:
    x = torch.randn(6, 70, 40)
    index = torch.randint(0, x.shape[dim], (5, 60, 33)).clamp(max=x.shape[dim] - 1)
    src = torch.randn(5, 60, 33)
    cut = tuple(slice(n) if d != dim else slice(None) for d, n in enumerate(index.shape))
    assert np.array_equal(
        x.gather(dim, index).numpy(), np.take_along_axis(x.numpy()[cut], index.numpy(), dim)
    )
    want = x.double().numpy().copy()
    spots = list(np.indices(index.shape))
    spots[dim] = index.numpy()
    np.add.at(want, tuple(spots), src.numpy().astype(np.float64))
    inplace = x.clone()
    assert inplace.scatter_add_(dim, index, src) is inplace
    for found in (inplace, x.scatter_add(dim, index, src)):
        assert np.abs(wide(found) - want).max() < 1e-5
    filled = x.clone().scatter_(dim, index, 3.0).numpy()
    reference = x.numpy().copy()
    reference[tuple(spots)] = 3.0
    assert np.array_equal(filled, reference)
    bad = index.clone()
    bad[2, 3, 4] = x.shape[dim]
    before = x.clone()
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.scatter_(dim, bad, src)
    assert torch.equal(x, before)  # nothing is written before all indices are known to be good


def test_running_sums_and_their_gradients() -> None:
    for shape in ((1, 1), (3, 100), (8, 16), (19, 37), (40, 5, 6)):
        x = torch.randn(shape, dtype=torch.float64)
        for dim in range(len(shape)):
            assert np.allclose(x.cumsum(dim).numpy(), np.cumsum(x.numpy(), dim), atol=1e-12)
            assert np.allclose(x.cumprod(dim).numpy(), np.cumprod(x.numpy(), dim))
            back = x.clone().requires_grad_()
            g = torch.randn(shape, dtype=torch.float64)
            back.cumsum(dim).backward(g)
            reverse = np.flip(np.cumsum(np.flip(g.numpy(), dim), dim), dim)
            assert np.allclose(back.grad.numpy(), reverse, atol=1e-12)
    counts = torch.randint(-5, 5, (9, 33))
    assert np.array_equal(counts.cumsum(1).numpy(), counts.numpy().cumsum(1))


def test_triangles() -> None:
    for shape in ((4, 4), (3, 7), (6, 2), (2, 5, 5)):
        x = torch.randn(shape)
        for diagonal in (-9, -2, 0, 1, 9):
            assert np.array_equal(x.tril(diagonal).numpy(), np.tril(x.numpy(), diagonal))
            assert np.array_equal(x.triu(diagonal).numpy(), np.triu(x.numpy(), diagonal))
    z = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: t.tril(1) ** 2, (z,))


def test_distinct_integers() -> None:
    for values in ([3], [5, -2, 5, 0], [2**62, -(2**62), 0], [255, 0, 7, 7]):
        x = torch.tensor(values)
        found, counts = x.unique(return_counts=True)
        want, times = np.unique(np.array(values), return_counts=True)
        assert found.tolist() == want.tolist() and counts.tolist() == times.tolist()
    small = torch.randint(-100, 100, (5000,), dtype=torch.int8)
    assert small.unique().tolist() == np.unique(small.numpy()).tolist()
    many = torch.randint(0, 50, (100_001,))
    assert np.array_equal(many.bincount().numpy(), np.bincount(many.numpy()))
    edges = torch.tensor([0.0, 1.0, 1.0, 3.0, float("inf")])
    points = torch.tensor([-1.0, 0.0, 1.0, 2.0, 9.0, float("inf"), float("nan")])
    for right in (False, True):
        side = "right" if right else "left"
        found = torch.searchsorted(edges, points, right=right)[:-1]
        assert found.tolist() == np.searchsorted(edges.numpy(), points.numpy()[:-1], side).tolist()


def test_group_norm() -> None:
    x = torch.randn(3, 6, 5, 4, dtype=torch.float64, requires_grad=True)
    w, b = (torch.randn(6, dtype=torch.float64, requires_grad=True) for _ in range(2))
    f = lambda *t: torch.nn.functional.group_norm(t[0], 2, *t[1:])  # noqa: E731
    rows = x.detach().numpy().reshape(3, 2, -1)
    h = (rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + 1e-5)
    scale, shift = (t.detach().numpy()[None, :, None, None] for t in (w, b))
    assert np.allclose(f(x, w, b).detach().numpy(), h.reshape(3, 6, 5, 4) * scale + shift)
    assert torch.autograd.gradcheck(f, (x, w, b))
    assert torch.autograd.gradcheck(f, (x,))
    small = tuple(t.detach()[..., :2].requires_grad_() for t in (x,)) + (w, b)
    assert torch.autograd.gradgradcheck(f, small)


def test_smooth_l1_and_huber() -> None:
    x = torch.tensor([-3.0, -0.4, 0.1, 0.3, 2.5], dtype=torch.float64, requires_grad=True)
    y = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    d = np.abs(x.detach().numpy())
    for b in (0.7, 2.0):
        smooth = np.where(d < b, 0.5 * d * d / b, d - 0.5 * b)
        found = torch.nn.functional.smooth_l1_loss(x, y, beta=b, reduction="none")
        assert np.allclose(found.detach().numpy(), smooth)
        found = torch.nn.functional.huber_loss(x, y, delta=b, reduction="none")
        assert np.allclose(found.detach().numpy(), smooth * b)
        for loss in (
            lambda p, q: torch.nn.functional.smooth_l1_loss(p, q, beta=b),  # noqa: B023
            lambda p, q: torch.nn.functional.huber_loss(p, q, delta=b),  # noqa: B023
        ):
            assert torch.autograd.gradcheck(loss, (x, y))
            assert torch.autograd.gradgradcheck(loss, (x, y))


@pytest.mark.parametrize(
    "equation",
    ["ij,jk->ik", "bij,bjk->bik", "ji,jk->ki", "bhqd,bhkd->bhqk", "i,i->", "abc,cd->dab"],
)
def test_einsum_of_two(equation) -> None:
    terms = equation.split("->")[0].split(",")
    sizes = {label: 2 + k for k, label in enumerate(sorted(set("".join(terms))))}
    operands = [torch.randn([sizes[x] for x in term], dtype=torch.float64) for term in terms]
    want = np.einsum(equation, *[o.numpy() for o in operands])
    assert np.allclose(torch.einsum(equation, *operands).numpy(), want)
