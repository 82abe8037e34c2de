"""RAdam: Adam that waits with its adaptive step until its estimate of the variance is sound."""

from __future__ import annotations

from typing import Any

from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
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

__all__ = ["RAdam"]


class RAdam(LegacyStepMixin, RuleOptimizer):
    """Rectified Adam.

    With ``rho_t`` the length of the averaging window so far: while it is at most 5 the step is
    that of plain momentum, afterwards Adam's, times a factor that grows to 1.

    Args:
        params: parameters or groups.
        lr: learning rate (default 1e-3).
        betas: decay of the two means (default (0.9, 0.999)).
        eps: added to the denominator (default 1e-8).
        weight_decay: L2 penalty (default 0).
        decoupled_weight_decay: shrink the parameter instead of penalising.
        foreach, capturable: accepted.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.
    """

    _native = staticmethod(native("_optim_radam_")) if native("_optim_radam_") else None
    _group_defaults = dict(
        foreach=None,
        maximize=False,
        differentiable=False,
        decoupled_weight_decay=False,
        capturable=False,
    )

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            decoupled_weight_decay=decoupled_weight_decay,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        if not state:
            state["step"] = step_counter()
            state["exp_avg"] = zeros_like(param)
            state["exp_avg_sq"] = zeros_like(param)
        state["step"] += 1
        t, lr = state["step"].item(), scalar(group["lr"])
        beta1, beta2 = group["betas"]
        if group["decoupled_weight_decay"]:
            if group["maximize"]:
                grad = -grad
            if group["weight_decay"] != 0:
                param.mul_(1 - lr * group["weight_decay"])
        else:
            grad = decayed(group, param, grad)
        param, grad, mean, square = as_real(param, grad, state["exp_avg"], state["exp_avg_sq"])
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction2 = 1 - beta2**t
        step = mean / (1 - beta1**t) * lr
        longest = 2 / (1 - beta2) - 1
        rho = longest - 2 * t * beta2**t / correction2
        if rho > 5.0:
            step = step * (correction2**0.5 / square.sqrt().add(group["eps"]))
            step = step * rectification(rho, longest)
        param.add_(step, alpha=-1.0)


def rectification(rho: float, longest: float) -> float:
    """Ratio of the variances of the adaptive step for a short and for an endless average."""
    above = (rho - 4) * (rho - 2) * longest
    below = (longest - 4) * (longest - 2) * rho
    return (above / below) ** 0.5
