"""Access to the engine's operators."""

from __future__ import annotations

from .._package import ops


def native(name: str):
    """The engine's operator ``name``; if there is none, calling it says so (importing does not)."""
    operator = getattr(ops, name, None)
    if operator is not None:
        return operator

    def missing(*args, **kwargs):
        raise NotImplementedError(f"nn.functional: this build of rushlight has no operator {name}")

    missing.__name__ = missing.__qualname__ = name
    return missing
