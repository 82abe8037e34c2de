"""Choice of the way scaled_dot_product_attention is computed, and attention masks."""

from __future__ import annotations

from contextlib import contextmanager
from enum import IntEnum

__all__ = ["SDPBackend", "sdpa_kernel", "WARN_FOR_UNFUSED_KERNELS"]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(IntEnum):
    """Ways to compute attention. There is one on the CPU; the names are accepted."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __repr__(self) -> str:
        return f"<SDPBackend.{self.name}: {int(self)}>"

    def __str__(self) -> str:
        return f"SDPBackend.{self.name}"


_enabled: list[SDPBackend] = [backend for backend in SDPBackend if backend >= 0]


def _cur_sdpa_kernel_backends(with_priority: bool = False) -> list[SDPBackend]:
    return list(_enabled)


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False):
    """Inside, attention is computed by one of the given backends.

    Args:
        backends (SDPBackend or list of them): which.
        set_priority (bool): the first is preferred. Default: False.

    Raises:
        AssertionError: ``backends`` is something else.
    """
    global _enabled
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    before = _enabled
    _enabled = [backends] if isinstance(backends, SDPBackend) else list(dict.fromkeys(backends))
    try:
        yield {}
    finally:
        _enabled = before


def __getattr__(name: str):
    if name in ("bias", "flex_attention"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
