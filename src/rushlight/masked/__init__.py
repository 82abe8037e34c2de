"""Reductions and normalizations over the elements that a mask selects.

Every function takes `mask`, a bool tensor that broadcasts to the input (default: every element). A reduction over
no element gives its identity: 0 for `sum`, 1 for `prod`, -inf for `amax`, nan for `mean`.

Example:
    >>> import rushlight as torch
    >>> x, mask = torch.arange(4.0), torch.tensor([True, False, True, False])
    >>> torch.masked.sum(x, mask=mask)
    tensor(2.)
    >>> torch.masked.softmax(torch.zeros(4), 0, mask=mask)
    tensor([0.5000, 0.0000, 0.5000, 0.0000])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _C

Tensor = _C.Tensor
Dims = int | Sequence[int] | None

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]
_inf = float("inf")


def _dims(input: Tensor, dim: Dims) -> list[int]:
    """The dimensions to reduce, in order; all of them for None and ()."""
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return list(range(input.dim()))
    n = max(input.dim(), 1)
    given = [dim] if isinstance(dim, int) else list(dim)
    for d in given:
        if not -n <= d < n:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})"
            )
    wrapped = sorted(d % n for d in given)
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(f"masked: a dimension appears twice in dim={tuple(given)}")
    return wrapped if input.dim() else []


def _selected(input: Tensor, mask: Tensor | None, fill: float) -> Tensor:
    """The input with `fill` where the mask is False."""
    if mask is None:
        return input
    if mask.dtype is not _C.bool:
        raise TypeError(f"masked: the mask must be a bool tensor: got {mask.dtype}")
    return _C.ops.where(mask.broadcast_to(input.shape), input, fill)


def _lowest(dtype: Any, sign: int) -> float:
    """The identity of a maximum (sign -1) or minimum (sign 1)."""
    if dtype.is_floating_point:
        return sign * _inf
    if dtype is _C.bool:
        return sign > 0
    from .._dtypes import iinfo

    return iinfo(dtype).min if sign < 0 else iinfo(dtype).max


def _widened(input: Tensor, dtype: Any) -> Tensor:
    """Whole numbers as int64, or the input in the wanted dtype."""
    if dtype is None and not (input.dtype.is_floating_point or input.dtype.is_complex):
        dtype = _C.int64
    return input if dtype is None else input.to(dtype)


def _cast(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(dtype)


def _count(input: Tensor, mask: Tensor | None, dims: list[int], dtype: Any) -> Tensor:
    ones = _C.ops.ones_like(input, dtype=dtype)
    return _sum_over(_selected(ones, mask, 0), dims)


def _sum_over(input: Tensor, dims: list[int]) -> Tensor:
    return input.sum(dims, keepdim=True) if dims else input


def _without(result: Tensor, dims: list[int], keepdim: bool) -> Tensor:
    if keepdim:
        return result
    for d in reversed(dims):
        result = result.squeeze(d)
    return result


def sum(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Sum of the selected elements.

    Args:
        input: tensor.
        dim: dimension or dimensions to reduce. Default: all.
        keepdim: keep them with size 1. Default: False.
        dtype: of the sum. Default: the input's, int64 for whole numbers.
        mask: bool tensor that broadcasts to the input.
    """
    dims = _dims(input, dim)
    return _without(_sum_over(_selected(_widened(input, dtype), mask, 0), dims), dims, keepdim)


def prod(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Product of the selected elements; arguments as for `sum`."""
    dims, result = _dims(input, dim), _selected(_widened(input, dtype), mask, 1)
    for d in dims:
        result = result.prod(d, keepdim=True)
    return _without(result, dims, keepdim)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Cumulative sum along a dimension; elements that are not selected add nothing."""
    return _selected(_widened(input, dtype), mask, 0).cumsum(dim)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Cumulative product along a dimension; elements that are not selected change nothing."""
    return _selected(_widened(input, dtype), mask, 1).cumprod(dim)


def amax(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Largest selected element; arguments as for `sum`."""
    x = _cast(input, dtype)
    return _selected(x, mask, _lowest(x.dtype, -1)).amax(_dims(x, dim), keepdim)


def amin(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Smallest selected element; arguments as for `sum`."""
    x = _cast(input, dtype)
    return _selected(x, mask, _lowest(x.dtype, 1)).amin(_dims(x, dim), keepdim)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Position of the largest selected element, as a number of the input's dtype (or of `dtype`)."""
    x = _cast(input, dtype)
    return _selected(x, mask, _lowest(x.dtype, -1)).argmax(dim, keepdim).to(x.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Position of the smallest selected element, as a number of the input's dtype (or of `dtype`)."""
    x = _cast(input, dtype)
    return _selected(x, mask, _lowest(x.dtype, 1)).argmin(dim, keepdim).to(x.dtype)


def _floating(input: Tensor, dtype: Any, name: str) -> Tensor:
    wanted = dtype or input.dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        raise ValueError(
            f"{name}(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {wanted}"
        )
    return input.to(wanted)


def mean(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Mean of the selected elements; arguments as for `sum`.

    Raises:
        ValueError: the input holds whole numbers and no `dtype` is given.
    """
    dims, x = _dims(input, dim), _floating(input, dtype, "mean")
    total = _sum_over(_selected(x, mask, 0), dims)
    return _without(total / _count(x, mask, dims, x.dtype), dims, keepdim)


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Median of the selected elements along a dimension, the lower of two."""
    x = _cast(input, dtype)
    if not x.dtype.is_floating_point and mask is not None:
        raise NotImplementedError(
            f"masked median expects floating point dtype with a mask: got {x.dtype}"
        )
    if mask is None:
        return x.median(dim, keepdim).values
    return _selected(x, mask, float("nan")).nanmedian(dim, keepdim).values


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """p-norm of the selected elements.

    Args:
        input: tensor.
        ord: the p. Default: 2.
        dim, keepdim, dtype, mask: as for `sum`.
    """
    from ..linalg import vector_norm

    order = 2.0 if ord is None else float(ord)
    x = _selected(_cast(input, dtype), mask, 0.0 if order >= 0 else _inf)
    return vector_norm(x, order, _dims(x, dim), keepdim)


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Variance of the selected elements.

    Args:
        input: tensor.
        dim: dimension or dimensions to reduce. Default: all.
        unbiased: divide by n - 1. Default: True.
        correction: what is subtracted from n instead of that.
        keepdim, dtype, mask: as for `sum`.
    """
    if unbiased is not None and correction is not None:
        raise TypeError("Only one of correction and unbiased may be given")
    less = float(True if unbiased is None else unbiased) if correction is None else correction
    if dtype is None and not (input.dtype.is_floating_point or input.dtype.is_complex):
        dtype = _C.float32
    dims, x = _dims(input, dim), _cast(input, dtype)
    real = x.dtype.to_real()
    count = _count(x, mask, dims, real)
    away = x - _sum_over(_selected(x, mask, 0), dims) / count
    square = (away * away.conj()).real if x.dtype.is_complex else away * away
    total = _sum_over(_selected(square, mask, 0), dims)
    return _without(total / (count - less).clamp_min(0), dims, keepdim)


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Standard deviation of the selected elements; arguments as for `var`."""
    return var(
        input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask
    ).sqrt()


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Softmax along a dimension over the selected elements; 0 elsewhere."""
    return _selected(_cast(input, dtype), mask, -_inf).softmax(dim)


def log_softmax(
    input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """Logarithm of `softmax`; -inf elsewhere."""
    return _selected(_cast(input, dtype), mask, -_inf).log_softmax(dim)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Softmax of the negated input."""
    return (-_selected(_cast(input, dtype), mask, _inf)).softmax(dim)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The selected elements divided by their norm along a dimension (by `eps` where that is larger); 0 elsewhere."""
    x = _cast(input, dtype)
    length = norm(x, ord, dim, keepdim=True, mask=mask)
    return _selected(x, mask, 0) / length.clamp_min(eps)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)) of the selected elements; what a mask leaves out counts as -inf."""
    a = _selected(_cast(input, dtype), input_mask, -_inf)
    return _C.ops.logaddexp(a, _selected(_cast(other, dtype), other_mask, -_inf))


def logsumexp(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """log(sum(exp(input))) of the selected elements; arguments as for `sum`."""
    from .. import logsumexp as whole

    x = _cast(input, dtype)
    return whole(_selected(x, mask, -_inf), _dims(x, dim), keepdim).to(x.dtype)
