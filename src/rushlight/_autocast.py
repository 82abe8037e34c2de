"""Functions written in Python for which an autocast region for the CPU chooses the dtype, as PyTorch does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from . import _C

F = TypeVar("F", bound=Callable)


_HALVES = (_C.bfloat16, _C.float16)


def _converted(value: Any, dtype: Any) -> Any:
    if isinstance(value, _C.Tensor):
        return value.to(dtype) if value.dtype in _HALVES or value.dtype is _C.float32 else value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_converted(v, dtype) for v in value)
    return value


def _within(f: F, choose: Callable[[], Any]) -> F:
    @functools.wraps(f)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not _C._is_autocast():
            return f(*args, **kwargs)
        from .amp.autocast_mode import autocast

        dtype = choose()
        kwargs = {k: _converted(v, dtype) for k, v in kwargs.items()}
        with autocast("cpu", enabled=False):
            return f(*_converted(args, dtype), **kwargs)

    # Attributes come along with the name; what they say of `f` itself does not hold.
    checked.__dict__.pop("_offered", None)
    return checked  # type: ignore[return-value]


def full_precision(f: F) -> F:
    """In a region `f` gets its half inputs as float32 and runs as if outside; elsewhere one test is added."""
    return _within(f, lambda: _C.float32)


def lower_precision(f: F) -> F:
    """In a region `f` gets its float32 inputs in the region's dtype."""

    def dtype() -> Any:
        from .amp.autocast_mode import get_autocast_dtype

        return get_autocast_dtype("cpu")

    return _within(f, dtype)


def full_precision_functions(namespace: dict[str, Any], names: str) -> None:
    """Apply `full_precision` to functions of a module by name."""
    for name in names.split():
        namespace[name] = full_precision(namespace[name])
