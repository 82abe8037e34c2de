"""Distributions of the exponential family."""

from __future__ import annotations

from .. import _C
from .distribution import Distribution

__all__ = ["ExponentialFamily"]

Tensor = _C.Tensor


class ExponentialFamily(Distribution):
    """A density exp(<t(x), theta> - F(theta) + k(x)).

    Subclasses define the natural parameters theta (`_natural_params`), the log normalizer F (`_log_normalizer`) and the mean
    of the carrier k (`_mean_carrier_measure`); the entropy follows from these by autograd.
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        from .. import autograd, enable_grad

        with enable_grad():
            parameters = [p.detach().requires_grad_() for p in self._natural_params]
            normalizer = self._log_normalizer(*parameters)
            gradients = autograd.grad(normalizer.sum(), parameters, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        batch = len(self._batch_shape)
        for parameter, gradient in zip(parameters, gradients):
            result = (
                result - (parameter * gradient).reshape((*self._batch_shape, -1)).sum(-1)
                if (parameter.dim() > batch)
                else result - parameter * gradient
            )
        return result
