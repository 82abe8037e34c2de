"""Programs that say `torch.jit.script` or `trace` run as Python: both return what they were given.

Files of `torch.jit.save` hold compiled code, which this library neither writes nor runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..nn.modules.module import Module

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "Future",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracedModule",
    "TracerWarning",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "fork",
    "freeze",
    "fuser",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "run_frozen_optimizations",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_isinstance = isinstance


class TracerWarning(Warning):
    """Category of the warnings that tracing gives; never given here."""


class Error(RuntimeError):
    """A compiled program failed."""


class ScriptModule(Module):
    """Base class of modules with compiled methods; a plain Module here."""


class RecursiveScriptModule(ScriptModule):
    """What `script` makes of a module elsewhere; here `script` returns the module itself."""


class TracedModule(ScriptModule):
    """What `trace` makes of a module elsewhere."""


class TopLevelTracedModule(TracedModule):
    """What `trace` makes of a module elsewhere."""


class ScriptFunction:
    """What `script` makes of a function elsewhere; here `script` returns the function itself."""


class Attribute:
    """A value with a declared type."""

    def __init__(self, value: Any, type: Any) -> None:
        self.value, self.type = value, type


def script(
    obj: Any,
    optimize: Any = None,
    _frames_up: int = 0,
    _rcb: Any = None,
    example_inputs: Any = None,
) -> Any:
    """The module or function itself, which runs as Python.

    Args:
        obj: module, function or class.
        optimize, example_inputs: accepted.

    Returns:
        `obj`.

    Example:
        >>> import rushlight as torch
        >>> torch.jit.script(abs) is abs
        True
    """
    return obj


def trace(func: Callable, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The module or function itself, called once with the example to see that it works.

    Args:
        func: module or function.
        example_inputs: a tuple of arguments, or one tensor.

    Returns:
        `func`.

    Example:
        >>> import rushlight as torch
        >>> torch.jit.trace(torch.sin, torch.ones(1)) is torch.sin
        True
    """
    from .. import _C

    if example_inputs is not None:
        recording = _C.is_grad_enabled()
        _C.set_grad_enabled(False)
        try:
            if _isinstance(example_inputs, (tuple, list)):
                func(*example_inputs)
            else:
                func(example_inputs)
        finally:
            _C.set_grad_enabled(recording)
    return func


def trace_module(mod: Any, inputs: dict, *args: Any, **kwargs: Any) -> Any:
    """The module itself; see `trace`."""
    return mod


def _as_is(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Decorator for methods that stay Python; returns them unchanged."""
    return drop if callable(drop) else _as_is


def unused(fn: Any) -> Any:
    """Decorator for methods that are not compiled; returns them unchanged."""
    return fn


def export(fn: Any) -> Any:
    """Decorator for methods to compile besides forward; returns them unchanged."""
    return fn


def script_method(fn: Any, _rcb: Any = None) -> Any:
    """Decorator for compiled methods; returns them unchanged."""
    return fn


def script_if_tracing(fn: Any) -> Any:
    """Decorator for functions to compile when traced; returns them unchanged."""
    return fn


def interface(obj: Any) -> Any:
    """Decorator for interface classes; returns them unchanged."""
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value; its declared type is for compilers."""
    return the_value


def is_scripting() -> bool:
    """Whether the code runs compiled: never."""
    return False


def is_tracing() -> bool:
    """Whether the code is being traced: never."""
    return False


def isinstance(obj: Any, target_type: Any) -> bool:
    """`isinstance` that understands parametrised containers such as List[int]."""
    from typing import Union, get_args, get_origin

    if _isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, inner = get_origin(target_type), get_args(target_type)
    if origin is Union:
        return any(isinstance(obj, t) for t in inner)
    if origin is None:
        return _isinstance(obj, type(None) if target_type is None else target_type)
    if not _isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items())
    if origin is tuple and not (len(inner) == 2 and inner[1] is Ellipsis):
        return len(obj) == len(inner) and all(map(isinstance, obj, inner))
    return all(isinstance(x, inner[0]) for x in obj)


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """The module itself, which must be in evaluation mode."""
    if getattr(mod, "training", False):
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. "
            "Please call .eval() on your module before freezing."
        )
    return mod


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """The module itself."""
    return mod


def run_frozen_optimizations(mod: Any, *args: Any, **kwargs: Any) -> None:
    """Optimise a frozen module: nothing to do."""


def set_fusion_strategy(strategy: Any) -> list:
    """Choose how operators are fused: accepted."""
    return []


def enable_onednn_fusion(enabled: bool) -> None:
    """Choose whether operators are fused: accepted."""


def onednn_fusion_enabled() -> bool:
    """Whether compiled programs fuse operators: there are none."""
    return False


class optimized_execution:
    """Region with or without optimisation; accepted."""

    def __init__(self, should_optimize: bool = True) -> None:
        pass

    def __enter__(self) -> None:
        return None

    def __exit__(self, *unused: Any) -> None:
        return None


class fuser(optimized_execution):
    """Region with a chosen fuser; accepted."""


class Future:
    """The result of `fork`, which has run already."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def wait(self) -> Any:
        """The result."""
        return self._value


def fork(func: Callable, *args: Any, **kwargs: Any) -> Future:
    """Run the function now; `wait` gives its result."""
    return Future(func(*args, **kwargs))


def wait(future: Future) -> Any:
    """The result of `fork`."""
    return future.wait()


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """Refused: compiled programs cannot be written.

    Raises:
        NotImplementedError: always; the message says what to do.
    """
    raise NotImplementedError(
        "torch.jit.save: compiled programs are not supported by rushlight; "
        "save the weights with torch.save(module.state_dict(), path)"
    )


def load(
    f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False
) -> Any:
    """Refused: compiled programs cannot be run.

    Raises:
        NotImplementedError: always; the message says what to do.
    """
    raise NotImplementedError(
        "torch.jit.load: compiled programs are not supported by rushlight; save the state_dict of the original module "
        "with torch.save, build the module in Python and load_state_dict"
    )
