"""Determinants, inverses, linear systems and the LU factorization."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..autograd.function import Function
from ._arrays import (
    LinAlgError,
    Tensor,
    adjoint,
    array,
    broadcast_batch,
    check_matrix,
    check_square,
    into,
    named,
    raise_first,
    tensor,
    tril,
    triu,
)

# ---------------------------------------------------------------------------------------- LU


def _factor(a: Any, pivot: bool) -> tuple[Any, Any, Any]:
    """Packed LU of a batch of matrices, pivots from 1 on, and for each the first zero pivot (or 0)."""
    import numpy

    m, n = a.shape[-2:]
    k = min(m, n)
    work = numpy.array(a, order="C").reshape(-1, m, n) if a.size else a.reshape(-1, m, n).copy()
    count = work.shape[0]
    pivots = numpy.tile(numpy.arange(1, k + 1, dtype=numpy.int32), (count, 1))
    info = numpy.zeros(count, numpy.int32)
    rows = numpy.arange(count)
    for j in range(k if count else 0):
        if pivot:
            column = work[:, j:, j]
            size = abs(column.real) + abs(column.imag)  # the measure LAPACK compares
            p = j + numpy.nan_to_num(size, nan=numpy.inf).argmax(1)
            pivots[:, j] = p + 1
            upper = work[rows, j].copy()
            work[rows, j] = work[rows, p]
            work[rows, p] = upper
        head = work[:, j, j]
        zero = head == 0
        info[zero & (info == 0)] = j + 1
        scale = work[:, j + 1 :, j] / numpy.where(zero, 1, head)[:, None]
        work[:, j + 1 :, j] = scale
        work[:, j + 1 :, j + 1 :] -= scale[:, :, None] * work[:, j, None, j + 1 :]
    batch = a.shape[:-2]
    return work.reshape(a.shape), pivots.reshape(*batch, k), info.reshape(batch)


def _permutation(pivots: Any, m: int) -> Any:
    """Row order (..., m) that pivots stand for: P[order[i], i] = 1."""
    import numpy

    flat = pivots.reshape(-1, pivots.shape[-1]) if pivots.size else pivots.reshape(0, 0)
    count = int(numpy.prod(pivots.shape[:-1]))
    order = numpy.tile(numpy.arange(m), (count, 1))
    rows = numpy.arange(count)
    for j in range(flat.shape[1]):
        p = flat[:, j] - 1
        kept = order[rows, j].copy()
        order[rows, j] = order[rows, p]
        order[rows, p] = kept
    return order.reshape(*pivots.shape[:-1], m)


def _permutation_matrix(pivots: Tensor, m: int, dtype: Any) -> Tensor:
    import numpy

    order = _permutation(array(pivots), m)
    return tensor(numpy.swapaxes(numpy.eye(m)[order], -2, -1)).to(dtype)


class _LUFactor(Function):
    @staticmethod
    def forward(ctx, a: Tensor, pivot: bool):
        packed, pivots, info = _factor(array(a), pivot)
        lu_, pivots_, info_ = tensor(packed), tensor(pivots), tensor(info)
        ctx.mark_non_differentiable(pivots_, info_)
        ctx.save_for_backward(lu_, pivots_)
        ctx.pivot = pivot
        return lu_, pivots_, info_

    @staticmethod
    def backward(ctx, grad: Tensor, *unused):
        packed, pivots = ctx.saved_tensors
        m, n = packed.shape[-2:]
        k = min(m, n)
        lower = tril(packed[..., :k], -1) + _C.ops.eye(m, k, dtype=packed.dtype)
        upper = triu(packed[..., :k, :])
        g_lower, g_upper = tril(grad[..., :k], -1), triu(grad[..., :k, :])
        l1, u1 = lower[..., :k, :], upper[..., :k]
        gl1, gu1 = g_lower[..., :k, :], g_upper[..., :k]
        rest = None
        if n > k:  # U2 = L^-1 A2
            rest = solve_triangular(adjoint(l1), g_upper[..., k:], upper=True, unitriangular=True)
            gl1 = gl1 - rest @ adjoint(upper[..., k:])
        elif m > k:  # L2 = A2 U^-1
            rest = solve_triangular(adjoint(u1), g_lower[..., k:, :], upper=False, left=False)
            gu1 = gu1 - adjoint(lower[..., k:, :]) @ rest
        inner = tril(adjoint(l1) @ gl1, -1) + triu(gu1 @ adjoint(u1))
        inner = solve_triangular(adjoint(l1), inner, upper=True, unitriangular=True)
        square = solve_triangular(adjoint(u1), inner, upper=False, left=False)
        parts = [square] if rest is None else [square, rest]
        whole = parts[0] if rest is None else _C.ops.cat(parts, -1 if n > k else -2)
        if ctx.pivot:
            whole = _permutation_matrix(pivots, m, packed.dtype) @ whole
        return whole, None


def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """LU factorization in packed form, with a code instead of an exception.

    Args:
        A: matrices (..., m, n).
        pivot: exchange rows for stability. Default: True.
        check_errors: raise where a pivot is zero. Default: False.

    Returns:
        Named tuple (LU, pivots, info); info is the 1-based index of the first zero pivot or 0.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.lu_factor_ex(torch.eye(2)).info
        tensor(0, dtype=torch.int32)
    """
    check_matrix(A, "torch.linalg.lu_factor")
    packed, pivots, info = _LUFactor.apply(A, pivot)
    if check_errors:
        _check_lu(info, "torch.linalg.lu_factor_ex")
    return into(out, named("linalg_lu_factor_ex", (packed, pivots, info)))


def _check_lu(info: Tensor, name: str) -> None:
    values = array(info)
    if values.any():
        code = int(values.reshape(-1)[values.reshape(-1).nonzero()[0][0]])
        raise RuntimeError(
            f"{name}: U[{code},{code}] is zero and using it on lu_solve would result in a division by zero. "
            "If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )


def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """LU factorization in packed form, as `lu_solve` takes it.

    Args:
        A: matrices (..., m, n).
        pivot: exchange rows for stability. Default: True.

    Returns:
        Named tuple (LU, pivots); pivots count rows from 1.

    Raises:
        RuntimeError: a pivot is zero.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.lu_factor(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).pivots
        tensor([2, 2], dtype=torch.int32)
    """
    packed, pivots, info = lu_factor_ex(A, pivot=pivot)
    _check_lu(info, "torch.linalg.lu_factor")
    return into(out, named("linalg_lu_factor", (packed, pivots)))


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """Take packed LU factors apart.

    Args:
        LU_data: packed factors (..., m, n).
        LU_pivots: pivots (..., min(m, n)), counted from 1.
        unpack_data: whether L and U are wanted. Default: True.
        unpack_pivots: whether P is wanted. Default: True.

    Returns:
        Named tuple (P, L, U); what is not wanted is empty.

    Example:
        >>> import rushlight as torch
        >>> P, L, U = torch.lu_unpack(*torch.linalg.lu_factor(torch.eye(2)))
        >>> U
        tensor([[1., 0.],
                [0., 1.]])
    """
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    empty = _C.ops.empty((0,), dtype=LU_data.dtype)
    lower = upper = order = empty
    if unpack_data:
        lower = tril(LU_data[..., :k], -1) + _C.ops.eye(m, k, dtype=LU_data.dtype)
        upper = triu(LU_data[..., :k, :])
    if unpack_pivots:
        order = _permutation_matrix(LU_pivots, m, LU_data.dtype)
    return named("lu_unpack", (order, lower, upper))


def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """A = P L U with a permutation, a unit lower and an upper triangular matrix.

    Args:
        A: matrices (..., m, n).
        pivot: exchange rows for stability; without it P is empty. Default: True.

    Returns:
        Named tuple (P, L, U).

    Example:
        >>> import rushlight as torch
        >>> P, L, U = torch.linalg.lu(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
        >>> P @ L @ U
        tensor([[0., 1.],
                [2., 0.]])
    """
    check_matrix(A, "linalg.lu")
    packed, pivots, _ = _LUFactor.apply(A, pivot)
    return into(out, named("linalg_lu", lu_unpack(packed, pivots, True, pivot)))


def lu_solve(
    LU: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    adjoint: bool = False,
    out: Any = None,
) -> Tensor:
    """Solve A X = B from the factors that `lu_factor` gave.

    Args:
        LU: packed factors (..., n, n).
        pivots: pivots (..., n).
        B: right sides (..., n, k).
        left: A X = B, else X A = B. Default: True.
        adjoint: use the conjugate transpose of A. Default: False.

    Returns:
        X, with the shape of B.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(2 * torch.eye(2)), torch.ones(2, 1))
        tensor([[0.5000],
                [0.5000]])
    """
    check_square(LU, "torch.linalg.lu_solve", "LU")
    if not left:  # X A = B  <=>  A^H X^H = B^H
        turned = lu_solve(LU, pivots, _adjoint(B), adjoint=not adjoint)
        return into(out, _adjoint(turned))
    order, lower, upper = lu_unpack(LU, pivots)
    if adjoint:
        y = solve_triangular(_adjoint(upper), B, upper=False)
        y = solve_triangular(_adjoint(lower), y, upper=True, unitriangular=True)
        return into(out, order @ y)
    y = solve_triangular(lower, order.transpose(-2, -1) @ B, upper=False, unitriangular=True)
    return into(out, solve_triangular(upper, y, upper=True))


_adjoint = adjoint

# ------------------------------------------------------------------------------ inverse, solve


class _Inverse(Function):
    @staticmethod
    def forward(ctx, a: Tensor):
        import numpy

        info = numpy.zeros(a.shape[:-2], numpy.int32)
        try:
            values = numpy.linalg.inv(array(a))
        except numpy.linalg.LinAlgError:
            values = _each(array(a), numpy.linalg.inv)
            info = _factor(array(a), True)[2]
        result, codes = tensor(values), tensor(info)
        ctx.mark_non_differentiable(codes)
        ctx.save_for_backward(result)
        return result, codes

    @staticmethod
    def backward(ctx, grad: Tensor, unused):
        (inverse,) = ctx.saved_tensors
        turned = adjoint(inverse)
        return -(turned @ grad @ turned)


def _each(a: Any, f: Any) -> Any:
    """f of every matrix of a batch, NaN for those it cannot do."""
    import numpy

    out = numpy.full(a.shape, numpy.nan, a.dtype)
    for index in numpy.ndindex(a.shape[:-2]):
        try:
            out[index] = f(a[index])
        except numpy.linalg.LinAlgError:
            continue
    return out


def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """Inverse with a code instead of an exception.

    Args:
        A: square matrices (..., n, n).
        check_errors: raise where a matrix is singular. Default: False.

    Returns:
        Named tuple (inverse, info); info is 0 or the index of the zero pivot, from 1 on.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.inv_ex(torch.zeros(2, 2)).info
        tensor(1, dtype=torch.int32)
    """
    check_square(A, "linalg.inv")
    result = named("linalg_inv_ex", _Inverse.apply(A))
    if check_errors:
        raise_first(array(result.info), "linalg.inv_ex", _no_inverse)
    return into(out, result)


def _no_inverse(code: int) -> str:
    return (
        f"The diagonal element {code} is zero, the inversion could not be completed "
        "because the input matrix is singular."
    )


def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse of square matrices.

    Args:
        A: matrices (..., n, n).

    Returns:
        Inverses, with the shape of A.

    Raises:
        LinAlgError: a matrix is singular.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    check_square(A, "linalg.inv")
    result, info = _Inverse.apply(A)
    raise_first(array(info), "linalg.inv", _no_inverse)
    return into(out, result)


class _Solve(Function):
    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor):
        import numpy

        left, right = array(a), array(b)
        info = numpy.zeros(a.shape[:-2], numpy.int32)
        try:
            values = numpy.linalg.solve(left, right)
        except numpy.linalg.LinAlgError:
            info = _factor(left, True)[2]
            values = numpy.full(right.shape, numpy.nan, right.dtype)
            for index in numpy.ndindex(info.shape):
                if not info[index]:
                    values[index] = numpy.linalg.solve(left[index], right[index])
        result, codes = tensor(values), tensor(info)
        ctx.mark_non_differentiable(codes)
        ctx.save_for_backward(a, result)
        return result, codes

    @staticmethod
    def backward(ctx, grad: Tensor, unused):
        a, x = ctx.saved_tensors
        g_b = _Solve.apply(adjoint(a), grad)[0]
        return -(g_b @ adjoint(x)), g_b


def _solve(A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    check_square(A, "linalg.solve")
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} "
            f"and B of type {B.dtype} instead"
        )
    vector = B.dim() == 1 or (A.dim() - 1 == B.dim() and A.shape[:-1] == B.shape)
    matrix = B.unsqueeze(-1) if vector else B
    if not left and vector:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. "
            "In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    rows = matrix.size(-2 if left else -1)
    if rows != A.size(-1):
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {equation} "
            f"({A.size(-2)}x{A.size(-1)} and {matrix.size(-2)}x{matrix.size(-1)})"
        )
    a, b = broadcast_batch(A, matrix)
    if left:
        x, info = _Solve.apply(a, b)
    else:
        x, info = _Solve.apply(a.transpose(-2, -1), b.transpose(-2, -1))
        x = x.transpose(-2, -1)
    return (x.squeeze(-1) if vector else x), info


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """`solve` with a code instead of an exception.

    Args:
        A: square matrices (..., n, n).
        B: right sides (..., n, k) or (..., n).
        left: A X = B, else X A = B. Default: True.
        check_errors: raise where a matrix is singular. Default: False.

    Returns:
        Named tuple (result, info).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.solve_ex(torch.eye(2), torch.ones(2)).result
        tensor([1., 1.])
    """
    x, info = _solve(A, B, left)
    if check_errors:
        raise_first(array(info), "torch.linalg.solve", _singular)
    return into(out, named("linalg_solve_ex", (x, info)))


def _singular(code: int) -> str:
    return "The solver failed because the input matrix is singular."


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """The X with A X = B.

    Args:
        A: square matrices (..., n, n).
        B: right sides (..., n, k), or vectors (..., n).
        left: False solves X A = B. Default: True.

    Returns:
        X, in the shape of B (batch dimensions broadcast).

    Raises:
        LinAlgError: a matrix is singular.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 2.0]))
        tensor([1.0000, 0.5000])
    """
    x, info = _solve(A, B, left)
    raise_first(array(info), "torch.linalg.solve", _singular)
    return into(out, x)


# ---------------------------------------------------------------------------- triangular solve


class _SolveTriangular(Function):
    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, upper: bool, unit: bool):
        import numpy

        left, right = array(a), array(b)
        n = left.shape[-1]
        left = numpy.triu(left) if upper else numpy.tril(left)
        if unit:
            left[..., numpy.arange(n), numpy.arange(n)] = 1
        try:
            values = numpy.linalg.solve(left, right)
        except numpy.linalg.LinAlgError:
            values = _substitute(left, right, upper)
        result = tensor(values)
        ctx.save_for_backward(a, result)
        ctx.upper, ctx.unit = upper, unit
        return result

    @staticmethod
    def backward(ctx, grad: Tensor):
        a, x = ctx.saved_tensors
        g_b = _SolveTriangular.apply(adjoint(a), grad, not ctx.upper, ctx.unit)
        g_a = None
        if ctx.needs_input_grad[0]:
            full = -(g_b @ adjoint(x))
            k = 1 if ctx.unit else 0
            g_a = triu(full, k) if ctx.upper else tril(full, -k)
        return g_a, g_b, None, None


def _substitute(a: Any, b: Any, upper: bool) -> Any:
    """Row by row, so that zeros on the diagonal become infinities."""
    import numpy

    n = a.shape[-1]
    x = numpy.array(numpy.broadcast_to(b, b.shape))
    with numpy.errstate(all="ignore"):
        for i in range(n - 1, -1, -1) if upper else range(n):
            known = slice(i + 1, n) if upper else slice(0, i)
            x[..., i, :] -= (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
            x[..., i, :] /= a[..., i, i, None]
    return x


def solve_triangular(
    A: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Solve A X = B for a triangular A; the other triangle is not read.

    Args:
        A: matrices (..., n, n).
        B: right sides (..., n, k).
        upper: whether A is upper triangular.
        left: False solves X A = B. Default: True.
        unitriangular: take the diagonal of A as ones. Default: False.

    Returns:
        X, with the shape of B.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.solve_triangular(2 * torch.eye(2), torch.ones(2, 1), upper=True)
        tensor([[0.5000],
                [0.5000]])
    """
    check_square(A, "linalg.solve_triangular")
    check_matrix(B, "linalg.solve_triangular", "B")
    if A.size(-1) != B.size(-2 if left else -1):
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {equation} "
            f"({A.size(-2)}x{A.size(-1)} and {B.size(-2)}x{B.size(-1)})"
        )
    a, b = broadcast_batch(A, B)
    if left:
        return into(out, _SolveTriangular.apply(a, b, upper, unitriangular))
    turned = _SolveTriangular.apply(
        a.transpose(-2, -1), b.transpose(-2, -1), not upper, unitriangular
    )
    return into(out, turned.transpose(-2, -1))


# -------------------------------------------------------------------------------- determinants


class _Determinant(Function):
    @staticmethod
    def forward(ctx, a: Tensor):
        import numpy

        result = tensor(numpy.linalg.det(array(a)))
        ctx.save_for_backward(a, result)
        return result

    @staticmethod
    def backward(ctx, grad: Tensor):
        a, det_ = ctx.saved_tensors
        try:
            inverse = inv(a)
        except LinAlgError:
            inverse = None
        if inverse is not None and _well_conditioned(a, inverse):
            scale = grad * (det_.conj() if det_.dtype.is_complex else det_)
            return scale.unsqueeze(-1).unsqueeze(-1) * adjoint(inverse)
        return grad.unsqueeze(-1).unsqueeze(-1) * _cofactors(a)


def _well_conditioned(a: Tensor, inverse: Tensor) -> bool:
    import numpy

    x, y = array(a), array(inverse)
    norms = abs(x).max((-2, -1), initial=0) * abs(y).max((-2, -1), initial=0)
    return bool((norms * numpy.finfo(x.dtype).eps < 1e-2).all())


def _cofactors(a: Tensor) -> Tensor:
    """Conjugate cofactors; right for singular matrices too, by A = U S V^H."""
    from ._decompositions import svd

    u, s, vh = svd(a)
    n = s.size(-1)
    # others[..., i] = product of all singular values but the i-th
    table = s.unsqueeze(-2).expand(*s.shape, n)
    others = table.masked_fill(_C.ops.eye(n, dtype=_C.bool), 1).prod(-1)
    turn = det(u @ vh)
    if turn.dtype.is_complex:
        turn = turn.conj()
    return turn.unsqueeze(-1).unsqueeze(-1) * (u * others.unsqueeze(-2)) @ vh


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Determinant of square matrices.

    Args:
        A: matrices (..., n, n).

    Returns:
        Tensor of shape (...).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.det(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(-2.)
    """
    check_square(A, "linalg.det")
    return into(out, _Determinant.apply(A))


class _SignLogDeterminant(Function):
    @staticmethod
    def forward(ctx, a: Tensor):
        import numpy

        sign, logabs = numpy.linalg.slogdet(array(a))
        results = tensor(sign), tensor(logabs)
        ctx.save_for_backward(a, results[0])
        return results

    @staticmethod
    def backward(ctx, g_sign: Tensor, g_logabs: Tensor):
        a, sign = ctx.saved_tensors
        turned = adjoint(inv(a))
        scale = g_logabs
        if a.dtype.is_complex:
            angle = (g_sign.conj() * sign).imag
            scale = _C.ops.complex(g_logabs, -angle)
        return scale.unsqueeze(-1).unsqueeze(-1) * turned


def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """Sign and logarithm of the absolute value of the determinant.

    Args:
        A: square matrices (..., n, n).

    Returns:
        Named tuple (sign, logabsdet), each of shape (...).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.slogdet(-torch.eye(3)).sign
        tensor(-1.)
    """
    check_square(A, "linalg.slogdet")
    return into(out, named("linalg_slogdet", _SignLogDeterminant.apply(A)))


__all__ = [
    "det",
    "inv",
    "inv_ex",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "lu_unpack",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
]
