"""Corners of single operators: numpy, algebra, or a value recorded from PyTorch 2.13."""

from __future__ import annotations

import warnings

import numpy
import pytest

import rushlight as torch


def test_meshgrid_xy():
    a, b, c = torch.arange(3), torch.arange(2), torch.arange(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for items in ((a, b), (a, b, c)):
            found = torch.meshgrid(*items, indexing="xy")
            for mine, theirs in zip(found, numpy.meshgrid(*(t.numpy() for t in items))):
                numpy.testing.assert_array_equal(mine.numpy(), theirs)


def test_combinations_of_too_few_elements_have_a_gradient():
    x = torch.ones(1, requires_grad=True)
    y = torch.combinations(x, 2)
    assert y.shape == (0, 2)
    y.sum().backward()
    assert x.grad.tolist() == [0]


def test_sum_to_no_dimension_counts_bools():
    assert torch.tensor([True, True]).sum_to_size(()).item() == 2
    assert torch.tensor(True).sum_to_size(()).dtype is torch.int64


def test_take_along_dim_counts_from_the_end():
    x = numpy.arange(6.0).reshape(2, 3)
    at = numpy.array([[-1, 0], [1, -3]])
    found = torch.take_along_dim(torch.tensor(x), torch.tensor(at), 1)
    numpy.testing.assert_array_equal(found.numpy(), numpy.take_along_axis(x, at, 1))
    assert torch.take_along_dim(torch.tensor(x), torch.tensor([-1])).tolist() == [5]
    with pytest.raises(RuntimeError, match="out of bounds"):
        torch.take_along_dim(torch.tensor(x), torch.tensor([[-4], [0]]), 1)


def test_arange_of_int64_counts_in_integers():
    assert torch.arange(-8.000001, -4.0, dtype=torch.int64).tolist() == [-8, -7, -6, -5]
    assert torch.arange(0.5, 3.9, dtype=torch.int64).tolist() == [0, 1, 2]
    assert torch.arange(0, 2, 0.5).tolist() == [0, 0.5, 1, 1.5]
    with pytest.raises(RuntimeError, match="step must be nonzero"):
        torch.arange(0, 5, 0.5, dtype=torch.int64)


def test_gather_at_no_position_takes_any_dtype():
    nothing = torch.empty(0, dtype=torch.uint8)
    assert torch.gather(torch.ones(5), 0, nothing).shape == (0,)
    with pytest.raises(RuntimeError, match="Expected dtype int64 for index"):
        torch.gather(torch.ones(5), 0, torch.zeros(1, dtype=torch.uint8))


def test_gradient_of_a_value_filled_in_twice():
    v = torch.tensor(2.0, requires_grad=True)
    weights = torch.tensor([1.0, 10.0, 100.0])
    y = torch.zeros(3).index_fill(0, torch.tensor([2, 0, 2]), v)
    (y * weights).sum().backward()
    assert v.grad.item() == 101


def test_nearest_sampling_has_a_gradient_of_zeros_for_the_grid():
    image = torch.ones(1, 1, 3, 3, requires_grad=True)
    grid = torch.zeros(1, 2, 2, 2, requires_grad=True)
    y = torch.nn.functional.grid_sample(image, grid, mode="nearest", align_corners=True)
    y.sum().backward()
    assert not grid.grad.any() and image.grad.sum().item() == 4


@pytest.mark.parametrize("shapes", [((4, 3), (5, 3)), ((2, 30, 3), (1, 5, 3)), ((0, 3), (2, 3))])
@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.5, float("inf")])
def test_cdist(shapes, p):
    a, b = (numpy.random.default_rng(i).normal(size=s) for i, s in enumerate(shapes))
    away = numpy.abs(a[..., :, None, :] - b[..., None, :, :])
    if p == 0:
        expected = (away != 0).sum(-1)
    else:
        expected = away.max(-1) if p == numpy.inf else (away**p).sum(-1) ** (1 / p)
    found = torch.cdist(torch.tensor(a), torch.tensor(b), p)
    numpy.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_cdist_of_equal_rows_has_gradient_zero():
    for rows in (3, 30):
        x = torch.ones(rows, 2, dtype=torch.float64, requires_grad=True)
        torch.cdist(x, x.detach()).sum().backward()
        assert x.grad.tolist() == [[0, 0]] * rows


def test_cdist_refusals():
    x = torch.ones(2, 3)
    for call, text in [
        (lambda: torch.cdist(x.int(), x), "cdist only supports floating-point dtypes, X1 got: Int"),
        (lambda: torch.cdist(x, x[0]), "cdist only supports at least 2D tensors, X2 got: 1D"),
        (lambda: torch.cdist(x, x[:, :2]), "X1 and X2 must have the same number of columns"),
        (lambda: torch.cdist(x, x, -1.0), "cdist only supports non-negative p values"),
    ]:
        with pytest.raises(RuntimeError, match=text):
            call()
    with pytest.raises(ValueError, match="not a valid value for compute_mode"):
        torch.cdist(x, x, compute_mode="fast")


def test_order_of_uint64_is_not_taken_in_int64():
    with pytest.raises(NotImplementedError, match="not implemented for 'UInt64'"):
        torch.tensor([2**63, 1], dtype=torch.uint64).max()
    assert torch.tensor([2**63, 1], dtype=torch.uint64).sort().values.tolist() == [1, 2**63]
