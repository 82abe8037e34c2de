"""Functions of linear algebra that live at the top level, under their older names."""

from __future__ import annotations

from typing import Any

from .. import _C
from .._autocast import full_precision_functions
from ..autograd.function import Function
from ._arrays import (
    Tensor,
    adjoint,
    broadcast_batch,
    check_matrix,
    check_square,
    into,
    named,
    tril,
)
from ._decompositions import cholesky as _cholesky
from ._decompositions import householder_product as _householder_product
from ._decompositions import qr as _qr
from ._decompositions import svd as _svd
from ._products import matrix_exp, matrix_power  # noqa: F401
from ._products import pinv as _pinv
from ._solve import det, inv, lu_factor_ex, lu_unpack, solve_triangular  # noqa: F401
from ._solve import lu_solve as _lu_solve
from ._solve import slogdet as _slogdet


def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse of square matrices; see `torch.linalg.inv`.

    Args:
        input: matrices (..., n, n).

    Returns:
        Inverses.

    Example:
        >>> import rushlight as torch
        >>> torch.inverse(2 * torch.eye(1))
        tensor([[0.5000]])
    """
    return inv(input, out=out)


def logdet(input: Tensor) -> Tensor:
    """Logarithm of the determinant; NaN where that is negative.

    Args:
        input: square matrices (..., n, n).

    Returns:
        Tensor (...).

    Example:
        >>> import rushlight as torch
        >>> torch.logdet(torch.eye(2))
        tensor(0.)
    """
    sign, logabs = _slogdet(input)
    if input.dtype.is_complex:
        return sign.log() + logabs
    return logabs.masked_fill(sign < 0, float("nan"))


def slogdet(input: Tensor, *, out: Any = None) -> Any:
    """Sign and logarithm of the absolute determinant; see `torch.linalg.slogdet`.

    Args:
        input: square matrices (..., n, n).

    Returns:
        Named tuple (sign, logabsdet).

    Example:
        >>> import rushlight as torch
        >>> torch.slogdet(torch.eye(2)).logabsdet
        tensor(0.)
    """
    return into(out, named("slogdet", _slogdet(input)))


def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Cholesky factor; see `torch.linalg.cholesky`.

    Args:
        input: positive-definite matrices (..., n, n).
        upper: return the upper factor. Default: False.

    Returns:
        Triangular matrices.

    Example:
        >>> import rushlight as torch
        >>> torch.cholesky(4 * torch.eye(1))
        tensor([[2.]])
    """
    return into(out, _cholesky(input, upper=upper))


class _CholeskySolve(Function):
    @staticmethod
    def forward(ctx, b: Tensor, factor: Tensor, upper: bool):
        first, second = (adjoint(factor), factor) if upper else (factor, adjoint(factor))
        x = solve_triangular(second, solve_triangular(first, b, upper=False), upper=True)
        ctx.save_for_backward(factor, x)
        ctx.upper = upper
        return x

    @staticmethod
    def backward(ctx, grad: Tensor):
        factor, x = ctx.saved_tensors
        g_b = _CholeskySolve.apply(grad, factor, ctx.upper)
        if not ctx.needs_input_grad[1]:
            return g_b, None, None
        both = g_b @ adjoint(x) + x @ adjoint(g_b)
        return g_b, -(factor @ both if ctx.upper else both @ factor), None


def cholesky_solve(
    B: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Solve A X = B, given the Cholesky factor of A.

    Args:
        B: right sides (..., n, k).
        L: triangular factors (..., n, n).
        upper: whether L is upper triangular (A = L^H L). Default: False.

    Returns:
        X, with the shape of B.

    Example:
        >>> import rushlight as torch
        >>> torch.cholesky_solve(torch.ones(1, 1), torch.tensor([[2.0]]))
        tensor([[0.2500]])
    """
    check_square(L, "cholesky_solve", "A")
    check_matrix(B, "cholesky_solve", "B")
    factor, right = broadcast_batch(L, B)
    return into(out, _CholeskySolve.apply(right, factor, upper))


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Inverse of A, given its Cholesky factor.

    Args:
        L: triangular factors (..., n, n); the other triangle is not read.
        upper: whether L is upper triangular. Default: False.

    Returns:
        Inverses (..., n, n).

    Example:
        >>> import rushlight as torch
        >>> torch.cholesky_inverse(torch.tensor([[2.0]]))
        tensor([[0.2500]])
    """
    check_square(L, "cholesky_inverse")
    identity = _C.ops.eye(L.size(-1), dtype=L.dtype)
    return into(out, cholesky_solve(identity.expand(L.shape), L, upper))


def qr(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """QR decomposition in the older form; see `torch.linalg.qr`.

    Args:
        input: matrices (..., m, n).
        some: the reduced form, else the complete one. Default: True.

    Returns:
        Named tuple (Q, R).

    Example:
        >>> import rushlight as torch
        >>> torch.qr(torch.eye(2)).R.shape
        torch.Size([2, 2])
    """
    return into(out, named("qr", _qr(input, "reduced" if some else "complete")))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """Singular values in the older form (V, not its adjoint); see `torch.linalg.svd`.

    Args:
        input: matrices (..., m, n).
        some: only the first min(m, n) columns of U and V. Default: True.
        compute_uv: False fills U and V with zeros. Default: True.

    Returns:
        Named tuple (U, S, V).

    Example:
        >>> import rushlight as torch
        >>> torch.svd(torch.eye(2)).S
        tensor([1., 1.])
    """
    if not compute_uv:
        s = _svd(input, False).S
        batch = list(input.shape[:-2])
        u = _C.ops.zeros((*batch, input.size(-2), input.size(-2)), dtype=input.dtype)
        v = _C.ops.zeros((*batch, input.size(-1), input.size(-1)), dtype=input.dtype)
        return into(out, named("svd", (u, s, v)))
    u, s, vh = _svd(input, not some)
    return into(out, named("svd", (u, s, adjoint(vh))))


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Pseudo-inverse; see `torch.linalg.pinv`.

    Args:
        input: matrices (..., m, n).
        rcond: relative threshold for zero. Default: 1e-15.

    Returns:
        Matrices (..., n, m).

    Example:
        >>> import rushlight as torch
        >>> torch.pinverse(torch.tensor([[2.0]]))
        tensor([[0.5000]])
    """
    return _pinv(input, rcond)


def lu(
    A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None
) -> tuple[Tensor, ...]:
    """LU factorization in packed form; see `torch.linalg.lu_factor`.

    Args:
        A: matrices (..., m, n).
        pivot: exchange rows. Default: True.
        get_infos: add the codes to the result. Default: False.

    Returns:
        (LU, pivots) or (LU, pivots, infos).

    Example:
        >>> import rushlight as torch
        >>> torch.lu(torch.eye(2))[1]
        tensor([1, 2], dtype=torch.int32)
    """
    packed, pivots, info = lu_factor_ex(A, pivot=pivot)
    return into(out, (packed, pivots, info) if get_infos else (packed, pivots))


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Solve A x = b from packed factors; see `torch.linalg.lu_solve`.

    Args:
        b: right sides (..., n, k).
        LU_data: packed factors (..., n, n).
        LU_pivots: pivots (..., n).

    Returns:
        x, with the shape of b.

    Example:
        >>> import rushlight as torch
        >>> torch.lu_solve(torch.ones(1, 1), *torch.lu(torch.tensor([[2.0]])))
        tensor([[0.5000]])
    """
    return into(out, _lu_solve(LU_data, LU_pivots, b))


def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Any = None,
) -> Any:
    """Solve A x = b for a triangular A; see `torch.linalg.solve_triangular`.

    Args:
        b: right sides (..., n, k).
        A: triangular matrices (..., n, n).
        upper: whether A is upper triangular. Default: True.
        transpose: solve with the transpose of A. Default: False.
        unitriangular: take the diagonal of A as ones. Default: False.

    Returns:
        Named tuple (solution, cloned_coefficient).

    Example:
        >>> import rushlight as torch
        >>> torch.triangular_solve(torch.ones(1, 1), torch.tensor([[2.0]])).solution
        tensor([[0.5000]])
    """
    matrix = A.transpose(-2, -1) if transpose else A
    x = solve_triangular(matrix, b, upper=upper != transpose, unitriangular=unitriangular)
    return into(out, named("triangular_solve", (x, A.clone())))


def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """Another name of `torch.linalg.householder_product`.

    Args:
        input: vectors (..., m, n).
        tau: scales (..., k).

    Returns:
        Matrices (..., m, n).

    Example:
        >>> import rushlight as torch
        >>> torch.orgqr(torch.zeros(1, 1), torch.zeros(1))
        tensor([[1.]])
    """
    return _householder_product(input, tau)


def geqrf(input: Tensor, *, out: Any = None) -> Any:
    """QR decomposition as LAPACK keeps it: vectors under the diagonal, and their scales.

    Args:
        input: matrices (..., m, n).

    Returns:
        Named tuple (a, tau).

    Example:
        >>> import rushlight as torch
        >>> torch.geqrf(torch.eye(2)).tau
        tensor([0., 0.])
    """
    import numpy

    from ._arrays import array, tensor

    check_matrix(input, "geqrf")
    packed, tau = numpy.linalg.qr(array(input), mode="raw")
    a = tensor(numpy.ascontiguousarray(numpy.swapaxes(packed, -2, -1)), input.dtype)
    return into(out, named("geqrf", (a, tensor(tau, input.dtype))))


def ormqr(
    input: Tensor,
    tau: Tensor,
    other: Tensor,
    left: bool = True,
    transpose: bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Multiply with the square Q of Householder vectors.

    Args:
        input: vectors (..., m, k).
        tau: scales (..., k).
        other: matrices to multiply.
        left: Q @ other, else other @ Q. Default: True.
        transpose: use the adjoint of Q. Default: False.

    Returns:
        Matrices of the shape of `other`.

    Example:
        >>> import rushlight as torch
        >>> torch.ormqr(torch.zeros(2, 2), torch.zeros(2), torch.ones(2, 1))
        tensor([[1.],
                [1.]])
    """
    m, k = input.size(-2), tau.size(-1)
    vectors = tril(input, -1)[..., :k] + _C.ops.eye(m, k, dtype=input.dtype)
    scales = tau.conj() if transpose and tau.dtype.is_complex else tau
    forwards = left == transpose  # H1 is applied first to Q^H x and to x Q
    result = other
    for i in range(k) if forwards else reversed(range(k)):
        v, scale = vectors[..., i : i + 1], scales[..., i : i + 1].unsqueeze(-1)
        if left:
            result = result - scale * (v @ (adjoint(v) @ result))
        else:
            result = result - scale * ((result @ v) @ adjoint(v))
    return into(out, result)


def cross(
    input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Cross product along `dim`, by default the first dimension of size 3.

    Args:
        input: tensor.
        other: tensor of the same number of dimensions.
        dim: where the vectors lie. Default: the first dimension of size 3.

    Returns:
        Tensor of the broadcast shape.

    Example:
        >>> import rushlight as torch
        >>> torch.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), dim=0)
        tensor([0., 0., 1.])
    """
    from ._products import cross as _cross

    if dim is None:
        found = [d for d, n in enumerate(input.shape) if n == 3]
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found[0]
    return _cross(input, other, dim=dim, out=out)


full_precision_functions(
    globals(),
    "cholesky cholesky_inverse cholesky_solve geqrf inverse lu lu_solve orgqr ormqr pinverse qr svd "
    "triangular_solve",
)
