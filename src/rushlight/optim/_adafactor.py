"""Adafactor: Adam's second mean kept as a row and a column factor."""

from __future__ import annotations

from typing import Any

from ._rule import LegacyStepMixin, RuleOptimizer, check_tensor_lr, step_counter, zeros_like
from .optimizer import ParamsT, Tensor

__all__ = ["Adafactor"]


class Adafactor(LegacyStepMixin, RuleOptimizer):
    """Adafactor: for an (m, n) parameter the state has m + n numbers instead of m * n.

    Args:
        params: real parameters or groups.
        lr: largest relative step (default 1e-2).
        beta2_decay: the second mean forgets with ``t ** beta2_decay`` (default -0.8).
        eps: floor of the second mean (None: the dtype's epsilon) and of the parameter's scale.
        d: the update is clipped to this root mean square (default 1.0).
        weight_decay: decay per step, times lr (default 0).
        foreach: accepted.
        maximize: climb instead of descend.

    Raises:
        ValueError: an option out of its range.
    """

    _group_defaults = dict(foreach=None)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_tensor_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for i in (0, 1):
            if eps[i] is not None and not 0.0 <= eps[i]:
                raise ValueError(f"epsilon{i + 1} should be >= 0 but is: {eps[i]}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = dict(
            lr=lr,
            beta2_decay=beta2_decay,
            eps=eps,
            d=d,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
        )
        super().__init__(params, defaults)

    def _update_group(self, group: dict[str, Any]) -> None:
        if any(p.grad is not None and p.is_complex() for p in group["params"]):
            raise RuntimeError("Adafactor does not support complex parameters")
        super()._update_group(group)

    def _begin(self, param: Tensor, grad: Tensor) -> dict[str, Any]:
        state = self.state[param]
        if state:
            return state
        state["step"] = step_counter()
        if grad.dim() > 1:
            *outer, m, n = grad.shape
            state["row_var"] = grad.new_zeros((*outer, m, 1))
            state["col_var"] = grad.new_zeros((*outer, 1, n))
        else:
            state["variance"] = zeros_like(grad)
        return state

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        state = self._begin(param, grad)
        lr = group["lr"].item() if isinstance(group["lr"], Tensor) else group["lr"]
        floor, scale_floor = group["eps"]
        if floor is None:
            from .. import finfo

            floor = finfo(param.dtype).eps
        if group["maximize"]:
            grad = -grad
        state["step"] += 1
        t = state["step"].item()
        scale = max(scale_floor, _norm(param) / param.numel() ** 0.5)
        rate = scale * min(lr, 1 / t**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        estimate = _second_mean(state, grad, t ** group["beta2_decay"], floor)
        update = estimate.clamp_(min=floor * floor).rsqrt_().mul_(grad)
        clip = max(1.0, _norm(update) / (update.numel() ** 0.5 * group["d"]))
        param.add_(update, alpha=-rate / clip)


def _norm(x: Tensor) -> float:
    return x.norm(2).item()


def _second_mean(state: dict[str, Any], grad: Tensor, weight: float, floor: float) -> Tensor:
    if grad.dim() < 2:
        return state["variance"].lerp_(grad * grad, weight).clone()
    row, col = state["row_var"], state["col_var"]
    for factor, dim in ((row, -1), (col, -2)):
        square = grad.norm(2, dim, True).square_()
        factor.lerp_(square.div_(grad.size(dim)), weight)
    return (row @ col).div_(row.mean(dim=-2, keepdim=True).clamp_(min=floor))
