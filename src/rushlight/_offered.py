"""Functions of the package that classes with `__torch_function__` may handle (the protocol is in `overrides`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from . import _C

# They make plain tensors of whatever they get.
WITHHELD = frozenset(
    "as_tensor asarray from_dlpack from_file from_numpy frombuffer is_storage is_tensor tensor".split()
)


def offered(f: Callable) -> Any:
    """A Python function that asks its arguments' classes first; other callables as they are."""
    if type(f) is not FunctionType or f.__name__ in WITHHELD:
        return f
    known = f.__dict__.get("_offered")
    if known is None:
        known = f._offered = _C._overridable(f)  # type: ignore[attr-defined]
    return known


def offered_method(f: Any) -> Any:
    """A method of Tensor written in Python that asks first; other attributes as they are."""
    return _C._overridable(f) if type(f) is FunctionType else f


def offer(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Make the named functions of a module's namespace ask first."""
    for name in names:
        if name in namespace:
            namespace[name] = offered(namespace[name])


def offered_property(getter: Callable, setter: Callable | None = None) -> property:
    """A property of Tensor whose accesses ask first; handlers get `Tensor.<name>.__get__` as the function."""
    read = _C._overridable(getter)
    write = None if setter is None else _C._overridable(setter)
    result = property(read, write)
    _C._set_shown(read, result.__get__)
    if write is not None:
        _C._set_shown(write, result.__set__)
    return result


class DisableTorchFunctionSubclass:
    """Inside, no class handles functions; modes still do."""

    _state = 1

    def __enter__(self) -> None:
        self._before = _C._set_torch_function_disabled(
            max(self._state, _C._torch_function_disabled())
        )

    def __exit__(self, *unused: Any) -> None:
        _C._set_torch_function_disabled(self._before)


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Inside, neither classes nor modes handle functions."""

    _state = 2


_C.DisableTorchFunctionSubclass = DisableTorchFunctionSubclass  # type: ignore[attr-defined]
_C.DisableTorchFunction = DisableTorchFunction  # type: ignore[attr-defined]
_C._is_torch_function_enabled = lambda: _C._torch_function_disabled() == 0  # type: ignore[attr-defined]


def convert(result: Any, cls: type) -> Any:
    """The result with every plain tensor in it as an instance of a subclass."""
    if isinstance(result, _C.Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (tuple, list)):
        members = [convert(r, cls) for r in result]
        # named results take one sequence, named tuples their fields
        return type(result)(*members) if hasattr(result, "_make") else type(result)(members)
    return result


_unwrapped: set[Any] = set()


def results_left_plain() -> set[Any]:
    """Functions whose results the default handler of subclasses does not convert."""
    if not _unwrapped:
        for name in ("_base", "grad"):
            _unwrapped.add(getattr(_C.Tensor, name).__get__)
    return _unwrapped


def default_handler(
    cls: type, func: Callable, types: Any, args: Any = (), kwargs: Any = None
) -> Any:
    """`Tensor.__torch_function__`: run the function, return its tensors as instances of the subclass."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    result = _C._disabled_torch_function_impl(func, types, args, kwargs or {})
    if cls is _C.Tensor or func in results_left_plain():
        return result
    return convert(result, cls)


_C.Tensor.__torch_function__ = classmethod(default_handler)  # type: ignore[attr-defined]
