"""AdamW: Adam whose weight decay acts on the parameter, not on the gradient."""

from __future__ import annotations

from typing import Any

from .adam import Adam
from .optimizer import ParamsT, Tensor

__all__ = ["AdamW"]


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p *= 1 - lr * weight_decay`` before Adam's update.

    Args:
        params: parameters or groups.
        lr: learning rate (default 1e-3).
        betas: decay of the two means (default (0.9, 0.999)).
        eps: added to the denominator (default 1e-8).
        weight_decay: decay per step, times lr (default 1e-2).
        amsgrad: divide by the largest second mean seen so far.
        maximize, foreach, capturable, differentiable, fused: as in `Adam`.

    Example:
        >>> import rushlight as torch
        >>> w = torch.ones(1, requires_grad=True)
        >>> opt = torch.optim.AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(w.item(), 4)
        0.85
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
