"""Seeds and states of the default random number generators."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from . import _C
from ._C import default_generator

if TYPE_CHECKING:
    from ._C import Generator, Tensor

__all__ = [
    "set_rng_state",
    "get_rng_state",
    "manual_seed",
    "seed",
    "initial_seed",
    "fork_rng",
    "thread_safe_generator",
]

# Called with each new seed: a device module that has generators of its own adds its seeding function.
_device_seeders: list[Callable[[int], object]] = []

_warned_about_devices = False


def _seed_devices(seed: int) -> None:
    for seeder in _device_seeders:
        seeder(seed)


def manual_seed(seed: int) -> Generator:
    """Seed the generators of all devices.

    Args:
        seed: from -2**63 to 2**64 - 1; a negative number stands for 2**64 + seed. Only the low 32 bits
            choose the CPU's stream.

    Returns:
        The CPU's default generator.

    Raises:
        ValueError: the seed is out of range.

    Example:
        >>> import rushlight as torch
        >>> _ = torch.manual_seed(1)
        >>> torch.rand(2)
        tensor([0.7576, 0.2793])
    """
    seed = int(seed)
    _seed_devices(seed)
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the generators of all devices from the system's entropy.

    Returns:
        The 64-bit seed that was chosen.

    Example:
        >>> import rushlight as torch
        >>> torch.seed() == torch.initial_seed()
        True
    """
    value = default_generator.seed()
    _seed_devices(value)
    return value


def initial_seed() -> int:
    """Return the seed last given to the CPU's default generator.

    Returns:
        The seed, from 0 to 2**64 - 1.

    Example:
        >>> import rushlight as torch
        >>> _ = torch.manual_seed(5)
        >>> torch.initial_seed()
        5
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the CPU's default generator.

    Returns:
        A uint8 tensor of shape (5056,), for `set_rng_state`.

    Example:
        >>> import rushlight as torch
        >>> torch.get_rng_state().shape
        torch.Size([5056])
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Put the CPU's default generator into a state that `get_rng_state` returned.

    Args:
        new_state: uint8 tensor of shape (5056,).

    Raises:
        TypeError: `new_state` is not a uint8 tensor.
        RuntimeError: it has another size or holds no possible state.

    Example:
        >>> import rushlight as torch
        >>> state = torch.get_rng_state()
        >>> a = torch.rand(3)
        >>> torch.set_rng_state(state)
        >>> torch.equal(torch.rand(3), a)
        True
    """
    default_generator.set_state(new_state)


def _forked_devices(devices: Iterable[int] | None, module, device_type: str, caller: str, kw: str):
    """The device indices whose state fork_rng keeps."""
    global _warned_about_devices
    if devices is not None:
        return list(devices)
    count = module.device_count() if module is not None else 0
    if count > 1 and not _warned_about_devices:
        _warned_about_devices = True
        name = device_type.upper()
        warnings.warn(
            f"{name} reports that you have {count} available devices, and you have used {caller} "
            f"without saying which of them are in use: the state of every one is saved, which can be "
            f"slow. Pass {kw}=[...] with the devices you use ([] for the CPU alone).",
            stacklevel=4,
        )
    return list(range(count))


def _device_module(device_type: str):
    """`rushlight.<device_type>`, or None where the package has no such part."""
    import importlib

    try:
        return importlib.import_module(f".{device_type}", __package__)
    except ModuleNotFoundError:
        return None


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[int] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """Put the generators back, on leaving, into the states they have on entering.

    Args:
        devices: indices of the devices to keep besides the CPU; default all.
        enabled: False makes this do nothing.
        device_type: kind of those devices; default "cuda".

    Example:
        >>> import rushlight as torch
        >>> _ = torch.manual_seed(0)
        >>> with torch.random.fork_rng():
        ...     a = torch.rand(1)
        >>> torch.equal(torch.rand(1), a)
        True
    """
    device_type = device_type or "cuda"
    _C.device(device_type)  # refuses what is no kind of device
    if not enabled or device_type == "meta":
        yield
        return
    module = _device_module(device_type)
    indices = _forked_devices(devices, module, device_type, _caller, _devices_kw)
    cpu_state = get_rng_state()
    device_states = [module.get_rng_state(index) for index in indices]
    try:
        yield
    finally:
        set_rng_state(cpu_state)
        for index, state in zip(indices, device_states):
            module.set_rng_state(state, index)


def thread_safe_generator() -> Generator | None:
    """Return the generator of the DataLoader worker thread that this runs in.

    Returns:
        The thread's generator, or None outside of a worker thread (functions then use the default one).

    Example:
        >>> import rushlight as torch
        >>> torch.random.thread_safe_generator() is None
        True
    """
    from .utils.data import get_worker_info

    info = get_worker_info()
    if info is None or getattr(info, "worker_method", None) != "thread":
        return None
    rng = getattr(info, "rng", None)
    return None if rng is None else rng.torch_generator
