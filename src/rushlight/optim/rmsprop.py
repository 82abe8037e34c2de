"""RMSprop."""

from __future__ import annotations

from typing import Any

from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    add_quotient,
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

__all__ = ["RMSprop"]


class RMSprop(LegacyStepMixin, RuleOptimizer):
    """RMSprop: the gradient divided by the root of a running mean of its square.

    ``v = alpha v + (1-alpha) g*g``, ``p -= lr * g / (sqrt(v) + eps)``; with momentum the quotient
    is gathered in a buffer, with `centered` the square of the mean gradient is taken off ``v``.

    Args:
        params: parameters or groups.
        lr: learning rate (default 1e-2).
        alpha: decay of the running mean (default 0.99).
        eps: added to the denominator (default 1e-8).
        weight_decay: L2 penalty (default 0).
        momentum: factor kept of the last update (default 0).
        centered: divide by an estimate of the standard deviation.
        capturable, foreach: accepted.
        maximize: climb instead of descend.
        differentiable: record the update for autograd.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import rushlight as torch
        >>> w = torch.ones(1, requires_grad=True)
        >>> opt = torch.optim.RMSprop([w], lr=0.01)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(w.item(), 4)
        0.9
    """

    _native = staticmethod(native("_optim_rmsprop_")) if native("_optim_rmsprop_") else None
    _group_defaults = dict(
        momentum=0,
        centered=False,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    )

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_tensor_lr(lr)
        check_non_negative(
            learning__rate=lr,
            epsilon__value=eps,
            momentum__value=momentum,
            weight_decay__value=weight_decay,
            alpha__value=alpha,
        )
        defaults = dict(
            lr=lr,
            momentum=momentum,
            alpha=alpha,
            eps=eps,
            centered=centered,
            weight_decay=weight_decay,
            capturable=capturable,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        if not state:
            state["step"] = step_counter()
            state["square_avg"] = zeros_like(param)
            if group["momentum"] > 0:
                state["momentum_buffer"] = zeros_like(param)
            if group["centered"]:
                state["grad_avg"] = zeros_like(param)
        state["step"] += 1
        lr, alpha = scalar(group["lr"]), group["alpha"]
        param, grad, square, mean, buf = as_real(
            param,
            decayed(group, param, grad),
            state["square_avg"],
            state["grad_avg"] if group["centered"] else None,
            state["momentum_buffer"] if group["momentum"] > 0 else None,
        )
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if mean is not None:
            mean.lerp_(grad, 1 - alpha)
            root = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            root = square.sqrt()
        root = root.add(group["eps"])
        if buf is not None:
            buf.mul_(group["momentum"]).addcdiv_(grad, root)
            add_scaled(param, buf, -lr)
        else:
            add_quotient(param, grad, root, -lr)
