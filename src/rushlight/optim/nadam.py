"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from typing import Any

from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    add_quotient,
    as_real,
    check_betas,
    check_non_negative,
    check_tensor_lr,
    constant,
    decayed,
    native,
    scalar,
    step_counter,
    zeros_like,
)
from .optimizer import ParamsT, Tensor

__all__ = ["NAdam"]


class NAdam(LegacyStepMixin, RuleOptimizer):
    """Adam with Nesterov momentum, whose decay ``mu`` grows with the step.

    ``mu_t = b1 (1 - 0.96**(t * momentum_decay) / 2)``; the step mixes the gradient, weighted
    ``1 - mu_t``, with the running mean, weighted ``mu_(t+1)``.

    Args:
        params: parameters or groups.
        lr: learning rate (default 2e-3).
        betas: decay of the two means (default (0.9, 0.999)).
        eps: added to the denominator (default 1e-8).
        weight_decay: L2 penalty (default 0).
        momentum_decay: how fast mu grows (default 4e-3).
        decoupled_weight_decay: shrink the parameter instead of penalising.
        foreach, capturable: accepted.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.
    """

    _native = staticmethod(native("_optim_nadam_")) if native("_optim_nadam_") else None
    _group_defaults = dict(
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        decoupled_weight_decay=False,
    )

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_non_negative(weight_decay__value=weight_decay, momentum_decay__value=momentum_decay)
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for values in self.state.values():
            product = values.get("mu_product") if isinstance(values, dict) else None
            if product is not None and not isinstance(product, Tensor):
                values["mu_product"] = constant(float(product))

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        if not state:
            state["step"] = step_counter()
            state["mu_product"] = constant(1.0)
            state["exp_avg"] = zeros_like(param)
            state["exp_avg_sq"] = zeros_like(param)
        state["step"] += 1
        t, lr = state["step"].item(), scalar(group["lr"])
        (beta1, beta2), decay = group["betas"], group["momentum_decay"]
        if group["decoupled_weight_decay"]:
            if group["maximize"]:
                grad = -grad
            if group["weight_decay"] != 0:
                param.mul_(1 - lr * group["weight_decay"])
        else:
            grad = decayed(group, param, grad)
        param, grad, mean, square = as_real(param, grad, state["exp_avg"], state["exp_avg_sq"])
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * decay))
        state["mu_product"] *= mu
        product = state["mu_product"].item()
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(1 - beta2**t).sqrt().add(group["eps"])
        add_quotient(param, grad, root, -lr * (1.0 - mu) / (1.0 - product))
        add_quotient(param, mean, root, (-lr * mu_next) / (1.0 - product * mu_next))
