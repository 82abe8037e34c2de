"""Replacing a file so that at every moment either the old or the new contents are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SMALL = 1 << 16


class _Output:
    """Gathers small pieces and hands large ones to the system without a copy."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.small: list[Any] = []
        self.pending = 0

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
            # one call takes at most 2 GiB
            view = view[os.write(self.fd, view[: 1 << 30]) :]


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
            os.replace(temporary, target)
        except BaseException:
            _remove(temporary)
            raise
    _sync_folder(folder)


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
