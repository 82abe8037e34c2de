"""Approximate decompositions of matrices of low rank, by random projections."""

from __future__ import annotations

from typing import Any

from .. import _C

Tensor = _C.Tensor

__all__ = ["pca_lowrank", "svd_lowrank"]


def _basis(a: Tensor, q: int, niter: int) -> Tensor:
    """Orthonormal columns that nearly span the range of `a` (algorithm 4.4 of Halko et al., 2009)."""
    from .. import randn
    from . import qr

    columns = qr(a @ randn(a.shape[-1], q, dtype=a.dtype, device=a.device)).Q
    for _ in range(niter):
        columns = qr(a.mH @ columns).Q
        columns = qr(a @ columns).Q
    return columns


def svd_lowrank(
    A: Tensor,  # noqa: N803
    q: int | None = 6,
    niter: int | None = 2,
    M: Any = None,  # noqa: N803
) -> tuple[Tensor, Tensor, Tensor]:
    """Approximate singular value decomposition of a matrix of low rank: `A` is nearly `U diag(S) V^H`.

    Args:
        A: matrix (..., m, n).
        q: how many singular values, a little more than the rank. Default: 6.
        niter: rounds of the subspace iteration; more are more exact. Default: 2.
        M: matrix (..., m, n) that is subtracted from `A` first. Default: nothing.

    Returns:
        Tuple of U (..., m, q), S (..., q), V (..., n, q).

    Example:
        >>> import rushlight as torch
        >>> a = torch.outer(torch.arange(1.0, 5.0), torch.ones(3))
        >>> u, s, v = torch.svd_lowrank(a, q=1)
        >>> torch.allclose(u * s @ v.T, a, atol=1e-5)
        True

    References: N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness", 2009, algorithm 5.1.
    """
    from . import svd

    a = A if M is None else A - M
    wide = a.shape[-2] < a.shape[-1]
    if wide:
        a = a.mH
    columns = _basis(a, 6 if q is None else q, 2 if niter is None else niter)
    u, s, vh = svd(columns.mH @ a, full_matrices=False)
    left, right = columns @ u, vh.mH
    return (right, s, left) if wide else (left, s, right)


def pca_lowrank(
    A: Tensor,  # noqa: N803
    q: int | None = None,
    center: bool = True,
    niter: int = 2,
) -> tuple[Tensor, Tensor, Tensor]:
    """Approximate principal components of rows: the columns of V, by falling variance.

    Args:
        A: data (..., m, n), one row for each sample.
        q: how many components. Default: min(6, m, n).
        center: subtract the mean of each column. Default: True.
        niter: rounds of the subspace iteration. Default: 2.

    Returns:
        Tuple of U (..., m, q), S (..., q), V (..., n, q).

    Raises:
        ValueError: `q` is not in 0..min(m, n), or `niter` is negative.

    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
        >>> u, s, v = torch.pca_lowrank(x, q=1)
        >>> torch.allclose(v.abs(), torch.tensor([[0.2]]).sqrt() * torch.tensor([[1.0], [2.0]]))
        True
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
