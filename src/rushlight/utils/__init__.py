"""Tools around training: data, hooks, logging. Each part is imported when it is asked for."""

from __future__ import annotations

from typing import Any

_PARTS = frozenset({"_pytree", "checkpoint", "data", "deterministic", "hooks", "tensorboard"})


def __getattr__(name: str) -> Any:
    from .._lazy import lacking, lazy_module

    if name not in _PARTS:
        lacking(__name__, name)
    return lazy_module(__name__, name)


def __dir__() -> list[str]:
    return sorted(_PARTS)
