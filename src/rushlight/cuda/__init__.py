"""CUDA devices. This build has none: questions are answered, seeds are taken, work on a device is refused.

Programs that choose `"cuda" if torch.cuda.is_available() else "cpu"` run on the CPU.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "current_device",
    "default_generators",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "get_rng_state_all",
    "init",
    "initial_seed",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "set_rng_state_all",
    "synchronize",
]

_REFUSAL = (
    "Torch not compiled with CUDA enabled\n"
    "rushlight runs on the CPU only so far: use device='cpu', or choose by torch.cuda.is_available()"
)


def _refuse() -> NoReturn:
    raise AssertionError(_REFUSAL)


def is_available() -> bool:
    """Whether there is a CUDA device that can be used: no.

    Example:
        >>> import rushlight as torch
        >>> torch.device("cuda" if torch.cuda.is_available() else "cpu")
        device(type='cpu')
    """
    return False


def device_count() -> int:
    """How many CUDA devices there are."""
    return 0


def is_initialized() -> bool:
    """Whether CUDA has been set up."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the device computes in bfloat16."""
    return False


def manual_seed(seed: int) -> None:
    """Seed the current device: without one, nothing to do."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed every device: without one, nothing to do."""
    int(seed)


def seed() -> None:
    """Seed the current device from the system's randomness: without one, nothing to do."""


def seed_all() -> None:
    """Seed every device from the system's randomness: without one, nothing to do."""


default_generators: tuple = ()


def initial_seed() -> int:
    """The seed of the current device's generator; refused."""
    _refuse()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a device's generator; refused."""
    _refuse()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Put a device's generator into a state: without one, nothing to do."""


def get_rng_state_all() -> list[Any]:
    """The states of the generators of all devices: none.

    Example:
        >>> import rushlight as torch
        >>> torch.cuda.get_rng_state_all()
        []
    """
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Put the generators of all devices into states: those of a machine with devices are taken, and not needed.

    Args:
        new_states: what `get_rng_state_all` returned.
    """


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


def reset_peak_memory_stats(device: Any = None) -> None:
    """Restart the maxima: without a device, nothing to do."""


def init() -> None:
    """Set CUDA up; refused."""
    _refuse()


def current_device() -> int:
    """The index of the current device; refused."""
    _refuse()


def set_device(device: Any) -> None:
    """Choose a device; refused."""
    _refuse()


def synchronize(device: Any = None) -> None:
    """Wait for the device; refused."""
    _refuse()


def get_device_name(device: Any = None) -> str:
    """The device's name; refused."""
    _refuse()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The device's compute capability; refused."""
    _refuse()


def get_device_properties(device: Any = None) -> Any:
    """The device's properties; refused."""
    _refuse()


def __getattr__(name: str) -> Any:
    from .._lazy import lacking, lazy_module

    if name == "amp":
        return lazy_module(__name__, name)
    lacking(__name__, name)
