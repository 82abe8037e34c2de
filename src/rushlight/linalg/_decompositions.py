"""Cholesky, QR, singular values and eigenvalues."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..autograd.function import Function
from ._arrays import (
    LinAlgError,
    Tensor,
    adjoint,
    array,
    as_diagonal,
    check_matrix,
    check_square,
    into,
    named,
    off_diagonal,
    raise_first,
    tensor,
    tril,
)
from ._solve import solve, solve_triangular

# ------------------------------------------------------------------------------------ Cholesky


class _Cholesky(Function):
    @staticmethod
    def forward(ctx, a: Tensor):
        import numpy

        values = array(a)
        info = numpy.zeros(a.shape[:-2], numpy.int32)
        try:
            factor = numpy.linalg.cholesky(values)
        except numpy.linalg.LinAlgError:
            factor = numpy.tril(values)
            for index in numpy.ndindex(info.shape):
                try:
                    factor[index] = numpy.linalg.cholesky(values[index])
                except numpy.linalg.LinAlgError:
                    info[index] = _first_bad_minor(values[index])
        result, codes = tensor(factor), tensor(info)
        ctx.mark_non_differentiable(codes)
        ctx.save_for_backward(result)
        return result, codes

    @staticmethod
    def backward(ctx, grad: Tensor, unused):
        (lower,) = ctx.saved_tensors
        inner = tril(adjoint(lower) @ grad)
        inner = inner - as_diagonal(inner.diagonal(0, -2, -1)) * 0.5
        inner = inner + adjoint(inner)
        turned = adjoint(lower)
        inner = solve_triangular(turned, inner, upper=True)
        return solve_triangular(lower, inner, upper=False, left=False) * 0.5


def _first_bad_minor(a: Any) -> int:
    import numpy

    for k in range(1, len(a) + 1):
        try:
            numpy.linalg.cholesky(a[:k, :k])
        except numpy.linalg.LinAlgError:
            return k
    return len(a)


def _cholesky(A: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    check_square(A, "linalg.cholesky")
    lower, info = _Cholesky.apply(adjoint(A) if upper else A)
    return (adjoint(lower) if upper else lower), info


def _not_positive(code: int) -> str:
    return (
        "The factorization could not be completed because the input is not positive-definite "
        f"(the leading minor of order {code} is not positive-definite)."
    )


def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """Lower triangular L with A = L L^H.

    Args:
        A: symmetric (Hermitian) positive-definite matrices (..., n, n); one triangle is read.
        upper: return L^H, reading the upper triangle. Default: False.

    Returns:
        Triangular matrices, with the shape of A.

    Raises:
        LinAlgError: a matrix is not positive-definite.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.cholesky(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
        tensor([[2., 0.],
                [0., 3.]])
    """
    factor, info = _cholesky(A, upper)
    raise_first(array(info), "linalg.cholesky", _not_positive)
    return into(out, factor)


def cholesky_ex(
    A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None
) -> Any:
    """`cholesky` with a code instead of an exception.

    Args:
        A: matrices (..., n, n).
        upper: return the upper factor. Default: False.
        check_errors: raise where a matrix is not positive-definite. Default: False.

    Returns:
        Named tuple (L, info); info is the order of the first minor that is not positive, or 0.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.cholesky_ex(-torch.eye(2)).info
        tensor(1, dtype=torch.int32)
    """
    factor, info = _cholesky(A, upper)
    if check_errors:
        raise_first(array(info), "linalg.cholesky_ex", _not_positive)
    return into(out, named("linalg_cholesky_ex", (factor, info)))


# ------------------------------------------------------------------------------------------ QR


def _hermitian_of_lower(x: Tensor) -> Tensor:
    """Hermitian matrix with the strictly lower triangle and the diagonal of x."""
    return x + adjoint(tril(x, -1))


class _QR(Function):
    @staticmethod
    def forward(ctx, a: Tensor, mode: str):
        import numpy

        q, r = numpy.linalg.qr(array(a), mode="complete" if mode == "complete" else "reduced")
        results = tensor(q), tensor(numpy.triu(r))
        ctx.save_for_backward(*results)
        ctx.mode = mode
        return results

    @staticmethod
    def backward(ctx, g_q: Tensor, g_r: Tensor):
        q, r = ctx.saved_tensors
        m, n = q.size(-2), r.size(-1)
        if ctx.mode == "r":
            raise RuntimeError(
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
                "Please use linalg.qr(A, mode='reduced') if you are going to require gradients through linalg.qr."
            )
        if ctx.mode == "complete" and m > n:
            raise RuntimeError(
                "The QR decomposition is not differentiable when mode='complete' and nrows > ncols"
            )
        k = min(m, n)
        r1, g_r1, rest = r[..., :k], g_r[..., :k], None
        if n > k:  # A = [X | Y], Q R1 = X, R2 = Q^H Y
            g_r2 = g_r[..., k:]
            rest = q @ g_r2
            g_q = g_q + (q @ r[..., k:]) @ adjoint(g_r2)
        inner = _hermitian_of_lower(tril(r1 @ adjoint(g_r1) - adjoint(g_q) @ q))
        square = solve_triangular(adjoint(r1), g_q + q @ inner, upper=False, left=False)
        return (square if rest is None else _C.ops.cat([square, rest], -1)), None


def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """A = Q R with orthonormal columns in Q and an upper triangular R.

    Args:
        A: matrices (..., m, n).
        mode: "reduced" (Q is m x min(m, n)), "complete" (Q is m x m) or "r" (Q is empty).

    Returns:
        Named tuple (Q, R).

    Example:
        >>> import rushlight as torch
        >>> Q, R = torch.linalg.qr(torch.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> torch.allclose(Q @ R, torch.tensor([[3.0, 1.0], [4.0, 2.0]]), atol=1e-6)
        True
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    check_matrix(A, "linalg.qr")
    q, r = _QR.apply(A, mode)
    if mode == "r":
        q = _C.ops.empty((0,), dtype=A.dtype)
    return into(out, named("linalg_qr", (q, r)))


def householder_product(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first n columns of H1 H2 ... Hk with Hi = I - tau_i v_i v_i^H.

    Args:
        input: the vectors v_i below the diagonal (..., m, n).
        tau: scales (..., k), k <= n.

    Returns:
        Matrices (..., m, n) with orthonormal columns.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.householder_product(torch.zeros(2, 2), torch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    check_matrix(input, "torch.linalg.householder_product", "input")
    m, n = input.shape[-2:]
    if m < n:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    vectors = tril(input, -1) + _C.ops.eye(m, n, dtype=input.dtype)
    result = _C.ops.eye(m, n, dtype=input.dtype).expand(*input.shape[:-2], m, n)
    for i in reversed(range(tau.size(-1))):
        v = vectors[..., i : i + 1]
        scale = tau[..., i : i + 1].unsqueeze(-1)
        result = result - scale * (v @ (adjoint(v) @ result))
    return into(out, result)


# ------------------------------------------------------------------------------ singular values


def _inverse_gaps(values: Tensor, squared: bool = False) -> Tensor:
    """1 / (x_j - x_i) off the diagonal, 0 on it (of x^2 if `squared`)."""
    if squared:
        values = values * values
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    n = values.size(-1)
    one = _C.ops.eye(n, dtype=_C.bool)
    return gaps.masked_fill(one, 1).reciprocal().masked_fill(one, 0)


class _SVD(Function):
    @staticmethod
    def forward(ctx, a: Tensor, full: bool):
        import numpy

        values = array(a)
        try:
            u, s, vh = numpy.linalg.svd(values, full_matrices=full)
        except numpy.linalg.LinAlgError:
            raise _no_svd(values) from None
        results = tensor(u), tensor(s), tensor(vh)
        ctx.save_for_backward(*results)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx, g_u, g_s, g_vh):
        u, s, vh = ctx.saved_tensors
        k = s.size(-1)
        if u.size(-1) > k or vh.size(-2) > k:
            g_u = g_u if g_u is None else g_u[..., :k]
            g_vh = g_vh if g_vh is None else g_vh[..., :k, :]
            u, vh = u[..., :k], vh[..., :k, :]
        if g_u is None and g_vh is None:
            return (None if g_s is None else (u * g_s.unsqueeze(-2)) @ vh), None
        inner = None if g_s is None else as_diagonal(g_s.to(u.dtype))
        scale = s.unsqueeze(-2)
        gaps = _inverse_gaps(s, squared=True)
        more = None
        if g_u is not None:
            turn = adjoint(u) @ g_u
            part = (turn - adjoint(turn)) * gaps * scale
            if u.dtype.is_complex:
                phase = turn.diagonal(0, -2, -1).imag / s
                part = part + as_diagonal(_C.ops.complex(_C.ops.zeros_like(phase), phase))
            inner = part if inner is None else inner + part
            if u.size(-2) > k:
                more = ((g_u - u @ turn) / scale) @ vh
        if g_vh is not None:
            turn = vh @ adjoint(g_vh)
            part = s.unsqueeze(-1) * ((turn - adjoint(turn)) * gaps)
            inner = part if inner is None else inner + part
            if vh.size(-1) > k:
                other = u @ ((g_vh - adjoint(turn) @ vh) / s.unsqueeze(-1))
                more = other if more is None else more + other
        result = u @ inner @ vh
        return (result if more is None else result + more), None


def _no_svd(values: Any) -> LinAlgError:
    import numpy

    finite = numpy.isfinite(values).all((-2, -1))
    index = int(numpy.flatnonzero(~finite.reshape(-1))[0]) if not finite.all() else 0
    which = f"(Batch element {index}): " if finite.ndim else ""
    why = "because the input matrix contained non-finite values."
    if finite.all():
        why = (
            "because the input matrix is ill-conditioned or has too many repeated singular values."
        )
    return LinAlgError(f"linalg.svd: {which}The algorithm failed to converge {why}")


def svd(
    A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None
) -> Any:
    """A = U diag(S) Vh, with singular values in descending order.

    Args:
        A: matrices (..., m, n).
        full_matrices: square U and Vh; else their first min(m, n) columns and rows. Default: True.
        driver: accepted for CUDA programs; None here.

    Returns:
        Named tuple (U, S, Vh).

    Raises:
        LinAlgError: the iteration did not converge, for example for NaN.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    check_matrix(A, "linalg.svd")
    _check_driver("svd", driver)
    return into(out, named("linalg_svd", _SVD.apply(A, full_matrices)))


def _check_driver(name: str, driver: Any) -> None:
    if driver is not None:
        raise RuntimeError(
            f"linalg.{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """Singular values in descending order.

    Args:
        A: matrices (..., m, n).

    Returns:
        Tensor (..., min(m, n)).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.svdvals(2 * torch.eye(2))
        tensor([2., 2.])
    """
    check_matrix(A, "linalg.svdvals")
    _check_driver("svdvals", driver)
    if A.requires_grad and _C.is_grad_enabled():
        return into(out, _SVD.apply(A, False)[1])
    import numpy

    try:
        values = numpy.linalg.svd(array(A), compute_uv=False)
    except numpy.linalg.LinAlgError:
        raise _no_svd(array(A)) from None
    return into(out, tensor(values))


# --------------------------------------------------------------------------------- eigenvalues


class _Eigh(Function):
    @staticmethod
    def forward(ctx, a: Tensor, upper: bool):
        import numpy

        values, vectors = numpy.linalg.eigh(array(a), "U" if upper else "L")
        results = tensor(values), tensor(vectors)
        ctx.save_for_backward(*results)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx, g_values, g_vectors):
        values, v = ctx.saved_tensors
        if g_vectors is None:
            if g_values is None:
                return None, None
            return (v * g_values.unsqueeze(-2)) @ adjoint(v), None
        inner = (adjoint(v) @ g_vectors) * _inverse_gaps(values)
        if g_values is not None:
            inner = inner + as_diagonal(g_values.to(v.dtype))
        return v @ inner @ adjoint(v), None


def eigh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """Eigenvalues (ascending) and orthonormal eigenvectors of symmetric or Hermitian matrices.

    Args:
        A: matrices (..., n, n).
        UPLO: which triangle to read, "L" or "U". Default: "L".

    Returns:
        Named tuple (eigenvalues, eigenvectors).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    check_square(A, "linalg.eigh")
    return into(out, named("linalg_eigh", _Eigh.apply(A, _is_upper(UPLO))))


def _is_upper(UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "U"


def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """Eigenvalues of symmetric or Hermitian matrices, ascending.

    Args:
        A: matrices (..., n, n).
        UPLO: which triangle to read, "L" or "U". Default: "L".

    Returns:
        Real tensor (..., n).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    check_square(A, "linalg.eigvalsh")
    if A.requires_grad and _C.is_grad_enabled():
        return into(out, _Eigh.apply(A, _is_upper(UPLO))[0])
    import numpy

    return into(out, tensor(numpy.linalg.eigvalsh(array(A), "U" if _is_upper(UPLO) else "L")))


class _Eig(Function):
    @staticmethod
    def forward(ctx, a: Tensor):
        import numpy

        values, vectors = numpy.linalg.eig(array(a))
        kind = numpy.result_type(values.dtype, numpy.complex64)
        results = tensor(values.astype(kind)), tensor(vectors.astype(kind))
        ctx.save_for_backward(*results)
        ctx.real = not a.dtype.is_complex
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx, g_values, g_vectors):
        values, v = ctx.saved_tensors
        if g_values is None and g_vectors is None:
            return None
        turned = adjoint(v)
        inner = None if g_values is None else as_diagonal(g_values)
        if g_vectors is not None:
            turn = turned @ g_vectors
            lengths = turn.diagonal(0, -2, -1).real
            part = turn - (turned @ v) * lengths.unsqueeze(-2)
            part = off_diagonal(part) * _inverse_gaps(values).conj()
            inner = part if inner is None else inner + part
        result = solve(turned, inner @ turned)
        return result.real if ctx.real else result


def eig(A: Tensor, *, out: Any = None) -> Any:
    """Eigenvalues and eigenvectors of square matrices, both complex.

    Args:
        A: matrices (..., n, n).

    Returns:
        Named tuple (eigenvalues, eigenvectors); the columns of the latter have length 1.

    Raises:
        RuntimeError: the input holds infinities or NaN.

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.eig(torch.eye(2)).eigenvalues
        tensor([1.+0.j, 1.+0.j])
    """
    check_square(A, "linalg.eig")
    import numpy

    if not numpy.isfinite(array(A)).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    return into(out, named("linalg_eig", _Eig.apply(A)))


def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Eigenvalues of square matrices, complex and in no particular order.

    Args:
        A: matrices (..., n, n).

    Returns:
        Complex tensor (..., n).

    Example:
        >>> import rushlight as torch
        >>> torch.linalg.eigvals(torch.eye(2))
        tensor([1.+0.j, 1.+0.j])
    """
    return into(out, eig(A).eigenvalues)


__all__ = [
    "cholesky",
    "cholesky_ex",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "qr",
    "svd",
    "svdvals",
]
