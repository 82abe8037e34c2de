"""Tools around training: data, hooks, logging. Each part is imported when it is asked for."""

from __future__ import annotations

from typing import Any

_PARTS = frozenset({"data", "hooks", "tensorboard"})


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        from importlib import import_module

        return import_module(f".{name}", __package__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_PARTS)
