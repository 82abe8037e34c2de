"""The multivariate normal distribution."""

from __future__ import annotations

from math import log, pi
from typing import Any

from .. import _C
from ..linalg import cholesky, inv, solve_triangular
from . import constraints
from .distribution import Distribution
from .utils import broadcast_shapes, lazy_property, standard_normal

__all__ = ["MultivariateNormal"]

Tensor = _C.Tensor


def _squared_distance(factor: Tensor, x: Tensor) -> Tensor:
    """|L^-1 x|^2 for batches of both."""
    solved = solve_triangular(factor, x.unsqueeze(-1), upper=False).squeeze(-1)
    return (solved * solved).sum(-1)


class MultivariateNormal(Distribution):
    """Normal vectors with a covariance.

    Args:
        loc: mean (..., n).
        covariance_matrix: (..., n, n), positive-definite.
        precision_matrix: its inverse.
        scale_tril: its lower Cholesky factor; give one of the three.
    """

    arg_constraints = {  # type: ignore[assignment]
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        matrix = given[0]
        n = loc.size(-1)
        if matrix.dim() < 2:
            raise ValueError(
                "the matrix must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = broadcast_shapes(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        matrix = matrix.expand([*batch, n, n])
        self.loc = loc.expand([*batch, n])
        if scale_tril is not None:
            self.scale_tril = matrix
        elif covariance_matrix is not None:
            self.covariance_matrix = matrix
        else:
            self.precision_matrix = matrix
        super().__init__(batch, (n,), validate_args=validate_args)
        if scale_tril is None:
            source = matrix if covariance_matrix is not None else inv(matrix)
            self.scale_tril = cholesky(source)

    def _check_parameters(self) -> None:
        for name in ("loc", "scale_tril", "covariance_matrix", "precision_matrix"):
            value = self.__dict__.get(name)
            if value is None:
                continue
            constraint = self.arg_constraints[name]
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) "
                    f"of distribution {self!r} to satisfy the constraint {constraint!r}, "
                    f"but found invalid values:\n{value}"
                )

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return self.scale_tril @ self.scale_tril.transpose(-2, -1)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        return inv(self.covariance_matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.scale_tril * self.scale_tril).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc.dtype)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = _squared_distance(self.scale_tril, value - self.loc)
        half_log_det = self.scale_tril.diagonal(0, -2, -1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * log(2 * pi) + distance) - half_log_det

    def entropy(self) -> Tensor:
        half_log_det = self.scale_tril.diagonal(0, -2, -1).log().sum(-1)
        return 0.5 * self._event_shape[0] * (1.0 + log(2 * pi)) + half_log_det
