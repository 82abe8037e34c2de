"""SparseAdam: Adam that touches only the rows a sparse gradient names."""

from __future__ import annotations

from typing import Any

from ._rule import RuleOptimizer, check_betas, check_tensor_lr, zeros_like
from .optimizer import ParamsT, Tensor

__all__ = ["SparseAdam"]


class SparseAdam(RuleOptimizer):
    """Adam for sparse gradients.

    Args:
        params: dense, real parameters or groups.
        lr: learning rate (default 1e-3).
        betas: decay of the two means (default (0.9, 0.999)).
        eps: added to the denominator (default 1e-8).
        maximize: climb instead of descend.

    Raises:
        ValueError: an option out of its range, or a sparse or complex parameter.
        RuntimeError: at `step`, a dense gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_tensor_lr(lr)
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))
        self._refuse("Sparse", "requires dense parameter tensors", lambda p: p.is_sparse)
        self._refuse("Complex", "does not support complex parameters", lambda p: p.is_complex())

    def _refuse(self, kind: str, rule: str, is_bad: Any) -> None:
        bad = [
            [i, j]
            for i, group in enumerate(self.param_groups)
            for j, param in enumerate(group["params"])
            if is_bad(param)
        ]
        if bad:
            raise ValueError(f"{kind} params at indices {bad}: SparseAdam {rule}")

    def _sparse_grad(self, grad: Tensor) -> Tensor:
        return grad

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        if not grad.is_sparse:
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
        state = self.state[param]
        if not state:
            state["step"] = 0
            state["exp_avg"] = zeros_like(param)
            state["exp_avg_sq"] = zeros_like(param)
        state["step"] += 1
        t, (beta1, beta2), lr = state["step"], group["betas"], group["lr"]
        lr = lr.item() if isinstance(lr, Tensor) else lr
        grad = (-grad if group["maximize"] else grad).coalesce()
        rows, values = tuple(grad._indices()), grad._values()
        if values.numel() == 0:
            return
        mean = state["exp_avg"][rows]
        mean = mean + (values - mean) * (1 - beta1)
        square = state["exp_avg_sq"][rows]
        square = square + (values * values - square) * (1 - beta2)
        state["exp_avg"][rows] = mean
        state["exp_avg_sq"][rows] = square
        step_size = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        param[rows] = param[rows] - step_size * mean / (square.sqrt() + group["eps"])
