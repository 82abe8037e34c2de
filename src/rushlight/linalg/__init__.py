"""Linear algebra: decompositions, inverses, systems, norms, products; all differentiable.

The work is done by the LAPACK that numpy carries; matrices are the last two dimensions, the others are batches.
"""

from __future__ import annotations

from .._autocast import full_precision_functions
from .._offered import offer
from ._arrays import LinAlgError
from ._decompositions import (
    cholesky,
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    householder_product,
    qr,
    svd,
    svdvals,
)
from ._norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from ._products import (
    cross,
    diagonal,
    lstsq,
    matmul,
    matrix_exp,
    matrix_power,
    multi_dot,
    pinv,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
)
from ._solve import (
    det,
    inv,
    inv_ex,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
)

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]

full_precision_functions(
    globals(),
    "cholesky cholesky_ex cond eig eigh eigvals eigvalsh householder_product inv inv_ex lstsq "
    "matrix_rank qr solve svd svdvals tensorinv tensorsolve",
)

offer(globals(), __all__)
