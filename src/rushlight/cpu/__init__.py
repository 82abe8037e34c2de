"""The CPU as a device: memory statistics of the caching allocator, and PyTorch's small interface."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

from .. import _C

__all__ = [
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """Always True."""
    return True


def device_count() -> int:
    """Number of CPU devices: 1."""
    return 1


def current_device() -> str:
    """Always "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Accepted: there is one CPU."""


def synchronize(device: Any = None) -> None:
    """Returns at once: operators on the CPU have finished when they return."""


def current_stream(device: Any = None) -> None:
    """There are no streams on the CPU."""


@contextmanager
def stream(stream: Any):
    """A `with` block without effect."""
    yield


def memory_stats() -> dict[str, int]:
    """Figures of the caching allocator, named as in torch.cuda.memory_stats().

    Returns:
        Dict such as {"allocated_bytes.all.current": bytes in use, "reserved_bytes.all.peak": ...}.

    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(1024)
        >>> torch.cpu.memory_stats()["allocated_bytes.all.current"] >= 4096
        True
    """
    return _C._memory_stats()


def memory_allocated(device: Any = None) -> int:
    """Bytes in use by tensors."""
    return memory_stats()["allocated_bytes.all.current"]


def max_memory_allocated(device: Any = None) -> int:
    """Most bytes in use since the start or the last reset_peak_memory_stats()."""
    return memory_stats()["allocated_bytes.all.peak"]


def memory_reserved(device: Any = None) -> int:
    """Bytes held from the system: those in use and those cached."""
    return memory_stats()["reserved_bytes.all.current"]


def max_memory_reserved(device: Any = None) -> int:
    """Most bytes held from the system since the start or the last reset."""
    return memory_stats()["reserved_bytes.all.peak"]


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let the peaks start from the current figures."""
    _C._reset_peak_memory_stats()


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Set the totals of allocations and releases to zero."""
    _C._reset_accumulated_memory_stats()


def empty_cache() -> None:
    """Give cached memory back to the system."""
    _C._empty_cache()


def _human(size: int) -> str:
    value, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """A table of the allocator's figures.

    Args:
        device: accepted; there is one CPU.
        abbreviated: leave out the split into small and large blocks. Default: False.

    Returns:
        Text of several lines.
    """
    stats = memory_stats()
    rows = [("memory in use", "allocated_bytes", True), ("memory held", "reserved_bytes", True)]
    rows += [
        ("asked for", "requested_bytes", True),
        ("blocks in use", "allocation", False),
        ("segments", "segment", False),
    ]
    lines = ["CPU memory", f"{'':24}{'current':>12}{'peak':>12}{'total':>12}{'freed':>12}"]
    pools = ["all"] if abbreviated else ["all", "large_pool", "small_pool"]
    for title, key, is_bytes in rows:
        for pool in pools:
            name = title if pool == "all" else "    " + pool.replace("_", " ")
            cells = [
                stats[f"{key}.{pool}.{kind}"] for kind in ("current", "peak", "allocated", "freed")
            ]
            lines.append(
                f"{name:24}" + "".join(f"{_human(c) if is_bytes else c:>12}" for c in cells)
            )
    lines.append(
        f"failed allocations: {stats['num_ooms']}, retries after emptying the cache: {stats['num_alloc_retries']}"
    )
    return "\n".join(lines)


def __getattr__(name: str) -> Any:
    from .._lazy import lacking, lazy_module

    if name == "amp":
        return lazy_module(__name__, name)
    lacking(__name__, name)
