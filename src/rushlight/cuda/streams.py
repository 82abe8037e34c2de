"""Streams and events of CUDA devices; none can be made without a device."""

from __future__ import annotations

from typing import Any

from ._absent import refuse

__all__ = [
    "CUDAGraph",
    "Event",
    "ExternalStream",
    "Stream",
    "StreamContext",
    "current_stream",
    "default_stream",
    "is_current_stream_capturing",
    "set_stream",
    "stream",
]


class Stream:
    """A queue of work on a device; refused."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Stream:
        refuse(RuntimeError, f"torch.cuda.{cls.__name__} requires CUDA support")


class ExternalStream(Stream):
    """A queue that another library made; refused."""


class Event:
    """A mark in a stream; refused."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Event:
        refuse(RuntimeError, "Tried to instantiate dummy base class Event")


class CUDAGraph:
    """Recorded work; refused."""

    def __new__(cls, *args: Any, **kwargs: Any) -> CUDAGraph:
        refuse(RuntimeError, "Tried to instantiate dummy base class CUDAGraph")


class StreamContext:
    """A block whose work goes to a stream; for None an ordinary block."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, *unused: Any) -> None:
        return None


def stream(stream: Stream | None) -> StreamContext:
    """A block whose work goes to `stream`."""
    return StreamContext(stream)


def set_stream(stream: Stream | None) -> None:
    """Send work to `stream` from now on; for None, nothing to do."""


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to; refused."""
    refuse()


def default_stream(device: Any = None) -> Stream:
    """The device's first stream; refused."""
    refuse()


def is_current_stream_capturing() -> bool:
    """Whether work is being recorded into a graph: no."""
    return False
