"""The distribution of |x| for a Cauchy variable x around 0."""

from __future__ import annotations

from math import log
from typing import Any

from .. import _C
from . import constraints
from .cauchy import Cauchy
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform

__all__ = ["HalfCauchy"]

Tensor = _C.Tensor


class HalfCauchy(TransformedDistribution):
    """The distribution of |x| for a Cauchy variable x around 0.

    Args:
        scale: scale of x.
    """

    arg_constraints = {"scale": constraints.positive}  # type: ignore[assignment]
    support = constraints.nonnegative  # type: ignore[assignment]
    has_rsample = True  # type: ignore[assignment]

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """Scale of x."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return _C.ops.full_like(self.scale.detach(), float("inf"))

    @property
    def mode(self) -> Tensor:
        return self.scale.detach() * 0

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return (self.base_dist.log_prob(value) + log(2)).masked_fill(value < 0, -float("inf"))

    def cdf(self, value: Tensor) -> Tensor:
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob: Tensor) -> Tensor:
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - log(2)
