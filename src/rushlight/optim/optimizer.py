"""The base class of all optimizers: parameter groups, state, hooks, state dicts."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from .. import _C
from .._notes import noted

__all__ = [
    "Optimizer",
    "register_optimizer_step_pre_hook",
    "register_optimizer_step_post_hook",
]

Tensor = _C.Tensor
ParamsT = Iterable[Any]
StateDict = dict[str, Any]

_global_optimizer_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: OrderedDict[int, Callable] = OrderedDict()
# Absent while the native module lacks it: `zero_grad` then loops in Python.
_native_zero_grads = getattr(_C, "_zero_grads", None)

_HOOK_TABLES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


class _RequiredParameter:
    """Marks an option without a default."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def register_optimizer_step_pre_hook(hook: Callable) -> Any:
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimizer.

    Args:
        hook: may return None or a new ``(args, kwargs)`` pair.

    Returns:
        A handle whose ``remove()`` takes the hook away.
    """
    return _register(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> Any:
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimizer.

    Args:
        hook: its result is ignored.

    Returns:
        A handle whose ``remove()`` takes the hook away.
    """
    return _register(_global_optimizer_post_hooks, hook)


def _register(table: OrderedDict, hook: Callable, prepend: bool = False) -> Any:
    from ..utils.hooks import RemovableHandle

    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def _typename(obj: Any) -> str:
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", None) else f"{module}.{kind.__qualname__}"


class Optimizer:
    """Base class of optimizers.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dicts with a "params" entry and options
            of their own. The order must be the same from run to run, so no sets.
        defaults: options of the groups that do not set them.

    Raises:
        TypeError: a parameter is not a tensor, or the collection is unordered.
        ValueError: no parameter, a non-leaf tensor, or one tensor in two groups.

    Example:
        >>> import rushlight as torch
        >>> w = torch.zeros(2, requires_grad=True)
        >>> opt = torch.optim.SGD([w], lr=0.5)
        >>> w.sum().backward()
        >>> opt.step()
        >>> w.tolist()
        [-0.5, -0.5]
    """

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for table in _HOOK_TABLES:
            setattr(self, table, OrderedDict())
        self._patch_step_function()
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        for group in _as_groups(params):
            self.add_param_group(group)
        self._warned_capturable_if_run_uncaptured = True

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for table in _HOOK_TABLES:
            if table not in self.__dict__:
                setattr(self, table, OrderedDict())
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [""] if i else []
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # ------------------------------------------------------------------ stepping

    @staticmethod
    def profile_hook_step(func: Callable) -> Callable:
        """Wrap a ``step`` so that pre- and post-hooks run around it."""

        @functools.wraps(func)
        def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
            if not (
                self._optimizer_step_pre_hooks
                or self._optimizer_step_post_hooks
                or _global_optimizer_pre_hooks
                or _global_optimizer_post_hooks
            ):
                return func(self, *args, **kwargs)
            return _step_with_hooks(self, func, (self, *args), kwargs)

        return wrapper

    def _patch_step_function(self) -> None:
        cls = type(self)
        if not getattr(cls.step, "hooked", None):
            cls.step = self.profile_hook_step(cls.step)  # type: ignore[method-assign]
            cls.step.hooked = True  # type: ignore[attr-defined]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once.

        Args:
            closure: recomputes the loss and its gradients and returns the loss.

        Returns:
            What the closure returned, or None.
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: drop the gradient tensors (default) instead of filling them with zeros.
        """
        if set_to_none:
            for group in self.param_groups:
                if _native_zero_grads is not None:
                    _native_zero_grads(group["params"])
                    continue
                for param in group["params"]:
                    param.grad = None
            return
        for group in self.param_groups:
            for param in group["params"]:
                grad = param.grad
                if grad is None:
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    # ------------------------------------------------------------------ hooks

    def register_step_pre_hook(self, hook: Callable) -> Any:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new ones."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> Any:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Any:
        """Call ``hook(optimizer)`` before `state_dict` collects its result."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Any:
        """Call ``hook(optimizer, state_dict)`` on the result; it may return another dict."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Any:
        """Call ``hook(optimizer, state_dict)`` before loading; it may return another dict."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Any:
        """Call ``hook(optimizer)`` after a state dict was loaded."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ------------------------------------------------------------------ state dicts

    def state_dict(self) -> StateDict:
        """Return the state and the groups, parameters replaced by their running numbers.

        Returns:
            ``{"state": {number: {...}}, "param_groups": [...]}``; the tensors are not copied.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        packed_groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for param in group["params"]:
                numbers.setdefault(id(param), len(numbers))
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            packed_groups.append(packed)
        result: StateDict = {
            "state": {
                (numbers[id(key)] if isinstance(key, Tensor) else key): value
                for key, value in self.state.items()
            },
            "param_groups": packed_groups,
        }
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, result)
            if replaced is not None:
                result = replaced
        return result

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over a state made by `state_dict`.

        Args:
            state_dict: its tensors are copied when their dtype or device must change.

        Raises:
            ValueError: the groups differ in number or in length.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        saved_groups = deepcopy(state_dict["param_groups"])
        _check_same_layout(self.param_groups, saved_groups)
        by_number = {
            number: param
            for group, saved in zip(self.param_groups, saved_groups)
            for number, param in zip(saved["params"], group["params"])
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                param = by_number[key]
                options = _group_of(state_dict["param_groups"], key)
                state[param] = _cast_state(param, value, options, None)
            else:
                state[key] = value
        for group, saved in zip(self.param_groups, saved_groups):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # ------------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, e.g. layers that are no longer frozen.

        Args:
            param_group: "params" and any options; the missing ones come from the defaults.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _unpack_params(param_group)
        for param in param_group["params"]:
            self._check_param(param)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        if len({id(p) for p in param_group["params"]}) != len(param_group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; "
                "in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        self._check_against_groups(param_group)
        self.param_groups.append(param_group)

    def _check_param(self, param: Any) -> None:
        if not isinstance(param, Tensor):
            raise TypeError(
                f"optimizer can only optimize Tensors, but one of the params is {_typename(param)}"
            )
        leaf = param.is_leaf or param.retains_grad
        if not (leaf or self.defaults.get("differentiable")):
            error = ValueError("can't optimize a non-leaf Tensor")
            noted(
                error,
                f"the tensor of shape {list(param.shape)} was computed by {param.grad_fn.name()}; "
                "give the tensor it was computed from, or x.detach().requires_grad_()",
            )
            raise error

    def _check_against_groups(self, new: dict[str, Any]) -> None:
        if self.param_groups:
            named = "param_names" in new
            if named != ("param_names" in self.param_groups[0]):
                what = "with names" if named else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {what} to the optimizer"
                )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(id(p) for p in new["params"]):
            raise ValueError("some parameters appear in more than one parameter group")


def _as_groups(params: ParamsT) -> list[dict[str, Any]]:
    if isinstance(params, Tensor):
        raise TypeError(
            "params argument given to the optimizer should be "
            f"an iterable of Tensors or dicts, but got {_typename(params)}"
        )
    try:
        items = list(params)
    except TypeError as error:
        if hasattr(params, "parameters"):
            noted(error, f"pass {type(params).__name__}(...).parameters(), not the module")
        raise
    if not items:
        error = ValueError("optimizer got an empty parameter list")
        noted(error, "a generator gives its parameters once: was it already consumed?")
        raise error
    return items if isinstance(items[0], dict) else [{"params": items}]


def _unpack_params(group: dict[str, Any]) -> None:
    """Turn group["params"] into a list of tensors, names (if given) into group["param_names"]."""
    params = group["params"]
    if isinstance(params, Tensor):
        group["params"] = [params]
        return
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but "
            "the ordering of tensors in sets will change between runs. Please use a list instead."
        )
    items = list(params)
    names = [item[0] for item in items if isinstance(item, tuple)]
    if names and len(names) != len(items):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    group["params"] = [item[1] for item in items] if names else items
    if names:
        group["param_names"] = names


def _step_with_hooks(self: Optimizer, func: Callable, args: tuple, kwargs: dict) -> Any:
    before = chain(
        list(_global_optimizer_pre_hooks.values()), list(self._optimizer_step_pre_hooks.values())
    )
    for hook in before:
        changed = hook(self, args, kwargs)
        if changed is None:
            continue
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise RuntimeError(
                f"{func} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
            )
        args, kwargs = changed
    result = func(*args, **kwargs)
    after = chain(
        list(self._optimizer_step_post_hooks.values()), list(_global_optimizer_post_hooks.values())
    )
    for hook in after:
        hook(self, args, kwargs)
    return result


def _check_same_layout(groups: list[dict], saved: list[dict]) -> None:
    if len(groups) != len(saved):
        error = ValueError("loaded state dict has a different number of parameter groups")
        noted(error, f"the optimizer has {len(groups)}, the state dict {len(saved)}")
        raise error
    for i, (group, other) in enumerate(zip(groups, saved)):
        if len(group["params"]) != len(other["params"]):
            error = ValueError(
                "loaded state dict contains a parameter group "
                "that doesn't match the size of optimizer's group"
            )
            noted(
                error,
                f"group {i}: the optimizer has {len(group['params'])} parameters, "
                f"the state dict {len(other['params'])}",
            )
            raise error


def _group_of(groups: list[dict], number: Any) -> dict:
    for group in groups:
        if number in group["params"]:
            return group
    return {}


def _cast_state(param: Tensor, value: Any, options: dict, key: Any) -> Any:
    """Copy a state value, its tensors in the parameter's dtype and device.

    A "step" counter keeps its own dtype: a bfloat16 counter could not count past 256.
    """
    if isinstance(value, Tensor):
        if key == "step":
            if options.get("capturable") or options.get("fused"):
                return value.to(dtype=_C.float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _cast_state(param, v, options, k) for k, v in value.items()}
    if isinstance(value, Iterable):
        return type(value)(_cast_state(param, v, options, None) for v in value)  # type: ignore
    return value
