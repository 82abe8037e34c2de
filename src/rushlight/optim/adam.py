"""Adam."""

from __future__ import annotations

from typing import Any

from .. import _C
from ._rule import (
    LegacyStepMixin,
    RuleOptimizer,
    as_real,
    check_fused_flags,
    check_fused_param,
    check_tensor_lr,
    native,
    scalar,
    step_counter,
    zeros_like,
)
from .optimizer import ParamsT, Tensor

__all__ = ["Adam"]


class Adam(LegacyStepMixin, RuleOptimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    ``m = b1 m + (1-b1) g``, ``v = b2 v + (1-b2) g*g``, both divided by ``1 - b**t``, then
    ``p -= lr * m / (sqrt(v) + eps)``.

    Args:
        params: parameters or groups.
        lr: learning rate (default 1e-3).
        betas: decay of the two means (default (0.9, 0.999)).
        eps: added to the denominator (default 1e-8).
        weight_decay: L2 penalty, added to the gradient (default 0).
        amsgrad: divide by the largest second mean seen so far.
        maximize: climb instead of descend.
        foreach, fused, capturable: accepted; every step is one native call in any case.
        differentiable: record the update for autograd.
        decoupled_weight_decay: shrink the parameter instead of penalising (see `AdamW`).

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import rushlight as torch
        >>> w = torch.ones(1, requires_grad=True)
        >>> opt = torch.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(w.item(), 4)
        0.9
    """

    _native = staticmethod(native("_optim_adam_")) if native("_optim_adam_") else None
    _group_defaults = dict(
        amsgrad=False,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        decoupled_weight_decay=False,
        fused=None,
    )

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        check_tensor_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i in (0, 1):
            if not 0.0 <= betas[i] < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        _check_beta_kinds(betas, bool(foreach) and not capturable)
        defaults = dict(
            lr=lr,
            betas=tuple(b.squeeze() if isinstance(b, Tensor) and b.dim() else b for b in betas),
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        super().__init__(params, defaults)
        check_fused_flags(foreach, differentiable, fused)
        if fused:
            self._step_supports_amp_scaling = True

    def _sparse_grad(self, grad: Tensor) -> Tensor:
        raise RuntimeError(
            "Adam does not support sparse gradients, please consider SparseAdam instead"
        )

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self.state[param]
        if not state:
            if group["fused"]:
                check_fused_param(param)
            state["step"] = step_counter(group)
            state["exp_avg"] = zeros_like(param)
            state["exp_avg_sq"] = zeros_like(param)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = zeros_like(param)
        if group["differentiable"] and state["step"].requires_grad:
            raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
        state["step"] += 1
        _adam_rule(group, state, state["step"].item(), param, -grad if group["maximize"] else grad)


def _adam_rule(
    group: dict[str, Any], state: dict[str, Any], t: float, param: Tensor, grad: Tensor
) -> None:
    lr, beta1, beta2 = (scalar(x) for x in (group["lr"], *group["betas"]))
    decay = group["weight_decay"]
    if decay != 0:
        if group["decoupled_weight_decay"]:
            param.mul_(1 - lr * decay)
        else:
            grad = grad.add(param, alpha=decay)
    most = state["max_exp_avg_sq"] if group["amsgrad"] else None
    param, grad, mean, square, most = as_real(
        param, grad, state["exp_avg"], state["exp_avg_sq"], most
    )
    mean.lerp_(grad, 1 - beta1)
    if isinstance(beta2, Tensor):
        square.lerp_(grad.square(), 1 - beta2)
    else:
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    root2 = (1 - beta2**t) ** 0.5
    if most is not None:
        most.copy_(
            _C.ops.maximum(most.clone(), square)
            if group["differentiable"]
            else _C.ops.maximum(most, square)
        )
        square = most
    denominator = (square.sqrt() / root2).add_(group["eps"])
    step_size = lr / (1 - beta1**t)
    if isinstance(step_size, Tensor):
        param.add_(-step_size * (mean / denominator))
    else:
        param.addcdiv_(mean, denominator, value=-step_size)


def _check_beta_kinds(betas: tuple[Any, Any], foreach: bool) -> None:
    tensors = [isinstance(b, Tensor) for b in betas]
    floats = [isinstance(b, float) for b in betas]
    if not (all(tensors) or all(floats)):
        raise ValueError("betas must be either both floats or both Tensors")
    if not all(tensors):
        return
    for i, beta in enumerate(betas):
        if foreach:
            raise ValueError(
                f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True"
            )
        if beta.numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")
