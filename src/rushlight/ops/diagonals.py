"""Triangles, diagonals and Kronecker products."""

from __future__ import annotations

import math

from .. import _C
from .._autocast import full_precision
from ._registry import function, method
from .shape import _into, _wrap

Tensor = _C.Tensor
_ops = _C.ops


# ---- triangles and diagonals ---------------------------------------------------------------------


def _check_matrix(name: str, input: Tensor) -> None:
    if input.dim() < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@method
@function
def tril(input: Tensor, diagonal: int = 0, *, out=None) -> Tensor:
    """The lower triangles of matrices, zeros elsewhere."""
    _check_matrix("tril", input)
    return _into(out, _ops._triangle(input, diagonal, False))


@method
@function
def triu(input: Tensor, diagonal: int = 0, *, out=None) -> Tensor:
    """The upper triangles of matrices, zeros elsewhere."""
    _check_matrix("triu", input)
    return _into(out, _ops._triangle(input, diagonal, True))


@method
def tril_(self: Tensor, diagonal: int = 0) -> Tensor:
    """tril() in place."""
    return self.copy_(tril(self, diagonal))


@method
def triu_(self: Tensor, diagonal: int = 0) -> Tensor:
    """triu() in place."""
    return self.copy_(triu(self, diagonal))


def _triangle_indices(row: int, col: int, offset: int, lower: bool, dtype, device) -> Tensor:
    mask = _ops.ones((row, col), dtype=_C.bool, device="cpu")
    mask = tril(mask, offset) if lower else triu(mask, offset)
    found = _ops.nonzero(mask).t().contiguous()
    return found.to(device or _C._get_default_device(), dtype or _C.int64)


@function
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype=None, device=None, layout=None
) -> Tensor:
    """Row and column numbers of a lower triangle, (2, n)."""
    return _triangle_indices(row, col, offset, True, dtype, device)


@function
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype=None, device=None, layout=None
) -> Tensor:
    """Row and column numbers of an upper triangle, (2, n)."""
    return _triangle_indices(row, col, offset, False, dtype, device)


@method
@function
def diag(input: Tensor, diagonal: int = 0, *, out=None) -> Tensor:
    """The diagonal of a matrix (a copy), or a matrix with the given diagonal."""
    if input.dim() == 1:
        return _into(out, diag_embed(input, diagonal))
    if input.dim() != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.dim()}D")
    return _into(out, input.diagonal(diagonal).clone())


@method
@function
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of `input` on a diagonal."""
    ndim = input.dim() + 1
    a, b = _wrap(dim1, ndim), _wrap(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((a, b)):
        shape.insert(d, size)
    base = _ops.zeros(tuple(shape), dtype=input.dtype, device=input.device)
    return _ops.diagonal_scatter(base, input, offset, a, b)


@method
@function
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with the flattened input on a diagonal."""
    return diag_embed(input.reshape(-1), offset)


@method
@function
@full_precision
def trace(input: Tensor) -> Tensor:
    """Sum of the diagonal of a matrix."""
    if input.dim() != 2:
        raise RuntimeError("trace: expected a matrix")
    return input.diagonal().sum()


@method
def fill_diagonal_(self: Tensor, fill_value, wrap: bool = False) -> Tensor:
    """Set the main diagonal in place."""
    if self.dim() < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step = sum(self.stride())
    size = min(self.shape)
    with_wrap = wrap and self.dim() == 2 and self.shape[0] > self.shape[1]
    self.as_strided((size,), (step,), self.storage_offset()).fill_(fill_value)
    if with_wrap:
        start = (size + 1) * self.stride(0)
        count = (self.shape[0] * self.shape[1] - start // max(self.stride(1), 1)) // (
            self.shape[1] + 1
        ) + 1
        if start < self.numel():
            count = math.ceil((self.numel() - start) / (self.shape[1] + 1))
            self.as_strided((count,), (step,), self.storage_offset() + start).fill_(fill_value)
    return self


@method
@function
def kron(input: Tensor, other: Tensor, *, out=None) -> Tensor:
    """Kronecker product.

    Args:
        input, other: tensors of any number of dimensions.

    Returns:
        Tensor whose sizes are the products of the (left-padded) sizes.

    Example:
        >>> import rushlight as torch
        >>> torch.kron(torch.eye(2), torch.ones(1, 2))
        tensor([[1., 1., 0., 0.],
                [0., 0., 1., 1.]])
    """
    ndim = max(input.dim(), other.dim())
    a = [1] * (ndim - input.dim()) + list(input.shape)
    b = [1] * (ndim - other.dim()) + list(other.shape)
    left = input.reshape([s for n in a for s in (n, 1)])
    right = other.reshape([s for n in b for s in (1, n)])
    return _into(out, (left * right).reshape([m * n for m, n in zip(a, b)]))
