"""Mixtures of distributions of one family."""

from __future__ import annotations

from typing import Any

from .. import _C
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]

Tensor = _C.Tensor


class MixtureSameFamily(Distribution):
    """One of several components of one family, chosen at random.

    Args:
        mixture_distribution: Categorical over the components.
        component_distribution: distribution whose last batch dimension numbers the components.
    """

    arg_constraints: dict = {}  # type: ignore[assignment]
    has_rsample = False

    def __init__(
        self,
        mixture_distribution: Any,
        component_distribution: Any,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution need to be an instance of torch.distributions.Distribution"
            )
        count = mixture_distribution.logits.size(-1)
        if component_distribution.batch_shape[-1] != count:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({component_distribution.batch_shape[-1]})"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = count
        event = component_distribution.event_shape
        self._event_ndims = len(event)
        super().__init__(
            component_distribution.batch_shape[:-1], event, validate_args=validate_args
        )

    def expand(self, batch_shape: Any, _instance: Any = None) -> MixtureSameFamily:
        batch = tuple(batch_shape)
        return MixtureSameFamily(
            self._mixture_distribution.expand(batch),
            self._component_distribution.expand((*batch, self._num_component)),
            validate_args=False,
        )

    @constraints.dependent_property
    def support(self) -> Any:
        return self._component_distribution.support

    @property
    def mixture_distribution(self) -> Any:
        """The distribution over components."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape([*probs.shape, *[1] * self._event_ndims])

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(-1 - self._event_ndims)

    @property
    def variance(self) -> Tensor:
        weights, axis = self._weights(), -1 - self._event_ndims
        inside = (weights * self._component_distribution.variance).sum(axis)
        distance = self._component_distribution.mean - self.mean.unsqueeze(axis)
        return inside + (weights * distance**2).sum(axis)

    def cdf(self, x: Tensor) -> Tensor:
        below = self._component_distribution.cdf(x.unsqueeze(-1 - self._event_ndims))
        return (below * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(x)
        each = self._component_distribution.log_prob(x.unsqueeze(-1 - self._event_ndims))
        return (each + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        from .. import no_grad

        with no_grad():
            axis = len(sample_shape) + len(self.batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            values = self._component_distribution.sample(sample_shape)
            index = chosen.reshape([*chosen.shape, *[1] * (self._event_ndims + 1)])
            index = index.expand([*chosen.shape, 1, *self._event_shape])
            return values.gather(axis, index).squeeze(axis)
