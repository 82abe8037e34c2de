"""NVIDIA's library of collective operations: it is not there."""

from __future__ import annotations

import warnings
from typing import Any

from ._absent import refuse

__all__ = ["is_available", "version"]


def is_available(tensors: Any) -> bool:
    """Whether the library can work on these tensors: no."""
    warnings.warn("PyTorch is not compiled with NCCL support", UserWarning, stacklevel=2)
    return False


def version() -> tuple[int, ...]:
    """The library's version; refused."""
    refuse(RuntimeError, "PyTorch is not compiled with NCCL support")
