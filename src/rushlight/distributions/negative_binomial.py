"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..nn.functional import logsigmoid
from . import constraints
from .distribution import Distribution
from .gamma import Gamma
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["NegativeBinomial"]

Tensor = _C.Tensor


class NegativeBinomial(Distribution):
    """Number of successes before a number of failures.

    Args:
        total_count: number of failures.
        probs: probability of success, below 1.
        logits: log odds of success; give one of both.
    """

    arg_constraints = {  # type: ignore[assignment]
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        if probs is not None:
            count, self.probs = broadcast_all(total_count, probs)
        else:
            count, self.logits = broadcast_all(total_count, logits)
        given = self.probs if probs is not None else self.logits
        self.total_count = count.to(given.dtype)
        super().__init__(given.shape, validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        rate = Gamma(self.total_count.detach(), (-self.logits.detach()).exp(), validate_args=False)
        return _C.ops.poisson(rate.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        chance = self.total_count * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        ways = (
            (self.total_count + value).lgamma() - (1.0 + value).lgamma() - self.total_count.lgamma()
        )
        return chance + ways.masked_fill(self.total_count + value == 0.0, 0.0)
