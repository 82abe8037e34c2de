"""Muon: momentum whose update is made orthogonal."""

from __future__ import annotations

import math
from typing import Any

from .. import _C
from ._rule import RuleOptimizer, check_tensor_lr, zeros_like
from .optimizer import ParamsT, Tensor

__all__ = ["Muon"]

# Quintic Newton-Schulz coefficients with the steepest rise at zero (Keller Jordan, 2024).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(RuleOptimizer):
    """Muon: for matrices; all singular values of the momentum are brought near 1.

    Args:
        params: 2-D parameters or groups.
        lr: learning rate (default 1e-3).
        weight_decay: decay per step, times lr (default 0.1).
        momentum: decay of the running mean (default 0.95).
        nesterov: look ahead (default True).
        ns_coefficients: coefficients of the Newton-Schulz iteration.
        eps: keeps the norm away from zero (default 1e-7).
        ns_steps: iterations, fewer than 100 (default 5).
        adjust_lr_fn: "original" (default) or "match_rms_adamw".

    Raises:
        ValueError: an option out of its range, or a parameter that is not 2-D.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = _COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_tensor_lr(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 <= momentum:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = dict(
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_coefficients=ns_coefficients,
            eps=eps,
            ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn,
        )
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter "
                        f"with size: {param.size()}"
                    )

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        state = self.state[param]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(grad)
        lr, momentum = group["lr"], group["momentum"]
        lr = lr.item() if isinstance(lr, Tensor) else lr
        buf = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(buf, momentum) if group["nesterov"] else buf
        update = orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-lr * _shape_factor(group["adjust_lr_fn"], *param.shape))


def orthogonalized(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Bring the singular values of a matrix (m, n) near 1, in bfloat16.

    Each step maps a singular value s to ``a s + b s**3 + c s**5``.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if matrix.dim() != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.to(_C.bfloat16, copy=True)
    x = x.T if tall else x
    x.div_(x.norm().clamp(min=eps))
    for _ in range(steps):
        gram = x @ x.T
        x = _C.ops.addmm(x, _C.ops.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def _shape_factor(rule: str | None, rows: int, columns: int) -> float:
    if rule == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
