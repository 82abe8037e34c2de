"""The current accelerator. This build has none: questions are answered, work on a device is refused."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "current_accelerator",
    "current_device_index",
    "current_stream",
    "device_count",
    "empty_cache",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device_index",
    "synchronize",
]


def _refuse() -> NoReturn:
    raise RuntimeError(
        "Cannot access accelerator device when none is available.\n"
        "rushlight runs on the CPU only so far: ask torch.accelerator.is_available() first"
    )


def is_available() -> bool:
    """Whether there is an accelerator: no.

    Example:
        >>> import rushlight as torch
        >>> torch.accelerator.is_available()
        False
    """
    return False


def device_count() -> int:
    """How many accelerators there are."""
    return 0


def current_accelerator(check_available: bool = False) -> Any:
    """The accelerator as a device: None."""
    return None


def current_device_index() -> int:
    """The index of the current accelerator; refused."""
    _refuse()


def set_device_index(device: Any) -> None:
    """Choose an accelerator; refused."""
    _refuse()


def current_stream(device: Any = None) -> Any:
    """The current stream; refused."""
    _refuse()


def synchronize(device: Any = None) -> None:
    """Wait for the accelerator; refused."""
    _refuse()


def empty_cache() -> None:
    """Give cached memory back: there is none."""


def memory_stats(device: Any = None) -> dict[str, int]:
    """Statistics of the accelerator's memory: empty."""
    return {}


def memory_allocated(device: Any = None) -> int:
    """Bytes of tensors on the accelerator."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes of tensors on the accelerator."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes held from the accelerator."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes held from the accelerator."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Restart the maxima: nothing to do."""
