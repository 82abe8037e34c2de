"""Rprop: steps that look at the gradient's sign only."""

from __future__ import annotations

from typing import Any

from .. import _C
from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    as_real,
    check_non_negative,
    check_tensor_lr,
    native,
    scalar,
    step_counter,
    zeros_like,
)
from .optimizer import ParamsT, Tensor

__all__ = ["Rprop"]


class Rprop(LegacyStepMixin, RuleOptimizer):
    """Resilient backpropagation: each element has a step size of its own.

    It grows by ``etas[1]`` while the gradient keeps its sign and shrinks by ``etas[0]`` when the
    sign changes; then the element stays where it is for one step.

    Args:
        params: parameters or groups.
        lr: first step size (default 1e-2).
        etas: shrinking and growing factor (default (0.5, 1.2)).
        step_sizes: smallest and largest step size (default (1e-6, 50)).
        capturable, foreach: accepted.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.
    """

    _native = staticmethod(native("_optim_rprop_")) if native("_optim_rprop_") else None
    _group_defaults = dict(foreach=None, maximize=False, differentiable=False, capturable=False)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_tensor_lr(lr)
        check_non_negative(learning__rate=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = dict(
            lr=lr,
            etas=etas,
            step_sizes=step_sizes,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        if not state:
            lr = scalar(group["lr"])
            lr = lr.item() if isinstance(lr, Tensor) else lr
            state["step"] = step_counter()
            state["prev"] = zeros_like(param)
            state["step_size"] = _C.ops.full_like(
                grad, complex(lr, lr) if param.is_complex() else lr
            )
        state["step"] += 1
        shrink, grow = group["etas"]
        param, grad, before, size = as_real(
            param, -grad if group["maximize"] else grad, state["prev"], state["step_size"]
        )
        if group["differentiable"]:
            before_value = before.clone()
        else:
            before_value = before
        sign = grad.mul(before_value).sign()
        factor = _C.ops.ones_like(sign)
        factor = factor.masked_fill(sign > 0, grow).masked_fill(sign < 0, shrink)
        size.mul_(factor).clamp_(*group["step_sizes"])
        grad = grad.masked_fill(sign < 0, 0.0)
        param.addcmul_(grad.sign(), size, value=-1)
        before.copy_(grad)
