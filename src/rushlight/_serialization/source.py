"""Random access to the bytes of a file, a stream or a buffer, never past the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import LoadError

# zlib.crc32 and reads go over pieces of this size, so that the second pass finds them in cache
CHUNK = 1 << 20


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector out while many containers are made that all stay alive."""
    import gc

    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


class Source:
    """``size`` bytes that can be read at any position; positions count from the archive's start."""

    name: str
    size: int

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the bytes at ``offset``."""
        raise NotImplementedError

    def read(self, offset: int, length: int) -> bytes | bytearray | memoryview:
        """The bytes at ``offset``; the range is checked before anything is allocated."""
        self.check(offset, length)
        out = bytearray(length)
        self.read_into(offset, memoryview(out))
        return out

    def check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise LoadError(
                f"truncated: bytes {offset} to {offset + length} are needed, "
                f"the file has {self.size}",
                self.name,
            )

    def read_checked(self, offset: int, out: memoryview) -> int:
        """Fill ``out`` and return the CRC-32 of what was read."""
        from zlib import crc32

        self.check(offset, out.nbytes)
        crc = 0
        for start in range(0, out.nbytes, CHUNK):
            piece = out[start : start + CHUNK]
            self.read_into(offset + start, piece)
            crc = crc32(piece, crc)
        return crc

    def close(self) -> None:
        """Give back what the source opened itself."""


class FileSource(Source):
    """A file opened by path."""

    def __init__(self, path: Any) -> None:
        self.name = os.fspath(path)
        self.fd = os.open(self.name, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self.fd).st_size

    def read_into(self, offset: int, out: memoryview) -> None:
        done = 0
        while done < out.nbytes:
            n = os.preadv(self.fd, [out[done:]], offset + done)
            if not n:
                raise LoadError(f"truncated: the file ends at byte {offset + done}", self.name)
            done += n

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class BufferSource(Source):
    """Bytes that are in memory already."""

    def __init__(self, data: Any, name: str = "<stream>") -> None:
        self.data = memoryview(data).cast("B")
        self.name = name
        self.size = self.data.nbytes

    def read_into(self, offset: int, out: memoryview) -> None:
        self.check(offset, out.nbytes)
        out[:] = self.data[offset : offset + out.nbytes]

    def read(self, offset: int, length: int) -> memoryview:
        self.check(offset, length)
        return self.data[offset : offset + length]


class StreamSource(Source):
    """An open, seekable file object; its position when handed over is byte 0."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.name = str(getattr(stream, "name", "<stream>"))
        self.start = stream.tell()
        stream.seek(0, 2)
        self.size = stream.tell() - self.start
        stream.seek(self.start)

    def read_into(self, offset: int, out: memoryview) -> None:
        self.stream.seek(self.start + offset)
        done = 0
        while done < out.nbytes:
            data = self.stream.read(out.nbytes - done)
            if not data:
                raise LoadError(f"truncated: the stream ends at byte {offset + done}", self.name)
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(
                    f"load: the stream gives {type(data).__name__}, not bytes: open it with 'rb'"
                )
            out[done : done + len(data)] = data
            done += len(data)


def open_source(f: Any) -> Source:
    """Source of a path or of a seekable binary file object.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as ``open`` does.
        AttributeError: for an object that is neither a path nor a seekable stream.
    """
    if isinstance(f, (str, os.PathLike)):
        source = FileSource(f)
        if source.size == 0 and os.path.isdir(source.name):
            source.close()
            raise IsADirectoryError(f"load: {source.name!r} is a directory")
        return source
    for method in ("seek", "tell", "read"):
        if not hasattr(f, method):
            raise AttributeError(
                f"{type(f).__name__!r} object has no attribute {method!r}. You can only "
                "torch.load from a file that is seekable. Please pre-load the data into a buffer "
                "like io.BytesIO and try to load from it instead."
            )
    getvalue = getattr(f, "getvalue", None)
    if getvalue is not None and hasattr(f, "getbuffer"):
        # A BytesIO hands out its bytes without a copy. A buffer of it, kept alive by a traceback,
        # would forbid it to change, and crashes Python 3.12 when both are collected together.
        return BufferSource(memoryview(getvalue())[f.tell() :])
    return StreamSource(f)
