"""Adamax: Adam with the largest gradient in place of the root mean square."""

from __future__ import annotations

from typing import Any

from .. import _C
from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    add_quotient,
    as_real,
    check_betas,
    check_non_negative,
    check_tensor_lr,
    decayed,
    native,
    scalar,
    step_counter,
    zeros_like,
)
from .optimizer import ParamsT, Tensor

__all__ = ["Adamax"]


class Adamax(LegacyStepMixin, RuleOptimizer):
    """Adamax: ``u = max(b2 u, |g| + eps)``, ``p -= lr / (1 - b1**t) * m / u``.

    Args:
        params: parameters or groups.
        lr: learning rate (default 2e-3).
        betas: decay of the mean and of the maximum (default (0.9, 0.999)).
        eps: keeps the maximum away from zero (default 1e-8).
        weight_decay: L2 penalty (default 0).
        foreach, capturable: accepted.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.
    """

    _native = staticmethod(native("_optim_adamax_")) if native("_optim_adamax_") else None
    _group_defaults = dict(foreach=None, maximize=False, differentiable=False, capturable=False)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_tensor_lr(lr)
        check_non_negative(learning__rate=lr, epsilon__value=eps)
        check_betas(betas)
        check_non_negative(weight_decay__value=weight_decay)
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        if not state:
            state["step"] = step_counter()
            state["exp_avg"] = zeros_like(param)
            state["exp_inf"] = zeros_like(param)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        param, grad, mean, most = as_real(
            param, decayed(group, param, grad), state["exp_avg"], state["exp_inf"]
        )
        mean.lerp_(grad, 1 - beta1)
        size = grad.abs().add_(group["eps"])
        most.copy_(_C.ops.maximum(most.mul(beta2), size))
        add_quotient(param, mean, most, -scalar(group["lr"]) / (1 - beta1 ** state["step"].item()))
