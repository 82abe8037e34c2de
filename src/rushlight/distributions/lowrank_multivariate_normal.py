"""The multivariate normal distribution with a covariance of low rank."""

from __future__ import annotations

from math import log, pi
from typing import Any

from .. import _C
from ..linalg import cholesky
from . import constraints
from .distribution import Distribution
from .multivariate_normal import _squared_distance
from .utils import broadcast_shapes, lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]

Tensor = _C.Tensor


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with the covariance W W^T + D, computed with matrices of W's rank.

    Args:
        loc: mean (..., n).
        cov_factor: W (..., n, rank).
        cov_diag: diagonal of D (..., n), positive.

    Raises:
        ValueError: the sizes do not fit.
    """

    arg_constraints = {  # type: ignore[assignment]
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if cov_diag.shape[-1:] != (n,):
            raise ValueError(f"cov_diag must be a batch of vectors with shape {n}")
        try:
            batch = broadcast_shapes(
                tuple(loc.shape[:-1]), tuple(cov_factor.shape[:-2]), tuple(cov_diag.shape[:-1])
            )
        except ValueError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand((*batch, n))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        self.cov_diag = cov_diag.expand((*batch, n))
        super().__init__(batch, (n,), validate_args=validate_args)
        weighted = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        eye = _C.ops.eye(cov_factor.shape[-1], dtype=loc.dtype)
        # Of I + W^T D^-1 W, the matrix of Woodbury's identity.
        self._capacitance_tril = cholesky(weighted @ self.cov_factor + eye)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """W W^T + D."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        return cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance, by Woodbury's identity."""
        from ..linalg import solve_triangular

        weighted = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        a = solve_triangular(self._capacitance_tril, weighted, upper=False)
        return self.cov_diag.reciprocal().diag_embed() - a.mT @ a

    def _log_det(self) -> Tensor:
        half = self._capacitance_tril.diagonal(0, -2, -1).log().sum(-1)
        return 2 * half + self.cov_diag.log().sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        rank = self.cov_factor.shape[-1]
        across = standard_normal((*shape[:-1], rank), self.loc.dtype)
        own = standard_normal(shape, self.loc.dtype)
        spread = (self.cov_factor @ across.unsqueeze(-1)).squeeze(-1)
        return self.loc + spread + self.cov_diag.sqrt() * own

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        x = value - self.loc
        weighted = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        seen = (weighted @ x.unsqueeze(-1)).squeeze(-1)
        distance = (x**2 / self.cov_diag).sum(-1) - _squared_distance(self._capacitance_tril, seen)
        return -0.5 * (self._event_shape[0] * log(2 * pi) + self._log_det() + distance)

    def entropy(self) -> Tensor:
        return 0.5 * (self._event_shape[0] * (1.0 + log(2 * pi)) + self._log_det())
