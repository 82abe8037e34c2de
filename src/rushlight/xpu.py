"""Intel GPUs. This build has none: questions are answered, seeds are taken, work on a device is refused."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "synchronize",
]


def _refuse() -> NoReturn:
    raise AssertionError(
        "Torch not compiled with XPU enabled\n"
        "rushlight runs on the CPU only so far: use device='cpu', or choose by torch.xpu.is_available()"
    )


def is_available() -> bool:
    """Whether there is such a device that can be used: no.

    Example:
        >>> import rushlight as torch
        >>> torch.xpu.is_available()
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


def manual_seed_all(seed: int) -> None:
    """Seed every device: without one, nothing to do."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """Restart the maxima: nothing to do."""


def init() -> None:
    """Set devices up: without one, nothing to do."""


def current_device() -> Any:
    """The index of the current device; refused."""
    _refuse()


def set_device(device: Any) -> Any:
    """Choose a device; refused."""
    _refuse()


def get_device_name(device: Any = None) -> Any:
    """The device's name; refused."""
    _refuse()


def get_device_properties(device: Any = None) -> Any:
    """The device's properties; refused."""
    _refuse()


def get_device_capability(device: Any = None) -> Any:
    """The device's abilities; refused."""
    _refuse()


def current_stream(device: Any = None) -> Any:
    """The current stream; refused."""
    _refuse()


def mem_get_info(device: Any = None) -> Any:
    """Free and total memory; refused."""
    _refuse()


def is_initialized() -> bool:
    """Whether devices have been set up."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the device computes in bfloat16."""
    return False
