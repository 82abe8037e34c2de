"""The memory of CUDA devices: without a device, none is used."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

from ._absent import refuse

__all__ = [
    "empty_cache",
    "list_gpu_processes",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_snapshot",
    "memory_stats",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]


def empty_cache() -> None:
    """Give cached device memory back: without a device, there is none."""


def memory_allocated(device: Any = None) -> int:
    """Bytes of tensors on the device."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes of tensors on the device."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes held from the device."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes held from the device."""
    return 0


def memory_cached(device: Any = None) -> int:
    """The old name of `memory_reserved`."""
    _renamed("memory_cached", "memory_reserved")
    return memory_reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """The old name of `max_memory_reserved`."""
    _renamed("max_memory_cached", "max_memory_reserved")
    return max_memory_reserved(device)


def _renamed(old: str, new: str) -> None:
    warnings.warn(
        f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`", FutureWarning, stacklevel=3
    )


def memory_stats(device: Any = None) -> OrderedDict:
    """Counters of the device's allocator: none."""
    return OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The counters as text."""
    return "no CUDA device"


def memory_snapshot(mempool_id: Any = None) -> list:
    """The blocks of the device's allocator: none."""
    return []


def reset_peak_memory_stats(device: Any = None) -> None:
    """Restart the maxima: without a device, nothing to do."""


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Restart the sums: without a device, nothing to do."""


def reset_max_memory_allocated(device: Any = None) -> None:
    """Restart the maxima: without a device, nothing to do."""


def reset_max_memory_cached(device: Any = None) -> None:
    """Restart the maxima: without a device, nothing to do."""


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the device; refused."""
    refuse()


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Bound what this process takes of the device; refused."""
    refuse()


def list_gpu_processes(device: Any = None) -> str:
    """The processes that use the device; refused."""
    refuse()
