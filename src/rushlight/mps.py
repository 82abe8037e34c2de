"""Apple GPUs. This build has none: questions are answered, seeds are taken, work on a device is refused."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "is_available",
    "manual_seed",
    "recommended_max_memory",
    "set_per_process_memory_fraction",
    "synchronize",
]


def _refuse() -> NoReturn:
    raise AssertionError(
        "Torch not compiled with MPS enabled\n"
        "rushlight runs on the CPU only so far: use device='cpu', or choose by torch.mps.is_available()"
    )


def is_available() -> bool:
    """Whether there is such a device that can be used: no.

    Example:
        >>> import rushlight as torch
        >>> torch.mps.is_available()
        False
    """
    return False


def device_count() -> int:
    """How many such devices there are."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the device: without one, nothing to do."""
    int(seed)


def empty_cache() -> None:
    """Give cached device memory back: without a device, there is none."""


def synchronize(device: Any = None) -> None:
    """Wait for the device; refused."""
    _refuse()


def current_allocated_memory() -> int:
    """Bytes of tensors on the device."""
    return 0


def driver_allocated_memory() -> int:
    """Bytes held from the device."""
    return 0


def recommended_max_memory() -> int:
    """Bytes that programs should not exceed."""
    return 0


def set_per_process_memory_fraction(fraction: float) -> None:
    """Limit the memory: without a device, nothing to do."""
