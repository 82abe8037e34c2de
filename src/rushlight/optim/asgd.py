"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    as_real,
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

__all__ = ["ASGD"]


class ASGD(LegacyStepMixin, RuleOptimizer):
    """Gradient descent that also keeps the running average of the parameters, in state "ax".

    Args:
        params: parameters or groups.
        lr: learning rate (default 1e-2).
        lambd: decay of the parameters, times the rate (default 1e-4).
        alpha: power with which the rate falls (default 0.75).
        t0: step at which averaging begins (default 1e6).
        weight_decay: L2 penalty (default 0).
        foreach, capturable: accepted.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.
    """

    _native = staticmethod(native("_optim_asgd_")) if native("_optim_asgd_") else None
    _group_defaults = dict(foreach=None, maximize=False, differentiable=False, capturable=False)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_tensor_lr(lr)
        check_non_negative(learning__rate=lr, weight_decay__value=weight_decay)
        defaults = dict(
            lr=lr,
            lambd=lambd,
            alpha=alpha,
            t0=t0,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for values in self.state.values():
            for name in ("eta", "mu"):
                if isinstance(values, dict) and not isinstance(values.get(name, 0.0), float):
                    continue
                if name in values:
                    values[name] = constant(values[name])

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        lr, lambd = scalar(group["lr"]), group["lambd"]
        if not state:
            state["step"] = step_counter()
            state["eta"] = constant(lr.item() if isinstance(lr, Tensor) else lr)
            state["mu"] = constant(1.0)
            state["ax"] = zeros_like(param)
        state["step"] += 1
        eta, t = state["eta"].item(), state["step"].item()
        param, grad, average = as_real(param, decayed(group, param, grad), state["ax"])
        param.mul_(1 - lambd * eta)
        param.add_(grad, alpha=-eta)
        if state["mu"].item() != 1:
            average.add_(param.sub(average).mul_(state["mu"]))
        else:
            average.copy_(param)
        state["eta"].fill_(lr / ((1 + lambd * lr * t) ** group["alpha"]))
        state["mu"].fill_(1 / max(1, t - group["t0"]))
