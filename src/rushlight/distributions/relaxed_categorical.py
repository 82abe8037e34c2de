"""Differentiable approximations of one-hot vectors."""

from __future__ import annotations

from math import lgamma, log
from typing import Any

from .. import _C
from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform
from .utils import clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]

Tensor = _C.Tensor


class ExpRelaxedCategorical(Distribution):
    """Logarithms of RelaxedOneHotCategorical.

    Args:
        temperature: sharpness; 0 would give one-hot vectors.
        probs: relative probabilities (..., n).
        logits: unnormalised log probabilities; give one of both.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # type: ignore[assignment]
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args
        )

    def _tensor_parameters(self) -> set[str]:
        return super()._tensor_parameters() - {"temperature"}

    @property
    def probs(self) -> Tensor:
        """Normalised probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Normalised log probabilities."""
        return self._categorical.logits

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        from .. import rand

        u = clamp_probs(rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, t = self._categorical._num_events, self.temperature
        size = lgamma(n) + (n - 1) * (t.log() if isinstance(t, Tensor) else log(t))
        score = self.logits - value * t
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + size


class RelaxedOneHotCategorical(TransformedDistribution):
    """Probability vectors, close to one-hot for a low temperature.

    Args:
        temperature: sharpness.
        probs: relative probabilities (..., n).
        logits: unnormalised log probabilities; give one of both.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # type: ignore[assignment]
    support = constraints.simplex  # type: ignore[assignment]
    has_rsample = True  # type: ignore[assignment]

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """Sharpness."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """Normalised log probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """Normalised probabilities."""
        return self.base_dist.probs
