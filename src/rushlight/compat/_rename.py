"""Let loaded modules, and what they define, call themselves by the names that programs import."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from .._names import ROOT, lacks, shown_name

# Native types that PyTorch shows under another module than the one that makes them.
NATIVE = {
    "Tensor": "torch",
    "Size": "torch",
    "dtype": "torch",
    "device": "torch",
    "layout": "torch",
    "memory_format": "torch",
    "finfo": "torch",
    "iinfo": "torch",
    "Generator": "torch._C",
}


def present_module(module: ModuleType, shown: str) -> None:
    """Give `module` and the classes and functions defined in it the shown name."""
    module.__name__ = shown
    native = module.__spec__ is not None and module.__spec__.name == f"{ROOT}._C"
    for name, value in list(vars(module).items()):
        if isinstance(value, (type, FunctionType, BuiltinFunctionType)):
            _present(value, NATIVE.get(name) if native else None)


def _present(value: Any, where: str | None = None) -> None:
    current = getattr(value, "__module__", None)
    if not isinstance(current, str):
        return
    shown = where or shown_name(current)
    if shown is None or shown == current or not (current + ".").startswith(ROOT + "."):
        return
    try:
        value.__module__ = shown
    except (AttributeError, TypeError):  # a type that cannot be changed keeps its own name
        return
    if isinstance(value, type):
        for member in list(vars(value).values()):
            if isinstance(member, (type, FunctionType)):
                _present(member)


def name_lacking_attributes(module: ModuleType, shown: str) -> None:
    """Make a missing attribute of `module` say whose it is: `module 'torch' has no attribute 'x' (rushlight ...)`."""
    own = vars(module).get("__getattr__")
    if getattr(own, "is_rushlight_getattr", False):
        return

    def __getattr__(name: str) -> Any:
        if own is not None:
            try:
                return own(name)
            except AttributeError as e:
                # A lazy loader that fails inside must be seen; only its "no such name" is ours to word.
                if name not in str(e):
                    raise
        raise AttributeError(
            f"module {shown!r} has no attribute {name!r} ({lacks(f'{shown}.{name}')})",
            name=name,
            obj=module,
        ) from None

    __getattr__.is_rushlight_getattr = True  # type: ignore[attr-defined]
    module.__getattr__ = __getattr__  # type: ignore[method-assign]
