"""What the library's own optimizers share: one native call per group, else a readable rule.

`RuleOptimizer.step` hands each parameter group to the native updater, which does all its tensors
in one call and says False, having touched nothing, when anything is out of the ordinary (first
step without state, complex or half types, differentiable mode, unusual strides, another device).
Then `_update_param`, the rule as one writes it down, does the group tensor by tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C
from .optimizer import Optimizer

Tensor = _C.Tensor


def native(name: str) -> Callable[[dict, dict], bool] | None:
    """The native updater of that name, or None if this build has none."""
    return getattr(_C, name, None)


def check_tensor_lr(lr: Any) -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def check_non_negative(**values: Any) -> None:
    """Raise for the first negative value; keyword names are the words of the message."""
    for name, value in values.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {name.replace('__', ' ')}: {value}")


def check_betas(betas: tuple[Any, Any]) -> None:
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_fused_flags(foreach: Any, differentiable: bool, fused: Any) -> None:
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_fused_param(param: Tensor) -> None:
    if not param.is_floating_point():
        raise RuntimeError(
            "`fused=True` requires all the params to be floating point Tensors of "
            f"supported devices: ['cpu', 'cuda'] but {param.dtype} and {param.device.type}"
        )


def scalar(x: Any) -> Any:
    """A number from a number or a one-element tensor that autograd does not watch."""
    if not isinstance(x, Tensor):
        return x
    return (x.squeeze() if x.dim() else x) if x.requires_grad else x.item()


def step_counter(group: dict[str, Any] | None = None) -> Tensor:
    """A new 0-d "step" state tensor."""
    wide = not (group and group.get("fused")) and _default_dtype() == _C.float64
    return _C.ops.zeros((), dtype=_C.float64 if wide else _C.float32)


def _default_dtype() -> Any:
    from .. import get_default_dtype

    return get_default_dtype()


def zeros_like(p: Tensor) -> Tensor:
    return _C.ops.zeros_like(p, memory_format=_C.preserve_format)


def constant(value: float) -> Tensor:
    """A 0-d state tensor, in the dtype of step counters."""
    return step_counter().fill_(value)


def decayed(group: dict[str, Any], param: Tensor, grad: Tensor) -> Tensor:
    """The gradient with the group's sign and L2 penalty applied."""
    if group["maximize"]:
        grad = -grad
    if group["weight_decay"] != 0:
        grad = grad.add(param, alpha=group["weight_decay"])
    return grad


def add_quotient(param: Tensor, a: Tensor, b: Tensor, factor: Any) -> None:
    """param += factor * a / b; a factor that autograd watches is a tensor."""
    if isinstance(factor, Tensor):
        param.add_(factor * (a / b))
    else:
        param.addcdiv_(a, b, value=factor)


def add_scaled(param: Tensor, a: Tensor, factor: Any) -> None:
    """param += factor * a."""
    if isinstance(factor, Tensor):
        param.add_(factor * a)
    else:
        param.add_(a, alpha=factor)


def as_real(*tensors: Tensor | None) -> list[Tensor | None]:
    """View complex tensors as pairs of reals, leave the others (and None) as they are."""
    return [_C.ops.view_as_real(t) if t is not None and t.is_complex() else t for t in tensors]


class RuleOptimizer(Optimizer):
    """An optimizer given by a rule for one parameter and, if present, a native updater."""

    _native: Callable[[dict, dict], bool] | None = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once.

        Args:
            closure: recomputes the loss and its gradients and returns the loss.

        Returns:
            What the closure returned, or None.
        """
        differentiable = self.defaults.get("differentiable", False)
        before = _C.is_grad_enabled()
        _C.set_grad_enabled(differentiable)
        try:
            loss = None
            if closure is not None:
                _C.set_grad_enabled(True)
                loss = closure()
                _C.set_grad_enabled(differentiable)
            update = self._native
            for group in self.param_groups:
                if update is None or differentiable or not update(group, self.state):
                    self._update_group(group)
        finally:
            _C.set_grad_enabled(before)
        return loss

    def _update_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            if grad.is_sparse:
                grad = self._sparse_grad(grad)
            self._update_param(group, param, grad)

    def _sparse_grad(self, grad: Tensor) -> Tensor:
        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")

    def _update_param(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        raise NotImplementedError


class LegacyStepMixin:
    """Turns the plain-number "step" of old pickles and checkpoints into a tensor."""

    _group_defaults: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        for group in self.param_groups:  # type: ignore[attr-defined]
            for name, value in self._group_defaults.items():
                group.setdefault(name, value)
            for param in group["params"]:
                values = self.state.get(param)  # type: ignore[attr-defined]
                if values and "step" in values and not isinstance(values["step"], Tensor):
                    counter = step_counter(group)
                    values["step"] = counter.fill_(float(values["step"]))
