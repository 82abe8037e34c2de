"""Differentiable approximations of 0 or 1."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..nn.functional import softplus
from . import constraints
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]

Tensor = _C.Tensor


class LogitRelaxedBernoulli(Distribution):
    """Logits of RelaxedBernoulli.

    Args:
        temperature: sharpness; 0 would give 0 or 1.
        probs: probability of 1.
        logits: log odds of 1; give one of both.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # type: ignore[assignment]
    support = constraints.real
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self.temperature = temperature
        if probs is not None:
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        given = self.probs if probs is not None else self.logits
        super().__init__(given.shape, validate_args=validate_args)

    def _tensor_parameters(self) -> set[str]:
        return super()._tensor_parameters() - {"temperature"}

    @lazy_property
    def logits(self) -> Tensor:
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        return logits_to_probs(self.logits, is_binary=True)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        from .. import rand

        shape = self._extended_shape(sample_shape)
        p = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(rand(shape, dtype=p.dtype))
        return (u.log() - (-u).log1p() + p.log() - (-p).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        distance = logits - value * self.temperature
        size = (
            self.temperature.log()
            if isinstance(self.temperature, Tensor)
            else _log(self.temperature)
        )
        return size + distance - 2 * softplus(distance)


def _log(x: float) -> float:
    from math import log

    return log(x)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1, close to 0 or 1 for a low temperature.

    Args:
        temperature: sharpness.
        probs: probability of 1.
        logits: log odds of 1; give one of both.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # type: ignore[assignment]
    support = constraints.unit_interval  # type: ignore[assignment]
    has_rsample = True  # type: ignore[assignment]

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(
            LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args
        )

    @property
    def temperature(self) -> Any:
        """Sharpness."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """Log odds of 1."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """Probability of 1."""
        return self.base_dist.probs
