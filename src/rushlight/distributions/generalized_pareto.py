"""The generalized Pareto distribution."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from .. import _C
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]

Tensor = _C.Tensor


class GeneralizedPareto(Distribution):
    """What exceeds a threshold, with a tail of any weight.

    Args:
        loc: threshold.
        scale: scale.
        concentration: shape of the tail; 0 is exponential, negative values end it.
    """

    arg_constraints = {  # type: ignore[assignment]
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        c = self.concentration
        if not (c < 0).any():
            return constraints.greater_than_eq(self.loc)
        upper = (self.loc - self.scale / c).masked_fill(c >= 0, inf)
        return constraints.interval(self.loc, upper)

    def _zero(self) -> Tensor:
        from .. import isclose

        return isclose(self.concentration, _C.ops.zeros_like(self.concentration))

    def _shape(self) -> Tensor:
        """The concentration, 1 where it is 0: not used there."""
        return self.concentration.masked_fill(self._zero(), 1.0)

    @property
    def mean(self) -> Tensor:
        c = self.concentration
        return (self.loc + self.scale / (1 - c)).masked_fill(c >= 1, nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        value = self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c))
        return value.masked_fill(c >= 0.5, nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = _C.ops.rand(tuple(self._extended_shape(sample_shape)), dtype=self.loc.dtype)
        return self.icdf(u)

    def _log_survival(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        c = self._shape()
        return _C.ops.where(self._zero(), -z, -(c * z).log1p() / c)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        c = self._shape()
        curved = -(1 / c + 1) * (c * z).log1p()
        return _C.ops.where(self._zero(), -z, curved) - self.scale.log()

    def log_survival_function(self, value: Tensor) -> Tensor:
        """Logarithm of the probability of values above `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return self._log_survival(value)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        left, c = (-value).log1p(), self._shape()
        return self.loc + self.scale * _C.ops.where(self._zero(), -left, (-c * left).expm1() / c)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
