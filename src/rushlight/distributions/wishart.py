"""Random positive-definite matrices."""

from __future__ import annotations

from math import log, prod
from typing import Any

from .. import _C
from ..linalg import cholesky, inv
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .utils import broadcast_shapes, lazy_property

__all__ = ["Wishart"]

Tensor = _C.Tensor


class Wishart(Distribution):
    """The scatter matrix of `df` normal vectors.

    Args:
        df: degrees of freedom, more than n - 1.
        covariance_matrix: (..., n, n), positive-definite.
        precision_matrix: its inverse.
        scale_tril: its lower Cholesky factor; give one of the three.

    References: W. Smith, R. Hocking, "Wishart variate generator", 1972 (Bartlett's decomposition).
    """

    support = constraints.positive_definite
    has_rsample = True
    arg_constraints = {  # type: ignore[assignment]
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if len(given) != 1:
            raise AssertionError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        (matrix,) = given
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch dimensions"
            )
        n = matrix.shape[-1]
        df = df if isinstance(df, Tensor) else _C.ops.full((), df, dtype=matrix.dtype)
        if (df <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        batch = broadcast_shapes(tuple(matrix.shape[:-2]), tuple(df.shape))
        self.df = df.expand(batch)
        matrix = matrix.expand((*batch, n, n))
        if scale_tril is not None:
            self.scale_tril = matrix
        elif covariance_matrix is not None:
            self.covariance_matrix = matrix
        else:
            self.precision_matrix = matrix
        super().__init__(batch, (n, n), validate_args=validate_args)
        if scale_tril is None:
            self.scale_tril = cholesky(matrix if covariance_matrix is not None else inv(matrix))
        self._chi2 = Chi2(self.df.unsqueeze(-1) - _C.ops.arange(n, dtype=matrix.dtype))

    def _check_parameters(self) -> None:
        for name in ("scale_tril", "covariance_matrix", "precision_matrix"):
            value = self.__dict__.get(name)
            if value is not None and not self.arg_constraints[name].check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) "
                    f"of distribution {self!r} to satisfy the constraint {self.arg_constraints[name]!r}, "
                    f"but found invalid values:\n{value}"
                )

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        return inv(self.covariance_matrix)

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = factor.masked_fill(factor <= 0, float("nan"))
        return factor[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(0, -2, -1)
        return self.df[..., None, None] * (v**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        # PyTorch takes its first samples for singular and draws again: the same numbers come of the
        # same seed only so.
        self._bartlett(tuple(sample_shape))
        return self._bartlett((prod(sample_shape),)).reshape(shape)

    def _bartlett(self, sample_shape: tuple[int, ...]) -> Tensor:
        from .. import tril_indices

        n = self._event_shape[-1]
        noise = self._chi2.rsample(sample_shape).sqrt().diag_embed()
        rows, columns = tril_indices(n, n, -1).unbind()
        count = n * (n - 1) // 2
        below = _C.ops.randn((*sample_shape, *self._batch_shape, count), dtype=noise.dtype)
        factor = _C.ops.zeros_like(noise)
        factor[..., rows, columns] = below
        chol = self.scale_tril @ (noise + factor)
        return chol @ chol.mT

    def log_prob(self, value: Tensor) -> Tensor:
        from .. import cholesky_solve
        from ..linalg import slogdet

        if self._validate_args:
            self._validate_sample(value)
        nu, n = self.df, self._event_shape[-1]
        log_det = self.scale_tril.diagonal(0, -2, -1).log().sum(-1)
        trace = cholesky_solve(value, self.scale_tril).diagonal(0, -2, -1).sum(-1)
        return (
            -nu * (n * log(2) / 2 + log_det)
            - (nu / 2).mvlgamma(n)
            + (nu - n - 1) / 2 * slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self) -> Tensor:
        nu, n = self.df, self._event_shape[-1]
        log_det = self.scale_tril.diagonal(0, -2, -1).log().sum(-1)
        digammas = ((nu.unsqueeze(-1) - _C.ops.arange(n, dtype=nu.dtype)) / 2).digamma().sum(-1)
        return (
            (n + 1) * (n * log(2) / 2 + log_det)
            + (nu / 2).mvlgamma(n)
            - (nu - n - 1) / 2 * digammas
            + nu * n / 2
        )
