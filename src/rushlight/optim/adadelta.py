"""Adadelta."""

from __future__ import annotations

from typing import Any

from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    add_scaled,
    as_real,
    check_non_negative,
    check_tensor_lr,
    decayed,
    native,
    scalar,
    step_counter,
    zeros_like,
)
from .optimizer import ParamsT, Tensor

__all__ = ["Adadelta"]


class Adadelta(LegacyStepMixin, RuleOptimizer):
    """Adadelta: steps in the ratio of the running sizes of past steps and past gradients.

    ``v = rho v + (1-rho) g*g``, ``d = g * sqrt(u + eps) / sqrt(v + eps)``,
    ``u = rho u + (1-rho) d*d``, ``p -= lr * d``.

    Args:
        params: parameters or groups.
        lr: factor of the step (default 1.0).
        rho: decay of the running means (default 0.9).
        eps: keeps the roots away from zero (default 1e-6).
        weight_decay: L2 penalty (default 0).
        foreach, capturable: accepted.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.
    """

    _native = staticmethod(native("_optim_adadelta_")) if native("_optim_adadelta_") else None
    _group_defaults = dict(foreach=None, maximize=False, differentiable=False, capturable=False)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_tensor_lr(lr)
        check_non_negative(learning__rate=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_non_negative(epsilon__value=eps, weight_decay__value=weight_decay)
        defaults = dict(
            lr=lr,
            rho=rho,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            capturable=capturable,
            foreach=foreach,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        if not state:
            state["step"] = step_counter()
            state["square_avg"] = zeros_like(param)
            state["acc_delta"] = zeros_like(param)
        state["step"] += 1
        rho, eps = group["rho"], group["eps"]
        param, grad, square, steps = as_real(
            param, decayed(group, param, grad), state["square_avg"], state["acc_delta"]
        )
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = steps.add(eps).sqrt_()
        if group["differentiable"]:
            delta = delta.clone()  # the root's result is kept for its gradient
        delta.div_(square.add(eps).sqrt_()).mul_(grad)
        steps.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        add_scaled(param, delta, -scalar(group["lr"]))
