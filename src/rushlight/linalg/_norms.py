"""Norms, condition numbers and ranks."""

from __future__ import annotations

from math import inf
from typing import Any

from .. import _C
from ._arrays import Tensor, check_float, check_matrix, into
from ._decompositions import eigvalsh, svdvals
from ._solve import inv_ex


def _dims(x: Tensor, dim: Any) -> tuple[int, ...]:
    if dim is None:
        return tuple(range(x.dim()))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    for d in dims:
        if not -max(x.dim(), 1) <= d < max(x.dim(), 1):
            low, high = -max(x.dim(), 1), max(x.dim(), 1) - 1
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{low}, {high}], but got {d})"
            )
    return tuple(d % max(x.dim(), 1) for d in dims)


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """p-norm of all elements, or along dimensions.

    Args:
        x: tensor of any shape.
        ord: p; inf, -inf and 0 (count of non-zeros) are allowed. Default: 2.
        dim: int or ints; None takes all elements. Default: None.
        keepdim: keep the reduced dimensions with size 1. Default: False.
        dtype: compute in this dtype.

    Returns:
        Real tensor of norms.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.vector_norm(torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    check_float(x, "linalg.vector_norm", low_precision=True)
    if isinstance(ord, Tensor):
        ord = ord.item()
    if hasattr(_C.ops, "linalg_vector_norm"):
        over = None if dim is None else [dim] if isinstance(dim, int) else list(dim)
        return into(out, _C.ops.linalg_vector_norm(x, ord, over, keepdim, dtype=dtype))
    if dtype is not None:
        x = x.to(dtype)
    dims = _dims(x, dim) or _dims(x, None)
    return into(out, _vector_norm(x, float(ord), dims, keepdim))


def _vector_norm(x: Tensor, p: float, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    size = x.abs()
    count = 1
    for d in dims:
        count *= x.size(d) if x.dim() else 1
    if count == 0 and (p < 0 or p == inf):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p} norm on an empty tensor because the operation "
            "does not have an identity"
        )
    reduce = list(dims)
    if p == inf:
        return size.amax(reduce, keepdim)
    if p == -inf:
        return size.amin(reduce, keepdim)
    if p == 0:
        return (size != 0).to(size.dtype).sum(reduce, keepdim) + 0 * size.sum(reduce, keepdim)
    if p == 1:
        return size.sum(reduce, keepdim)
    total = (size * size if p == 2 else size**p).sum(reduce, keepdim)
    # The norm of zeros has the subgradient 0: keep the root's infinite slope out of the product.
    zero = total.detach() == 0 if p > 0 else None
    if zero is not None and bool(zero.any()):
        safe = total.masked_fill(zero, 1)
        return (safe.sqrt() if p == 2 else safe ** (1 / p)).masked_fill(zero, 0)
    return total.sqrt() if p == 2 else total ** (1 / p)


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """Norm of matrices.

    Args:
        A: tensor with at least two dimensions.
        ord: "fro", "nuc", 1, -1, 2, -2, inf or -inf. Default: "fro".
        dim: the two dimensions that are rows and columns. Default: (-2, -1).
        keepdim: keep both with size 1. Default: False.
        dtype: compute in this dtype.

    Returns:
        Real tensor of norms.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.matrix_norm(torch.ones(2, 2))
        tensor(2.)
    """
    check_float(A, "linalg.matrix_norm", low_precision=True)
    if A.dim() < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
        )
    if isinstance(dim, int) or len(dim) != 2:
        raise RuntimeError("linalg.matrix_norm: dim must be a 2-tuple.")
    rows, columns = _dims(A, dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if dtype is not None:
        A = A.to(dtype)
    if isinstance(ord, str):
        if ord == "fro":
            return into(out, vector_norm(A, 2, (rows, columns), keepdim))
        if ord != "nuc":
            raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    elif abs(ord) not in (1, 2, inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if ord == "nuc" or abs(ord) == 2:
        values = svdvals(_to_end(A, rows, columns))
        result = (
            values.sum(-1, keepdim)
            if ord == "nuc"
            else values.amax(-1, keepdim)
            if ord > 0
            else values.amin(-1, keepdim)
        )
        return into(out, _back(result.unsqueeze(-1), A, rows, columns) if keepdim else result)
    across, along = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = vector_norm(A, 1, across, True)
    result = sums.amax(along, True) if ord > 0 else sums.amin(along, True)
    if not keepdim:
        for d in sorted((rows, columns), reverse=True):
            result = result.squeeze(d)
    return into(out, result)


def _to_end(x: Tensor, rows: int, columns: int) -> Tensor:
    rest = [d for d in range(x.dim()) if d not in (rows, columns)]
    return x.permute([*rest, rows, columns])


def _back(x: Tensor, like: Tensor, rows: int, columns: int) -> Tensor:
    order = [d for d in range(like.dim()) if d not in (rows, columns)] + [rows, columns]
    return x.permute([order.index(d) for d in range(like.dim())])


def norm(
    A: Tensor,
    ord: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
) -> Tensor:
    """Vector norm or matrix norm, by the number of dimensions.

    Args:
        A: tensor.
        ord: order; None is the 2-norm of all elements (Frobenius). Default: None.
        dim: one dimension for vector norms, two for matrix norms. Default: None.
        keepdim: keep reduced dimensions. Default: False.
        dtype: compute in this dtype.

    Returns:
        Real tensor of norms.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor(5.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype, out=out)
    if dim is None:
        if A.dim() not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
                f"Got {A.dim()}D."
            )
        dim = tuple(range(A.dim()))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if len(dims) == 1:
        if isinstance(ord, str):
            raise RuntimeError(
                f"linalg.norm: If ord is a string, the input must be a matrix (or dim two numbers): got {ord!r}"
            )
        return vector_norm(A, ord, dims, keepdim, dtype=dtype, out=out)
    return matrix_norm(A, ord, dims, keepdim, dtype=dtype, out=out)


def cond(A: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Condition number of matrices.

    Args:
        A: matrices (..., m, n); square unless p is None, 2 or -2.
        p: order of the matrix norm; None is 2. Default: None.

    Returns:
        Real tensor (...); inf for singular matrices.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.cond(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor(2.)
    """
    check_matrix(A, "linalg.cond")
    if p is None or p in (2, -2):
        values = svdvals(A)
        if values.size(-1) == 0:
            return into(out, values.sum(-1))
        first, last = values[..., 0], values[..., -1]
        return into(out, last / first if p == -2 else first / last)
    if A.size(-1) != A.size(-2):
        raise RuntimeError(
            f"linalg.cond(p={p}): A must be batches of square matrices, but they are {A.size(-2)} by {A.size(-1)} matrices"
        )
    if A.numel() == 0:
        return into(out, _C.ops.zeros(tuple(A.shape[:-2]), dtype=A.abs().dtype))
    inverse, info = inv_ex(A)
    result = matrix_norm(A, p) * matrix_norm(inverse, p)
    return into(out, result.masked_fill(info != 0, inf))


def matrix_rank(
    A: Tensor,
    tol: Any = None,
    *,
    atol: Any = None,
    rtol: Any = None,
    hermitian: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Number of singular values above max(atol, rtol * largest).

    Args:
        A: matrices (..., m, n).
        tol: older name of an absolute tolerance.
        atol: absolute tolerance. Default: 0.
        rtol: relative tolerance. Default: max(m, n) times the dtype's epsilon, 0 if atol is given.
        hermitian: A is symmetric (Hermitian): use eigenvalues. Default: False.

    Returns:
        int64 tensor (...).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.matrix_rank(torch.ones(3, 3))
        tensor(1)
    """
    check_matrix(A, "linalg.matrix_rank")
    values = eigvalsh(A.detach()).abs() if hermitian else svdvals(A.detach())
    if tol is not None:
        atol, rtol = tol, 0.0
    limit = tolerance(A, values, atol, rtol)
    return into(out, (values > limit.unsqueeze(-1)).sum(-1))


def tolerance(A: Tensor, values: Tensor, atol: Any, rtol: Any) -> Tensor:
    """The threshold (...) under which singular values count as zero."""
    from .._dtypes import finfo

    if rtol is None:
        standard = max(A.shape[-2:]) * finfo(values.dtype).eps
        if isinstance(atol, Tensor):
            rtol = (atol > 0).logical_not().to(values.dtype) * standard
        else:
            rtol = 0.0 if atol else standard
    largest = values.amax(-1) if values.size(-1) else values.sum(-1)
    relative = largest * rtol
    absolute = atol if isinstance(atol, Tensor) else relative * 0 + (atol or 0.0)
    return _C.ops.maximum(absolute.to(values.dtype), relative)


__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]
