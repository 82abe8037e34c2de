"""CUDA devices. This build has none: questions are answered, seeds are taken, work on a device is refused.

Programs that choose `"cuda" if torch.cuda.is_available() else "cpu"` run on the CPU.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ._absent import refuse
from .memory import (
    empty_cache,
    list_gpu_processes,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import (
    CUDAGraph,
    Event,
    ExternalStream,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    is_current_stream_capturing,
    set_stream,
    stream,
)

__all__ = [
    "CUDAGraph",
    "Event",
    "ExternalStream",
    "Stream",
    "StreamContext",
    "can_device_access_peer",
    "clock_rate",
    "current_device",
    "current_stream",
    "default_generators",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_gencode_flags",
    "get_rng_state",
    "get_rng_state_all",
    "get_sync_debug_mode",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_current_stream_capturing",
    "is_initialized",
    "is_tf32_supported",
    "list_gpu_processes",
    "manual_seed",
    "manual_seed_all",
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
    "memory_usage",
    "power_draw",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "set_sync_debug_mode",
    "stream",
    "synchronize",
    "temperature",
    "utilization",
]

has_magma = False
has_half = True
default_generators: tuple = ()


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


def is_tf32_supported() -> bool:
    """Whether the device computes in TF32."""
    return False


def get_arch_list() -> list[str]:
    """The architectures that kernels were compiled for: none."""
    return []


def get_gencode_flags() -> str:
    """The compiler's options for them."""
    return ""


def init() -> None:
    """Set CUDA up; refused."""
    refuse()


def current_device() -> int:
    """The index of the current device; refused."""
    refuse()


def set_device(device: Any) -> None:
    """Choose a device; refused, except for a negative index, which leaves things as they are."""
    if _index(device) >= 0:
        refuse()


def synchronize(device: Any = None) -> None:
    """Wait for the device; refused."""
    refuse()


def get_device_name(device: Any = None) -> str:
    """The device's name; refused."""
    refuse()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The device's compute capability; refused."""
    refuse()


def get_device_properties(device: Any = None) -> Any:
    """The device's properties; refused."""
    refuse()


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one device reads another's memory; refused."""
    refuse()


def ipc_collect() -> None:
    """Free memory that other processes have given back; refused."""
    refuse()


def get_sync_debug_mode() -> int:
    """Whether waiting for the device is reported; refused."""
    refuse()


def set_sync_debug_mode(debug_mode: int | str) -> None:
    """Choose whether waiting for the device is reported; refused."""
    refuse()


def utilization(device: Any = None) -> int:
    """How busy the device is; refused."""
    _no_monitor()


def memory_usage(device: Any = None) -> int:
    """How busy the device's memory is; refused."""
    _no_monitor()


def temperature(device: Any = None) -> int:
    """The device's temperature; refused."""
    _no_monitor()


def power_draw(device: Any = None) -> int:
    """The device's power; refused."""
    _no_monitor()


def clock_rate(device: Any = None) -> int:
    """The device's frequency; refused."""
    _no_monitor()


def _no_monitor() -> NoReturn:
    text = "nvidia-ml-py does not seem to be installed or it can't be imported."
    refuse(ModuleNotFoundError, text)


def _index(device: Any) -> int:
    """The number of a device; -1 for one that is none of CUDA's."""
    if isinstance(device, int):
        return device
    from .. import _C

    found = _C.device(device)
    if found.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return found.index or 0


class device:
    """A block whose work goes to a device: refused, except for None and negative indices.

    Args:
        device: an index, a name or a `torch.device`.

    Example:
        >>> import rushlight as torch
        >>> with torch.cuda.device(None):
        ...     pass
    """

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else _index(device)

    def __enter__(self) -> None:
        if self.idx >= 0:
            refuse(RuntimeError, "PyTorch was compiled without CUDA support")

    def __exit__(self, *unused: Any) -> None:
        return None


class device_of(device):
    """A block whose work goes to a tensor's device; for tensors of the CPU an ordinary block."""

    def __init__(self, obj: Any) -> None:
        super().__init__(None)


def __getattr__(name: str) -> Any:
    from .._lazy import lacking, lazy_module

    if name in ("amp", "nccl", "nvtx"):
        return lazy_module(__name__, name)
    if name.endswith("Tensor"):
        from .._legacy_types import cuda_type

        found = cuda_type(name)
        if found is not None:
            return found
    if name == "OutOfMemoryError":
        from .. import OutOfMemoryError

        return OutOfMemoryError
    lacking(__name__, name)
