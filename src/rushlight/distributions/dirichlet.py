"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..autograd.function import Function, once_differentiable
from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]

Tensor = _C.Tensor


class _DirichletSample(Function):
    @staticmethod
    def forward(ctx, concentration: Tensor):
        x = _C.ops._sample_dirichlet(concentration)
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, a = ctx.saved_tensors
        local = _C.ops._dirichlet_grad(x, a, a.sum(-1, True).expand(a.shape))
        return local * (grad - (x * grad).sum(-1, True))


class Dirichlet(ExponentialFamily):
    """Random probabilities of n classes.

    Args:
        concentration: positive weights (..., n).
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}  # type: ignore[assignment]
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clamp(min=0.0)
        mode = less / less.sum(-1, True)
        peaks = (self.concentration < 1).all(-1)
        if not peaks.any():
            return mode
        from ..nn.functional import one_hot

        corner = one_hot(mode[peaks].argmax(-1), self.concentration.size(-1)).to(mode.dtype)
        mode[peaks] = corner
        return mode

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return _DirichletSample.apply(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return _C.ops.xlogy(a - 1.0, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, k = self.concentration, self.concentration.size(-1)
        total = a.sum(-1)
        return (
            a.lgamma().sum(-1)
            - total.lgamma()
            - (k - total) * total.digamma()
            - ((a - 1.0) * a.digamma()).sum(-1)
        )
