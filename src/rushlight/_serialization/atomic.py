"""Replacing a file so that at every moment either the old or the new contents are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SMALL = 1 << 16
_EARLY = 1 << 23  # bytes after which the disk is given work, so that the last flush waits less


class _Output:
    """Gathers small pieces and hands large ones to the system without a copy."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.small: list[Any] = []
        self.pending = 0
        self.written = self.begun = 0

    def write(self, data: Any) -> None:
        if len(data) < _SMALL:
            self.small.append(data)
            self.pending += len(data)
            if self.pending > 16 * _SMALL:
                self.flush()
            return
        self.flush()
        self._all(memoryview(data).cast("B"))

    def flush(self) -> None:
        if self.small:
            data = b"".join(self.small)
            self.small, self.pending = [], 0
            self._all(memoryview(data))

    def _all(self, view: memoryview) -> None:
        while view.nbytes:
            done = os.write(self.fd, view[: 1 << 25])
            view = view[done:]
            self.written += done
            if self.written - self.begun >= _EARLY:
                _begin_writing(self.fd, self.begun, self.written - self.begun)
                self.begun = self.written


@contextmanager
def replacing(path: Any) -> Iterator[Callable[[Any], None]]:
    """Give a write function; at the end of the block its output has replaced the file at ``path``.

    The output goes to a temporary file in the same folder, is flushed to the disk and renamed over
    the old file; any error, or the end of the process, leaves the old file as it was. What is not a
    regular file (a device, a pipe) is written to directly.

    Raises:
        RuntimeError: the folder does not exist.
        OSError: what the system says, with the path; ENOSPC for a full disk.
    """
    name = os.fspath(path)
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    target = os.path.realpath(name)
    folder, base = os.path.split(target)
    if not os.path.isdir(folder):
        parent = os.path.dirname(name) or folder
        raise RuntimeError(f"Parent directory {parent} does not exist.")
    if os.path.isdir(target):
        raise IsADirectoryError(f"save: {name!r} is a directory")
    if os.path.exists(target) and not os.path.isfile(target):
        with _naming(name), open(target, "wb", buffering=0) as file:
            out = _Output(file.fileno())
            yield out.write
            out.flush()
        return
    temporary = os.path.join(folder, f".{base[:200]}.tmp.{os.getpid()}.{os.urandom(4).hex()}")
    with _naming(name):
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            try:
                if os.path.exists(target):
                    os.fchmod(fd, os.stat(target).st_mode & 0o7777)
                out = _Output(fd)
                yield out.write
                out.flush()
                os.fsync(fd)
            finally:
                os.close(fd)
            _take_place(temporary, target)
        except BaseException:
            _remove(temporary)
            raise
        _sync_folder(folder)


def _begin_writing(fd: int, start: int, length: int) -> None:
    """Ask the system to start writing a range to the disk, where it can be asked."""
    global _sync_file_range
    if _sync_file_range is None:
        import ctypes

        _sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", False)
        if _sync_file_range:
            _sync_file_range.argtypes = (
                ctypes.c_int,
                ctypes.c_int64,
                ctypes.c_int64,
                ctypes.c_uint,
            )
    if _sync_file_range:
        _sync_file_range(fd, start, length, 2)  # SYNC_FILE_RANGE_WRITE: start, do not wait


_sync_file_range: Any = None


def _take_place(temporary: str, target: str) -> None:
    """Rename over the target. Giving back a large old file takes the system a while: beside us."""
    try:
        old = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # there is none, or it may not be read
        os.replace(temporary, target)
        return
    try:
        os.replace(temporary, target)
    except BaseException:
        os.close(old)
        raise
    if os.fstat(old).st_size < 1 << 24:
        os.close(old)
        return
    from threading import Thread

    try:
        Thread(target=os.close, args=(old,)).start()
    except RuntimeError:  # no thread to be had: the interpreter is ending, or a limit is reached
        os.close(old)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Add the path to errors of the system that do not name one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or ".tmp." in str(error.filename)):
            error.filename = name
            error.filename2 = None
        raise


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable; file systems that cannot sync folders are left alone."""
    try:
        fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError:
        return
    finally:
        os.close(fd)
