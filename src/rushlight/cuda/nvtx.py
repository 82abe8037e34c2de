"""Marks for NVIDIA's profilers; refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn

from ._absent import refuse

__all__ = ["mark", "range", "range_pop", "range_push"]


def _refuse() -> NoReturn:
    refuse(RuntimeError, "NVTX functions not installed. Are you sure you have a CUDA build?")


def range_push(msg: str) -> int:
    """Begin a named range; refused."""
    _refuse()


def range_pop() -> int:
    """End the innermost range; refused."""
    _refuse()


def mark(msg: str) -> None:
    """Mark an instant; refused."""
    _refuse()


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A block as a named range; refused."""
    range_push(msg.format(*args, **kwargs))
    yield
    range_pop()
