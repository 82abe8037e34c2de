"""Layers, losses and what belongs to them."""

from __future__ import annotations

from . import functional, init, modules, parameter, utils
from .modules import *  # noqa: F403
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter


def factory_kwargs(kwargs):
    """The device, dtype and memory_format among ``kwargs``, as arguments for tensor constructors.

    Args:
        kwargs (dict or None): keyword arguments of a layer; ``factory_kwargs`` may hold more.

    Raises:
        TypeError: another argument is present, or one is given twice.
    """
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    unknown = kwargs.keys() - simple - {"factory_kwargs"}
    if unknown:
        raise TypeError(f"unexpected kwargs {unknown}")
    result = dict(kwargs.get("factory_kwargs", {}))
    for key in simple & kwargs.keys():
        if key in result:
            raise TypeError(f"{key} specified twice, in **kwargs and in factory_kwargs")
        result[key] = kwargs[key]
    return result


__all__ = [*modules.__all__, "Parameter", "Buffer", "factory_kwargs"]
__all__ += ["UninitializedParameter", "UninitializedBuffer"]
__all__ += ["functional", "init", "modules", "parameter", "utils"]

# Imported on first use.
_LAZY = frozenset(("attention", "common_types", "grad", "parallel"))
__all__ += ["DataParallel", "grad", "parallel"]  # noqa: F405


def __getattr__(name: str):
    import importlib

    if name in _LAZY:
        try:
            return importlib.import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    elif name == "DataParallel":
        return importlib.import_module(".parallel", __name__).DataParallel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY, "DataParallel"})
