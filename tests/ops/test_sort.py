"""Sorting, selection, distinct elements, search and counting."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as torch

NAN = float("nan")
DTYPES = ["float32", "float64", "int8", "uint8", "int16", "int32", "int64"]


def values_of(dtype, n, seed=0):
    rng = np.random.default_rng(seed)
    if dtype.startswith("float"):
        return rng.standard_normal(n).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(max(info.min, -1000), min(info.max, 1000), n, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 7, 79, 80, 5000])
def test_sort_is_stable(dtype, n):
    a = values_of(dtype, n)
    values, indices = torch.from_numpy(a).sort(stable=True)
    order = np.argsort(a, kind="stable")
    assert indices.tolist() == order.tolist()
    assert values.tolist() == a[order].tolist()
    falling = torch.from_numpy(a).sort(stable=True, descending=True)
    positions = sorted(range(n), key=lambda i: (-a[i].item(), i))
    assert falling.indices.tolist() == positions


def test_sort_along_a_dimension():
    a = values_of("float32", 60).reshape(3, 4, 5)
    for d in range(3):
        values, indices = torch.from_numpy(a).sort(d)
        assert np.array_equal(values.numpy(), np.sort(a, d))
        assert np.array_equal(np.take_along_axis(a, indices.numpy(), d), np.sort(a, d))
    assert np.array_equal(torch.from_numpy(a).msort().numpy(), np.sort(a, 0))
    assert torch.tensor([2, 3, 1]).argsort(descending=True).tolist() == [1, 0, 2]


def test_nan_sorts_last_and_zeros_are_equal():
    x = torch.tensor([NAN, 1.0, 0.0, -0.0, -math.inf, math.inf])
    assert x.sort(stable=True).indices.tolist() == [4, 2, 3, 1, 5, 0]
    assert x.sort(stable=True, descending=True).indices.tolist() == [0, 5, 1, 2, 3, 4]
    assert x.topk(2).indices.tolist() == [0, 5]
    assert x.topk(2, largest=False).values.tolist()[0] == -math.inf
    assert x.kthvalue(5).values.item() == math.inf


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n,k", [(5, 5), (100, 3), (3000, 17), (3000, 2000)])
@pytest.mark.parametrize("largest", [True, False])
def test_topk(dtype, n, k, largest):
    a = values_of(dtype, n, seed=n)
    values, indices = torch.from_numpy(a).topk(k, largest=largest)
    expected = np.sort(a)[::-1][:k] if largest else np.sort(a)[:k]
    assert values.tolist() == expected.tolist()
    assert a[indices.numpy()].tolist() == expected.tolist()
    assert len(set(indices.tolist())) == k


@pytest.mark.parametrize("n", [1, 2, 99, 1000, 4001])
def test_median_and_kthvalue(n):
    a = values_of("float32", n, seed=n)
    ordered = np.sort(a)
    x = torch.from_numpy(a)
    assert x.median().item() == ordered[(n - 1) // 2]
    for k in {1, n, (n + 1) // 2}:
        value, index = x.kthvalue(k)
        assert value.item() == ordered[k - 1] == a[index.item()]
    b = values_of("int64", n, seed=n)
    assert torch.from_numpy(b).median().item() == np.sort(b)[(n - 1) // 2]


def test_median_and_nan():
    x = torch.tensor([[1.0, NAN, 3.0, 2.0], [NAN, NAN, NAN, NAN]])
    assert math.isnan(x.median(1).values[0].item()) and x.median(1).indices.tolist() == [1, 0]
    result = x.nanmedian(1)
    assert result.values[0].item() == 2 and math.isnan(result.values[1].item())
    assert x.nanmedian().item() == 2


def test_mode():
    values, indices = torch.tensor([[2, 1, 1, 2], [5, 5, 0, 5]]).mode(1)
    assert values.tolist() == [1, 5] and indices.tolist() == [2, 3]


def test_unique():
    a = values_of("int16", 500)
    x = torch.from_numpy(a)
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    expected = np.unique(a, return_inverse=True, return_counts=True)
    for ours, theirs in zip((values, inverse, counts), expected, strict=True):
        assert ours.tolist() == theirs.tolist()
    rows = torch.tensor([[2, 1], [0, 3], [2, 1]])
    values, inverse = torch.unique(rows, dim=0, return_inverse=True)
    assert values.tolist() == [[0, 3], [2, 1]] and inverse.tolist() == [1, 0, 1]
    assert torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 1])).tolist() == [1, 2, 1]
    assert torch.tensor([NAN, NAN]).unique().numel() == 2


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(right):
    edges, x = np.sort(values_of("float64", 50)), values_of("float64", 200, seed=1)
    x[:10] = edges[:10]
    expected = np.searchsorted(edges, x, side="right" if right else "left").tolist()
    assert (
        torch.searchsorted(torch.from_numpy(edges), torch.from_numpy(x), right=right).tolist()
        == expected
    )
    assert (
        torch.bucketize(torch.from_numpy(x), torch.from_numpy(edges), right=right).tolist()
        == expected
    )
    rows = torch.tensor([[1, 3, 5], [2, 4, 6]])
    assert torch.searchsorted(rows, torch.tensor([[3], [3]])).tolist() == [[1], [1]]
    with pytest.raises(RuntimeError, match="side can only be 'left' or 'right'"):
        torch.searchsorted(rows, rows, side="up")


def test_counting():
    x = torch.tensor([1, 2, 2, 5])
    assert x.bincount().tolist() == [0, 1, 2, 0, 0, 1]
    assert x.bincount(torch.tensor([0.5, 1.0, 1.0, 2.0]), minlength=7).tolist() == [
        0,
        0.5,
        2,
        0,
        0,
        2,
        0,
    ]
    with pytest.raises(RuntimeError, match="1-d non-negative integral"):
        torch.tensor([-1]).bincount()
    assert torch.tensor([1.0, 2.0, 1.0, 4.0]).histc(4, 0, 4).tolist() == [0, 2, 1, 1]
    assert torch.tensor([[0, 1], [2, 0]]).count_nonzero(0).tolist() == [1, 1]
    hist, edges = torch.histogram(torch.tensor([1.0, 2.0, 1.0]), 4, range=(0.0, 3.0))
    assert hist.tolist() == [0, 2, 1, 0] and edges.tolist() == [0, 0.75, 1.5, 2.25, 3]


def test_quantile():
    a = values_of("float64", 35).reshape(5, 7)
    x, q = torch.from_numpy(a), torch.tensor([0.0, 0.31, 0.5, 1.0], dtype=torch.float64)
    for d in (0, 1):
        expected = np.quantile(a, [0, 0.31, 0.5, 1], axis=d)
        np.testing.assert_allclose(torch.quantile(x, q, d).numpy(), expected, rtol=1e-12)
    for how in ("lower", "higher", "nearest", "midpoint"):
        expected = np.quantile(a, 0.31, axis=1, method=how)
        np.testing.assert_allclose(x.quantile(0.31, 1, interpolation=how).numpy(), expected)
    gaps = torch.tensor([1.0, NAN, 3.0])
    assert math.isnan(gaps.quantile(0.5).item()) and gaps.nanquantile(0.5).item() == 2


def test_differences_and_integrals():
    a = values_of("float64", 12).reshape(3, 4)
    x = torch.from_numpy(a)
    np.testing.assert_allclose(x.diff(2, 0).numpy(), np.diff(a, 2, 0))
    np.testing.assert_allclose(torch.trapezoid(x, dim=0).numpy(), 0.5 * (a[1:] + a[:-1]).sum(0))
    assert torch.tensor([1, 2]).diff(prepend=torch.tensor([0])).tolist() == [1, 1]


def test_covariance():
    a = values_of("float64", 30).reshape(3, 10)
    np.testing.assert_allclose(torch.from_numpy(a).cov().numpy(), np.cov(a))
    np.testing.assert_allclose(torch.from_numpy(a).corrcoef().numpy(), np.corrcoef(a))


def test_membership_and_equality():
    x = torch.tensor([[1, 2], [3, 4]])
    assert torch.isin(x, torch.tensor([2, 3])).tolist() == [[False, True], [True, False]]
    assert torch.isin(x, torch.arange(3, 30)).tolist() == [[False, False], [True, True]]
    assert torch.equal(x, x.clone()) is True and torch.equal(x, x[0]) is False
    assert torch.allclose(x.double(), x.double() + 1e-9) is True
    assert torch.tensor([0, 5]).argwhere().tolist() == [[1]]
