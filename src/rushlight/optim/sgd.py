"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ._rule import (
    RuleOptimizer,
    check_fused_flags,
    check_fused_param,
    check_tensor_lr,
    native,
    scalar,
)
from .optimizer import ParamsT, Tensor

__all__ = ["SGD"]


class SGD(RuleOptimizer):
    """Stochastic gradient descent, with momentum if wanted.

    With ``g`` the gradient plus ``weight_decay * p``: ``v = momentum * v + (1 - dampening) * g``
    (the first ``v`` is ``g``), then ``p -= lr * v``, or ``p -= lr * (g + momentum * v)`` (Nesterov).

    Args:
        params: parameters or groups.
        lr: learning rate, a number or a 1-element tensor (default 1e-3).
        momentum: factor kept of the last update (default 0).
        dampening: reduces what the gradient adds to the momentum (default 0).
        weight_decay: L2 penalty (default 0).
        nesterov: look ahead; needs momentum and zero dampening.
        maximize: climb instead of descend.
        foreach, fused: accepted; every step is one native call in any case.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import rushlight as torch
        >>> w = torch.ones(1, requires_grad=True)
        >>> opt = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        >>> for _ in range(2):
        ...     opt.zero_grad()
        ...     (w * w).sum().backward()
        ...     opt.step()
        >>> round(w.item(), 4)
        0.46
    """

    _native = staticmethod(native("_optim_sgd_")) if native("_optim_sgd_") else None

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_tensor_lr(lr)
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
            foreach=foreach,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)
        check_fused_flags(foreach, differentiable, fused)
        self._step_supports_amp_scaling = bool(fused)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name in ("nesterov", "maximize", "differentiable"):
                group.setdefault(name, False)
            group.setdefault("foreach", None)
            group.setdefault("fused", False)

    def _sparse_grad(self, grad: Tensor) -> Tensor:
        return grad

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        if group["fused"]:
            check_fused_param(param)
        momentum, lr = group["momentum"], scalar(group["lr"])
        if group["maximize"]:
            grad = -grad
        if group["weight_decay"] != 0:
            grad = _plus_scaled(grad, param, scalar(group["weight_decay"]))
        if momentum != 0:
            state = self.state[param]
            buf = state.get("momentum_buffer")
            if buf is None:
                buf = grad.detach().clone()
            else:
                buf.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            state["momentum_buffer"] = buf
            grad = grad.add(buf, alpha=momentum) if group["nesterov"] else buf
        if isinstance(lr, Tensor):
            param.addcmul_(grad, lr, value=-1)
        else:
            param.add_(grad, alpha=-lr)


def _plus_scaled(grad: Tensor, param: Tensor, factor: Any) -> Tensor:
    if isinstance(factor, Tensor):  # autograd watches it
        return grad.addcmul(param.clone(), factor)
    return grad.add(param, alpha=factor)
