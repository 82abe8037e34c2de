"""Reductions and order statistics made of native ones: norm, quantile, unique, diff, cov, ..."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import _C
from .._autocast import full_precision
from ._registry import function, method

_ops = _C.ops
Tensor = _C.Tensor


def _dims(dim: int | Sequence[int] | None) -> list[int] | None:
    if dim is None:
        return None
    return [dim] if isinstance(dim, int) else list(dim)


# ------------------------------------------------------------------------------------- norm


@function
@method
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: _C.dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Norm of all elements, or of those along `dim`.

    Args:
        input: a floating-point or complex tensor.
        p: the order: a number, inf, -inf, "fro" (2) or "nuc" (sum of singular values).
        dim: the dimension or dimensions to reduce; all by default.
        keepdim: keep reduced dimensions with size 1.
        dtype: convert to this dtype first.

    Example:
        >>> import rushlight as torch
        >>> torch.tensor([3.0, 4.0]).norm()
        tensor(5.)
    """
    if p == "nuc":
        result = _nuclear_norm(input, _dims(dim), keepdim, dtype)
    else:
        if isinstance(p, str):
            if p != "fro":
                raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found: {p}")
            p = 2.0
        order = 2.0 if p is None else p
        result = _ops.linalg_vector_norm(input, order, _dims(dim), keepdim, dtype=dtype)
    return result if out is None else _into(out, result)


def _nuclear_norm(
    input: Tensor, dims: list[int] | None, keepdim: bool, dtype: _C.dtype | None
) -> Tensor:
    from .. import linalg

    rows, cols = dims if dims is not None else (-2, -1)
    x = input if dtype is None else input.to(dtype)
    at = sorted(d % x.ndim for d in (rows, cols))
    values = linalg.svdvals(x.movedim((rows, cols), (-2, -1)))
    result = values.sum(-1)
    if keepdim:
        for d in at:
            result = result.unsqueeze(d)
    return result


def _into(out: Tensor, result: Tensor) -> Tensor:
    if out.shape != result.shape:
        out.resize_(result.shape)
    return out.copy_(result)


# ------------------------------------------------------------------------------------- unique


def _unique_results(parts: tuple[Tensor, ...], inverse: bool, counts: bool):
    wanted = [parts[0]]
    if inverse:
        wanted.append(parts[1])
    if counts:
        wanted.append(parts[2])
    return wanted[0] if len(wanted) == 1 else tuple(wanted)


@function
@method
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
):
    """Distinct elements in ascending order, or distinct slices along `dim`.

    Args:
        input: any tensor that can be ordered.
        sorted: accepted for compatibility; results are always sorted.
        return_inverse: also return, for every element, its position in the result.
        return_counts: also return how often each result occurs.
        dim: compare whole slices along this dimension.

    Example:
        >>> import rushlight as torch
        >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    if dim is None:
        parts = _ops._unique2(input, sorted, return_inverse, return_counts)
    else:
        parts = _ops.unique_dim(input, dim, sorted, return_inverse, return_counts)
    return _unique_results(parts, return_inverse, return_counts)


@function
@method
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
):
    """Drop elements (or slices along `dim`) that equal the one before them.

    Example:
        >>> import rushlight as torch
        >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """
    parts = _ops._unique_consecutive(input, return_inverse, return_counts, dim)
    return _unique_results(parts, return_inverse, return_counts)


@function
def isin(
    elements: Tensor | float,
    test_elements: Tensor | float,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Is each element among `test_elements`?

    Example:
        >>> import rushlight as torch
        >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 5]))
        tensor([False,  True, False])
    """
    if not isinstance(elements, Tensor):
        dtype = _dtype_of(elements, test_elements)
        elements = _ops.scalar_tensor(elements, dtype=dtype, device=test_elements.device)
    if not isinstance(test_elements, Tensor):
        dtype = _dtype_of(test_elements, elements)
        test_elements = _ops.scalar_tensor(test_elements, dtype=dtype, device=elements.device)
    pool = test_elements.reshape(-1)
    if pool.numel() == 0:
        found = _ops.zeros(list(elements.shape), dtype=_C.bool, device=elements.device)
    elif pool.numel() <= 8:
        found = (elements.unsqueeze(-1) == pool).any(-1)
    else:
        common = _C.promote_types(elements.dtype, pool.dtype)
        values, pool = elements.to(common), pool.to(common).sort()[0]
        at = _ops.searchsorted(pool, values).clamp(max=pool.numel() - 1)
        found = pool[at] == values
    if invert:
        found = found.logical_not()
    return found if out is None else _into(out, found)


def _dtype_of(number: Any, tensor: Any) -> _C.dtype:
    return tensor.dtype if isinstance(number, int) else _C.get_default_dtype()


# ------------------------------------------------------------------------------------- quantiles


def _quantile(
    name: str,
    input: Tensor,
    q: Tensor | float,
    dim: int | None,
    keepdim: bool,
    interpolation: str,
    ignore_nan: bool,
) -> Tensor:
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if input.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        q = _ops.scalar_tensor(q, dtype=input.dtype, device=input.device)
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype != input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    shape = list(input.shape)
    if dim is None:
        ordered = input.reshape(-1).sort()[0]
        kept = [1] * input.ndim if keepdim else []
    elif input.ndim == 0:
        if dim not in (0, -1):
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-1, 0], but got {dim})"
            )
        ordered, kept = input.reshape(1), []
    else:
        ordered = input.movedim(dim, -1).sort()[0]
        at = dim % input.ndim
        kept = shape[:at] + ([1] if keepdim else []) + shape[at + 1 :]
    ranks = _ranks(ordered, q, ignore_nan)
    if interpolation == "lower":
        ranks = ranks.floor()
    elif interpolation == "higher":
        ranks = ranks.ceil()
    elif interpolation == "nearest":
        ranks = ranks.round()
    below = ranks.detach().long()
    values = ordered.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weight = ranks - below if interpolation == "linear" else _ops.full_like(ranks, 0.5)
        above = ranks.detach().ceil().long()
        values = values.lerp(ordered.gather(-1, above), weight)
    # (*kept, q) -> (q, *kept)
    values = values.movedim(-1, 0)
    return values.reshape([*q.shape, *kept])


def _ranks(ordered: Tensor, q: Any, ignore_nan: bool) -> Tensor:
    """Fractional positions (..., q) in the sorted rows (..., n)."""
    n, spread = ordered.shape[-1], [*ordered.shape[:-1], max(q.numel(), 1)]
    q = q.reshape([1] * (ordered.ndim - 1) + [-1])
    nan = ordered.detach().isnan()
    if ignore_nan:
        last = nan.logical_not().sum(-1, keepdim=True) - 1
        return (q * last.to(q.dtype)).clamp(min=0).expand(spread)
    # A row with a NaN has it at the end, and its answer is NaN.
    return (q * (n - 1)).expand(spread).masked_fill(nan.any(-1, keepdim=True), n - 1)


@function
@method
@full_precision
def quantile(
    input: Tensor,
    q: Tensor | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Quantiles `q` (numbers in [0, 1]) of all elements, or of those along `dim`.

    Args:
        input: float32 or float64.
        q: a number, or a tensor (Q,) of the input's dtype; then the result starts with size Q.
        dim: the dimension to reduce; all elements by default.
        keepdim: keep the reduced dimension with size 1.
        interpolation: linear, lower, higher, midpoint or nearest.

    Example:
        >>> import rushlight as torch
        >>> torch.quantile(torch.tensor([1.0, 2.0, 4.0]), 0.5)
        tensor(2.)
    """
    result = _quantile("quantile", input, q, dim, keepdim, interpolation, False)
    return result if out is None else _into(out, result)


@function
@method
@full_precision
def nanquantile(
    input: Tensor,
    q: Tensor | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Like `quantile`, as if NaN elements were not there.

    Example:
        >>> import rushlight as torch
        >>> torch.nanquantile(torch.tensor([1.0, float("nan"), 3.0]), 0.5)
        tensor(2.)
    """
    result = _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
    return result if out is None else _into(out, result)


# ------------------------------------------------------------------------------------- differences


@function
@method
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along `dim`, taken n times.

    Example:
        >>> import rushlight as torch
        >>> torch.tensor([1, 4, 9]).diff()
        tensor([3, 5])
    """
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    parts = [t for t in (prepend, input, append) if t is not None]
    x = _ops.cat(parts, dim) if len(parts) > 1 else input
    if n == 0:
        return x.clone() if out is None else _into(out, x)
    for _ in range(min(n, x.shape[dim])):
        size = x.shape[dim]
        right, left = x.narrow(dim, 1, size - 1), x.narrow(dim, 0, size - 1)
        x = right.logical_xor(left) if x.dtype == _C.bool else right - left
    return x if out is None else _into(out, x)


def _steps(name: str, y: Tensor, x: Tensor | None, dx: float | None, dim: int):
    if x is not None and dx is not None:
        raise TypeError(f"{name}() got both x and dx; give one of them")
    if y.dtype == _C.bool or (x is not None and x.dtype == _C.bool):
        raise RuntimeError(
            f"{name}: received a bool input for `y` or `x`, but bool is not supported"
        )
    if x is None:
        return 1 if dx is None else dx
    if x.ndim == 1 and y.ndim > 1:
        shape = [1] * y.ndim
        shape[dim] = x.shape[0]
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.reshape(shape)
    elif x.ndim < y.ndim:
        x = x.reshape([1] * (y.ndim - x.ndim) + list(x.shape))
    size = x.shape[dim]
    return x.narrow(dim, 1, size - 1) - x.narrow(dim, 0, size - 1)


def _trapezoids(name: str, y: Tensor, x: Tensor | None, dx: float | None, dim: int) -> Tensor:
    size = y.shape[dim]
    steps = _steps(name, y, x, dx, dim)
    return (y.narrow(dim, 0, size - 1) + y.narrow(dim, 1, size - 1)) * steps


@function
def trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """Integral of samples `y` along `dim` by the trapezoidal rule.

    Args:
        y: the samples.
        x: where they were taken; evenly spaced by `dx` (default 1) if not given.
        dim: the dimension of the samples.

    Example:
        >>> import rushlight as torch
        >>> torch.trapezoid(torch.tensor([1.0, 2.0, 3.0]))
        tensor(4.)
    """
    if y.shape[dim] == 0:
        shape = list(y.shape)
        del shape[dim]
        return _ops.zeros(shape, dtype=y.dtype, device=y.device)
    return _trapezoids("trapezoid", y, x, dx, dim).sum(dim) / 2.0


@function
def trapz(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """Another name of `trapezoid`."""
    return trapezoid(y, x, dx=dx, dim=dim)


@function
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """Running integral of samples along `dim` by the trapezoidal rule.

    Example:
        >>> import rushlight as torch
        >>> torch.cumulative_trapezoid(torch.tensor([1.0, 2.0, 3.0]))
        tensor([1.5000, 4.0000])
    """
    return _trapezoids("cumulative_trapezoid", y, x, dx, dim).cumsum(dim) / 2.0


# ------------------------------------------------------------------------------------- comparison


@function
@method
def argwhere(input: Tensor) -> Tensor:
    """Positions (count, ndim) of the elements that are not zero.

    Example:
        >>> import rushlight as torch
        >>> torch.argwhere(torch.tensor([0, 5, 7]))
        tensor([[1],
                [2]])
    """
    return input.nonzero()


@function
@method
def allclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Do all elements satisfy |input - other| <= atol + rtol * |other|?

    Example:
        >>> import rushlight as torch
        >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
        True
    """
    from .. import isclose

    return bool(isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan).all())


# ------------------------------------------------------------------------------------- covariance


@function
@method
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Covariance matrix of variables in rows and observations in columns.

    Args:
        input: (variables, observations), or (observations,).
        correction: subtracted from the number of observations.
        fweights: (observations,) integers, how often each observation occurred.
        aweights: (observations,) weights of the observations.

    Example:
        >>> import rushlight as torch
        >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    if input.dtype == _C.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.ndim < 2 else input
    weights = _cov_weights(x, fweights, aweights)
    if weights is None:
        total = norm_factor = x.shape[1]
        mean = x.sum(1, keepdim=True) / total
        norm_factor = max(norm_factor - correction, 0)
        centered = x - mean
        scaled = centered
    else:
        total = weights.sum()
        mean = (x * weights).sum(1, keepdim=True) / total
        if aweights is None or correction == 0:
            norm_factor = total - correction
        else:
            norm_factor = total - correction * (weights * aweights).sum() / total
        norm_factor = norm_factor.clamp(min=0)
        centered = x - mean
        scaled = centered * weights
    result = (scaled @ centered.t().conj()) / norm_factor
    return result.squeeze()


def _cov_weights(x: Tensor, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if w.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                f"{w.ndim} dimensions"
            )
        if w.numel() != x.shape[1]:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {w.numel()} != {x.shape[1]}"
            )
        if bool((w < 0).any()):
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None:
        return aweights
    return fweights if aweights is None else fweights * aweights


@function
@method
def corrcoef(input: Tensor) -> Tensor:
    """Correlation coefficients of variables in rows and observations in columns.

    Example:
        >>> import rushlight as torch
        >>> torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    c = cov(input)
    if c.ndim == 0:
        return c / c
    spread = c.diagonal().real.sqrt() if c.is_complex() else c.diagonal().sqrt()
    c = c / spread.unsqueeze(1) / spread.unsqueeze(0)
    if c.is_complex():
        return _ops.complex(c.real.clamp(-1, 1), c.imag.clamp(-1, 1))
    return c.clamp(-1, 1)


# ------------------------------------------------------------------------------------- histogram


@function
@method
def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
):
    """Counts (or weights, or densities) of elements per bin, and the edges of the bins.

    Args:
        input: float32 or float64.
        bins: how many of equal width, or their edges in ascending order.
        range: least and greatest edge; those of the data by default.
        weight: a weight for each element.
        density: divide by the total and by the width of the bin.

    Example:
        >>> import rushlight as torch
        >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0))[0]
        tensor([2., 1.])
    """
    x = input.reshape(-1)
    if isinstance(bins, Tensor):
        edges = bins
    else:
        low, high = range if range is not None else _data_range(x)
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = _ops.linspace(low, high, bins + 1, dtype=input.dtype, device=input.device)
    count = edges.numel() - 1
    at = _ops.searchsorted(edges, x, right=True) - 1
    at = at.masked_fill(x == edges[-1], count - 1)
    inside = (at >= 0) & (at < count)
    weights = _ops.ones_like(x) if weight is None else weight.reshape(-1)
    sums = _ops.bincount(at[inside], weights[inside], count).to(input.dtype)
    if density:
        sums = sums / sums.sum() / edges.diff()
    return _histogram_type()(sums, edges)


def _data_range(x: Tensor) -> tuple[float, float]:
    if x.numel() == 0:
        return 0.0, 1.0
    low, high = x.min().item(), x.max().item()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histogram: range of [{low:g}, {high:g}] is not finite")
    return low, high


def _histogram_type() -> type:
    global _Histogram
    if _Histogram is None:
        from collections import namedtuple

        _Histogram = namedtuple("histogram", ["hist", "bin_edges"])  # type: ignore[name-match]
    return _Histogram


_Histogram: type | None = None
