"""Tools around training: data, hooks, logging. Each part is imported when it is asked for."""

from __future__ import annotations

from typing import Any

_PARTS = frozenset(
    "_pytree checkpoint collect_env data deterministic dlpack hooks model_zoo tensorboard".split()
)


def __getattr__(name: str) -> Any:
    from .._lazy import lacking, lazy_module, lazy_name

    if name == "swap_tensors":
        return lazy_name(__name__, "_swap", name)
    if name not in _PARTS:
        lacking(__name__, name)
    return lazy_module(__name__, name)


def __dir__() -> list[str]:
    return sorted({*_PARTS, "swap_tensors"})
