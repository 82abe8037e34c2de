"""torch.masked against numpy's masked arrays, and the identities of reductions over nothing."""

from __future__ import annotations

import numpy
import pytest

import rushlight as torch

VALUES = numpy.array([[3.0, -1.0, 2.5, 0.5], [-2.0, 4.0, 1.5, -0.5], [7.0, 8.0, -9.0, 1.0]])
MASK = numpy.array(
    [[True, False, True, True], [True, True, False, True], [False, True, True, False]]
)
X, M = torch.tensor(VALUES), torch.tensor(MASK)
REFERENCE = numpy.ma.array(VALUES, mask=~MASK)
NOTHING = torch.zeros(4, dtype=torch.bool)


@pytest.mark.parametrize("dim", [None, 0, 1, (0, 1), -1, ()])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std"])
def test_reductions(name, dim):
    options = {"ddof": 1} if name in ("var", "std") else {}
    axis = None if dim == () else dim
    if name == "prod" and isinstance(axis, tuple):
        axis = None
    expected = getattr(REFERENCE, name)(axis=axis, **options)
    found = getattr(torch.masked, name)(X, dim, mask=M)
    numpy.testing.assert_allclose(found.numpy(), numpy.asarray(expected), rtol=1e-12)
    kept = getattr(torch.masked, name)(X, dim, keepdim=True, mask=M)
    assert kept.dim() == 2 and kept.numel() == found.numel()


@pytest.mark.parametrize("dim", [0, 1])
def test_extremes_and_positions(dim):
    for name, theirs in (("amax", "max"), ("amin", "min")):
        found = getattr(torch.masked, name)(X, dim, mask=M)
        numpy.testing.assert_array_equal(found.numpy(), getattr(REFERENCE, theirs)(axis=dim))
    for name in ("argmax", "argmin"):
        found = getattr(torch.masked, name)(X, dim, mask=M)
        numpy.testing.assert_array_equal(found.numpy(), getattr(REFERENCE, name)(axis=dim))


def test_running_sums_and_products():
    filled = numpy.where(MASK, VALUES, 0).cumsum(1), numpy.where(MASK, VALUES, 1).cumprod(1)
    numpy.testing.assert_allclose(torch.masked.cumsum(X, 1, mask=M).numpy(), filled[0])
    numpy.testing.assert_allclose(torch.masked.cumprod(X, 1, mask=M).numpy(), filled[1])


def test_softmax_family():
    weights = numpy.where(MASK, numpy.exp(VALUES), 0)
    expected = weights / weights.sum(1, keepdims=True)
    numpy.testing.assert_allclose(torch.masked.softmax(X, 1, mask=M).numpy(), expected)
    logs = torch.masked.log_softmax(X, 1, mask=M)
    numpy.testing.assert_allclose(logs.exp().numpy(), expected)
    numpy.testing.assert_allclose(torch.masked.softmin(-X, 1, mask=M).numpy(), expected)
    total = torch.masked.logsumexp(X, 1, mask=M)
    numpy.testing.assert_allclose(total.numpy(), numpy.log(weights.sum(1)))
    both = torch.masked.logaddexp(X, X, input_mask=M, other_mask=torch.ones(3, 4, dtype=torch.bool))
    expected = numpy.log(numpy.where(MASK, 2, 1)) + VALUES
    numpy.testing.assert_allclose(both.numpy(), expected)


def test_norms_and_medians():
    for order in (1, 2, 3, float("inf")):
        found = torch.masked.norm(X, order, 1, mask=M).numpy()
        expected = [numpy.linalg.norm(row[m], order) for row, m in zip(VALUES, MASK)]
        numpy.testing.assert_allclose(found, expected)
    unit = torch.masked.normalize(X, 2, 1, mask=M).numpy()
    expected = numpy.where(MASK, VALUES, 0)
    expected /= numpy.linalg.norm(expected, axis=1, keepdims=True)
    numpy.testing.assert_allclose(unit, expected)
    lower = [numpy.sort(row[m])[(m.sum() - 1) // 2] for row, m in zip(VALUES, MASK)]
    numpy.testing.assert_array_equal(torch.masked.median(X, 1, mask=M).numpy(), lower)


def test_reductions_over_nothing():
    x = torch.arange(4.0)
    masked = torch.masked
    assert masked.sum(x, mask=NOTHING).item() == 0 and masked.prod(x, mask=NOTHING).item() == 1
    assert masked.amax(x, mask=NOTHING).item() == -float("inf")
    assert masked.amin(x, mask=NOTHING).item() == float("inf")
    assert masked.mean(x, mask=NOTHING).isnan() and masked.var(x, mask=NOTHING).isnan()
    assert masked.amax(x.to(torch.int8), mask=NOTHING).item() == -128


def test_masks_broadcast_and_gradients_stay_inside():
    x = torch.ones(3, 4, requires_grad=True)
    column = torch.tensor([[True], [False], [True]])
    torch.masked.mean(x, mask=column).backward()
    numpy.testing.assert_allclose(x.grad.numpy(), numpy.array([[1], [0], [1]]) * numpy.ones(4) / 8)


def test_refusals():
    with pytest.raises(ValueError, match="mean.*: Could not infer output dtype"):
        torch.masked.mean(torch.arange(3))
    with pytest.raises(TypeError, match="the mask must be a bool tensor: got torch.int64"):
        torch.masked.sum(torch.arange(3), mask=torch.ones(3, dtype=torch.int64))
    with pytest.raises(NotImplementedError, match="masked median expects floating point"):
        torch.masked.median(torch.arange(3), mask=torch.ones(3, dtype=torch.bool))
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch.masked.sum(torch.arange(3), 1)
    with pytest.raises(RuntimeError, match="a dimension appears twice in dim=.0, 0."):
        torch.masked.sum(torch.ones(3, 4), (0, 0))
    with pytest.raises(TypeError, match="Only one of correction and unbiased"):
        torch.masked.var(torch.ones(3), None, True, correction=1)
