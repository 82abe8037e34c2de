"""Powers, exponentials, products, least squares and pseudo-inverses."""

from __future__ import annotations

from math import prod
from typing import Any

from .. import _C
from .._autocast import lower_precision
from ..autograd.function import Function
from ._arrays import (
    Tensor,
    adjoint,
    array,
    broadcast_batch,
    check_matrix,
    check_square,
    eye_like,
    into,
    named,
    tensor,
)
from ._decompositions import eigh, svd
from ._norms import tolerance
from ._solve import inv, solve


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix product; the same as `torch.matmul`.

    Args:
        input: (..., m, k) or a vector.
        other: (..., k, n) or a vector.

    Returns:
        The product.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.matmul(torch.ones(2, 3), torch.ones(3))
        tensor([3., 3.])
    """
    return into(out, _C.ops.matmul(input, other))


def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """A multiplied n times with itself; negative n inverts first.

    Args:
        A: square matrices (..., m, m).
        n: exponent.

    Returns:
        Matrices of the shape of A.

    Raises:
        LinAlgError: n < 0 and a matrix is singular.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    if A.dim() < 2:
        raise RuntimeError(
            "linalg.matrix_power: The input tensor A must have at least 2 dimensions."
        )
    if A.size(-1) != A.size(-2):
        check_square(A, "linalg.matrix_power")
    if n == 0:
        everywhere = _C.ops.ones(tuple(A.shape), dtype=_C.bool)
        return into(out, A.masked_fill(everywhere, 0) + eye_like(A))  # keeps a gradient of zeros
    if n < 0:
        A, n = inv(A), -n
    result, square = None, A
    while n:
        if n & 1:
            result = square if result is None else result @ square
        n >>= 1
        if n:
            square = square @ square
    return into(out, result if result is not A else A.clone())


class _MatrixExp(Function):
    @staticmethod
    def forward(ctx, a: Tensor):
        ctx.save_for_backward(a)
        return tensor(_expm(array(a)))

    @staticmethod
    def backward(ctx, grad: Tensor):
        # exp([[X, G], [0, X]]) holds the derivative of exp at X in direction G in its upper right block.
        (a,) = ctx.saved_tensors
        turned, n = adjoint(a), a.size(-1)
        upper = _C.ops.cat([turned, grad], -1)
        lower = _C.ops.cat([_C.ops.zeros_like(turned), turned], -1)
        return matrix_exp(_C.ops.cat([upper, lower], -2))[..., :n, n:]


def _expm(a: Any) -> Any:
    """Scaling and squaring around a Taylor polynomial of degree 18."""
    import numpy

    if not a.size:
        return a.copy()
    kept = a.dtype
    a = a.astype(numpy.result_type(kept, numpy.float64))  # squaring multiplies rounding errors
    size = abs(a).sum(-2).max(-1)
    with numpy.errstate(divide="ignore"):
        steps = numpy.where(size > 0.5, numpy.ceil(numpy.log2(numpy.maximum(size, 1e-30) / 0.5)), 0)
    steps = numpy.nan_to_num(steps, nan=0, posinf=0).astype(int)
    scaled = a / (2.0**steps)[..., None, None]
    identity = numpy.eye(a.shape[-1], dtype=a.dtype)
    result = identity + scaled / 18
    for k in range(17, 0, -1):
        result = identity + (scaled / k) @ result
    for k in range(int(steps.max())):
        more = (steps > k)[..., None, None]
        result = numpy.where(more, result @ result, result)
    return result.astype(kept)


def matrix_exp(A: Tensor) -> Tensor:
    """Exponential of square matrices.

    Args:
        A: matrices (..., n, n).

    Returns:
        Matrices of the shape of A.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    check_square(A, "linalg.matrix_exp")
    return _MatrixExp.apply(A)


def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """Product of several matrices in the cheapest order.

    Args:
        tensors: two or more matrices; the first and the last may be vectors.

    Returns:
        Their product.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])
        tensor([12., 12.])
    """
    matrices = list(tensors)
    if len(matrices) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(matrices)}")
    for k, m in enumerate(matrices):
        ends = k in (0, len(matrices) - 1)
        if m.dim() != 2 and not (ends and m.dim() == 1):
            kind = "1D or 2D" if ends else "2D"
            raise RuntimeError(f"multi_dot(): tensor {k} must be {kind} but got {m.dim()}D")
    from ..ops.products import chain_matmul

    first, last = matrices[0].dim() == 1, matrices[-1].dim() == 1
    if first:
        matrices[0] = matrices[0].unsqueeze(0)
    if last:
        matrices[-1] = matrices[-1].unsqueeze(-1)
    for k in range(len(matrices) - 1):
        if matrices[k].size(1) != matrices[k + 1].size(0):
            raise RuntimeError(
                f"multi_dot(): tensors {k} and {k + 1} with shapes {list(matrices[k].shape)} and "
                f"{list(matrices[k + 1].shape)} cannot be multiplied"
            )
    result = chain_matmul(*matrices)
    if last:
        result = result.squeeze(-1)
    if first:
        result = result.squeeze(0)
    return into(out, result)


def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Cross product of vectors of three elements.

    Args:
        input: tensor whose size along `dim` is 3.
        other: tensor of the same number of dimensions; sizes broadcast.
        dim: where the vectors lie. Default: -1.

    Returns:
        Tensor of the broadcast shape.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. "
            f"Got {input.size(dim)} and {other.size(dim)}"
        )
    first, second = _picks([1, 2, 0]), _picks([2, 0, 1])
    result = input.index_select(dim, first) * other.index_select(dim, second)
    return into(out, result - input.index_select(dim, second) * other.index_select(dim, first))


def _picks(order: list[int]) -> Tensor:
    from ..ops.creation import tensor as make

    return make(order)


@lower_precision
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Dot products along a dimension; x is conjugated.

    Args:
        x: tensor.
        y: tensor that broadcasts with x.
        dim: dimension of the vectors. Default: -1.

    Returns:
        Tensor without that dimension.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.vecdot(torch.ones(2, 3), torch.ones(3))
        tensor([3., 3.])
    """
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected vectors of the same dtype, got {x.dtype} and {y.dtype}"
        )
    first = x.conj() if x.dtype.is_complex else x
    return into(out, (first * y).sum(dim))


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """View of the diagonals of matrices.

    Args:
        A: tensor with at least two dimensions.
        offset: which diagonal; positive lies above the main one. Default: 0.
        dim1: rows. Default: -2.
        dim2: columns. Default: -1.

    Returns:
        View whose last dimension runs along the diagonal.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.diagonal(torch.eye(2))
        tensor([1., 1.])
    """
    return A.diagonal(offset, dim1, dim2)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Vandermonde matrices: powers 0 ... N-1 of the elements of x.

    Args:
        x: tensor (..., n).
        N: number of columns; None for n.

    Returns:
        Tensor (..., n, N).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.vander(torch.tensor([1, 2, 3]))
        tensor([[1, 1, 1],
                [1, 2, 4],
                [1, 3, 9]])
    """
    if N is not None and N <= 1:
        raise RuntimeError(f"N must be greater than 1, but got {N}")
    if x.dim() == 0:
        x = x.reshape([1])
    columns = x.size(-1) if N is None else N
    powers = [_C.ops.ones_like(x)]
    if powers[0].dtype is _C.bool:
        x = x.to(_C.int64)
        powers = [_C.ops.ones_like(x)]
    for _ in range(columns - 1):
        powers.append(powers[-1] * x)
    return _C.ops.stack(powers[:columns], -1) if columns else x.new_empty([*x.shape, 0])


def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """Inverse of A as a linear map between tensors.

    Args:
        A: tensor whose first `ind` sizes and whose other sizes have the same product.
        ind: number of leading dimensions of the image. Default: 2.

    Returns:
        Tensor of shape A.shape[ind:] + A.shape[:ind].

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 2, 2)).shape
        torch.Size([2, 2, 2, 2])
    """
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    shape = tuple(A.shape)
    rows, columns = prod(shape[:ind]), prod(shape[ind:])
    if rows != columns:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), "
            f"but got {columns} != {rows}"
        )
    return into(out, inv(A.reshape(rows, columns)).reshape([*shape[ind:], *shape[:ind]]))


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """The X with tensordot(A, X, dims=X.ndim) = B.

    Args:
        A: tensor of shape B.shape + X.shape.
        B: right side.
        dims: dimensions of A to move to its end first.

    Returns:
        X.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2))
        tensor([1., 1., 1., 1.])
    """
    if dims is not None:
        last = [d % A.dim() for d in dims]
        A = A.permute([d for d in range(A.dim()) if d not in last] + last)
    shape = list(A.shape[B.dim() :])
    if prod(A.shape[: B.dim()]) != prod(shape):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {prod(shape)} != {prod(A.shape[: B.dim()])}"
        )
    return into(out, solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(shape))


# ----------------------------------------------------------------- pseudo-inverse, least squares


class _PseudoInverse(Function):
    @staticmethod
    def forward(ctx, a: Tensor, atol: Any, rtol: Any, hermitian: bool):
        if hermitian:
            values, vectors = eigh(a)
            size = values.abs()
            keep = size > tolerance(a, size, atol, rtol).unsqueeze(-1)
            inverse = values.masked_fill(keep.logical_not(), 1).reciprocal()
            inverse = inverse.masked_fill(keep.logical_not(), 0)
            result = (vectors * inverse.unsqueeze(-2)) @ adjoint(vectors)
        else:
            u, s, vh = svd(a, full_matrices=False)
            keep = s > tolerance(a, s, atol, rtol).unsqueeze(-1)
            inverse = s.masked_fill(keep.logical_not(), 1).reciprocal()
            inverse = inverse.masked_fill(keep.logical_not(), 0)
            result = (adjoint(vh) * inverse.unsqueeze(-2)) @ adjoint(u)
        ctx.save_for_backward(a, result)
        return result

    @staticmethod
    def backward(ctx, grad: Tensor):
        a, p = ctx.saved_tensors
        turned, g = adjoint(p), adjoint(grad)
        right = g @ p
        first = (right @ turned) - a @ (p @ (right @ turned))
        left = turned @ (p @ g)
        second = left - ((left @ p) @ a)
        return first + second - turned @ grad @ turned, None, None, None


def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """Moore-Penrose pseudo-inverse.

    Args:
        A: matrices (..., m, n).
        rcond: older name of rtol.
        hermitian: A is symmetric (Hermitian). Default: False.
        atol: singular values up to this count as zero. Default: 0.
        rtol: and those up to rtol times the largest. Default: max(m, n) times epsilon.

    Returns:
        Matrices (..., n, m).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.pinv(torch.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    check_matrix(A, "linalg.pinv")
    if rtol is None:
        rtol = rcond
    if A.numel() == 0:
        return into(out, A.transpose(-2, -1).clone())
    return into(out, _PseudoInverse.apply(A, atol, rtol, hermitian))


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """Least squares: X that minimises ||A X - B||.

    Args:
        A: matrices (..., m, n).
        B: right sides (..., m, k), or vectors (..., m).
        rcond: singular values up to rcond times the largest count as zero (drivers "gelsy", "gelsd", "gelss").
        driver: "gels" (full rank), "gelsy" (default), "gelsd" or "gelss".

    Returns:
        Named tuple (solution, residuals, rank, singular_values); what the driver does not give is empty.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.lstsq(2 * torch.eye(2), torch.ones(2)).solution
        tensor([0.5000, 0.5000])
    """
    check_matrix(A, "torch.linalg.lstsq", "input")
    driver = driver or "gelsy"
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss) but got {driver}"
        )
    vector = B.dim() == A.dim() - 1 and B.shape == A.shape[:-1]
    right = B.unsqueeze(-1) if vector else B
    if A.size(-2) != right.size(-2):
        where = (
            "input.size(-2) should match other.size(-1)"
            if B.dim() < A.dim()
            else "input.size(-2) should match other.size(-2)"
        )
        raise RuntimeError(f"torch.linalg.lstsq: {where}")
    a, b = broadcast_batch(A, right)
    solution = pinv(a, rtol=rcond) @ b
    return named("linalg_lstsq", _least_squares_facts(a, b, solution, vector, driver, rcond))


def _least_squares_facts(
    a: Tensor, b: Tensor, x: Tensor, vector: bool, driver: str, rcond: float | None
) -> tuple[Tensor, ...]:
    from ._decompositions import svdvals
    from ._norms import matrix_rank

    m, n = a.shape[-2:]
    rank = matrix_rank(a, rtol=rcond)
    full = bool((rank == n).all()) if rank.numel() else True
    residuals = x.abs().reshape([-1])[:0]
    if m > n and full and driver != "gelsy":
        error = (a @ x - b).abs()
        residuals = (error * error).sum(-2)
    values = (
        svdvals(a.detach()) if driver in ("gelsd", "gelss") else a.detach().abs().reshape([-1])[:0]
    )
    if driver == "gels":
        rank = _C.ops.empty((0,), dtype=_C.int64)
    return (x.squeeze(-1) if vector else x), residuals, rank, values


__all__ = [
    "cross",
    "diagonal",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_power",
    "multi_dot",
    "pinv",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
]
