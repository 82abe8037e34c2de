"""Modules without initialisation."""

from __future__ import annotations


def skip_init(module_cls, *args, **kwargs):
    """Construct a module whose parameters are allocated but not filled.

    Args:
        module_cls (type): a Module whose constructor takes ``device``.
        *args, **kwargs: its arguments.

    Raises:
        RuntimeError: it is no Module or takes no ``device``.
    """
    import inspect

    from ..modules.module import Module

    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, **kwargs, device="meta").to_empty(device=device)
