"""Adagrad."""

from __future__ import annotations

from typing import Any

from .. import _C
from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    add_quotient,
    as_real,
    check_fused_flags,
    check_fused_param,
    check_non_negative,
    check_tensor_lr,
    decayed,
    native,
    scalar,
    step_counter,
)
from .optimizer import ParamsT, Tensor

__all__ = ["Adagrad"]


class Adagrad(LegacyStepMixin, RuleOptimizer):
    """Adagrad: the gradient divided by the root of the sum of all its squares so far.

    ``s += g*g``, ``p -= lr / (1 + (t-1) lr_decay) * g / (sqrt(s) + eps)``.

    Args:
        params: parameters or groups.
        lr: learning rate (default 1e-2).
        lr_decay: how the learning rate falls with the step (default 0).
        weight_decay: L2 penalty (default 0).
        initial_accumulator_value: where the sum begins (default 0).
        eps: added to the denominator (default 1e-10).
        foreach, fused: accepted; every step is one native call in any case.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import rushlight as torch
        >>> w = torch.ones(1, requires_grad=True)
        >>> opt = torch.optim.Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(w.item(), 4)
        0.9
    """

    _native = staticmethod(native("_optim_adagrad_")) if native("_optim_adagrad_") else None
    _group_defaults = dict(foreach=None, maximize=False, differentiable=False, fused=None)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_tensor_lr(lr)
        check_non_negative(
            learning__rate=lr,
            lr_decay__value=lr_decay,
            weight_decay__value=weight_decay,
            initial_accumulator_value__value=initial_accumulator_value,
            epsilon__value=eps,
        )
        defaults = dict(
            lr=lr,
            lr_decay=lr_decay,
            eps=eps,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)
        check_fused_flags(foreach, differentiable, fused)
        if fused:
            self._step_supports_amp_scaling = True
        # The sum exists before the first step: `share_memory` needs it.
        for group in self.param_groups:
            for param in group["params"]:
                self._begin(group, param)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        state = self.state[param]
        if not state:
            if group["fused"]:
                check_fused_param(param)
            start = group["initial_accumulator_value"]
            state["step"] = step_counter(group)
            state["sum"] = _C.ops.full_like(
                param,
                complex(start, start) if param.is_complex() else start,
                memory_format=_C.preserve_format,
            )
        return state

    def share_memory(self) -> None:
        """Move the sums to memory that other processes can share."""
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param]["sum"].share_memory_()

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self._begin(group, param)
        state["step"] += 1
        rate = scalar(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        param, grad, total = as_real(param, decayed(group, param, grad), state["sum"])
        total.addcmul_(grad, grad, value=1)
        add_quotient(param, grad, total.sqrt().add(group["eps"]), -rate)
