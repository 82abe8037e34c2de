"""cuDNN's switches. Without a CUDA device they change nothing; programs set them for reproducibility."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

from .. import _C

CUDNN_TENSOR_DTYPES = {_C.float16, _C.float32, _C.float64}
enabled = True
benchmark = False
# Only a cuDNN that is there has a limit.
benchmark_limit: int | None = None
deterministic = False
allow_tf32 = True
fp32_precision = "none"
conv = SimpleNamespace(fp32_precision="tf32")
rnn = SimpleNamespace(fp32_precision="tf32")

_SETTERS = {
    "enabled": "set_enabled_cudnn",
    "benchmark": "set_benchmark_cudnn",
    "deterministic": "set_deterministic_cudnn",
    "allow_tf32": "set_allow_tf32_cublas",
}


class _Switches(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SETTERS and not isinstance(value, bool):
            raise RuntimeError(f"{_SETTERS[name]} expects a bool, but got {type(value).__name__}")
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Switches


def is_available() -> bool:
    """Whether cuDNN can be used."""
    return False


def version() -> int | None:
    """cuDNN's version, None where it is absent."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN would compute with the tensor."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str = "none",
) -> tuple[bool, bool, int | None, bool, bool, str]:
    """Set the switches that are not None and return what they all were."""
    module = sys.modules[__name__]
    names = ("enabled", "benchmark", "deterministic", "allow_tf32")
    before = (enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision)
    for name, value in zip(names, (_enabled, _benchmark, _deterministic, _allow_tf32)):
        if value is not None:
            setattr(module, name, value)
    setattr(module, "fp32_precision", _fp32_precision)  # noqa: B010 - a function's local otherwise
    return before


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """The switches for the duration of a block."""
    before = set_flags(
        enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision
    )
    try:
        yield
    finally:
        set_flags(*before)
