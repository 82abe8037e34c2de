"""Unpacking archives that may be hostile: only regular files and folders, only below the target, never more than a limit.

Names are checked part by part, and every folder is opened relative to the one above without following links, so that
neither the archive nor a link made meanwhile can lead outside. A file is written under a temporary name and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

PIECE = 1 << 16
MAX_FILES = 1_000_000
MAX_NAME = 1024
# Headers of a tar archive (long names, extended attributes) beyond this are an attack on memory.
MAX_HEADER = 1 << 20
# What an archive may grow to: data compress 20:1 at most, unless they are small anyway.
GROWTH = 20
SMALL = 64 << 20
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class ExtractionError(RuntimeError):
    """An archive was refused."""


def byte_limit(path: str | os.PathLike[str], max_bytes: int | None) -> int:
    """How many bytes the archive may become."""
    if max_bytes is not None:
        return max_bytes
    return max(GROWTH * os.path.getsize(path), SMALL)


@contextlib.contextmanager
def _refusing(path: Any) -> Iterator[None]:
    """Turn what the readers say of damaged archives into ExtractionError; errors of the disk stay."""
    from lzma import LZMAError

    try:
        yield
    except ExtractionError:
        raise
    except (
        *(tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, struct.error),
        *(EOFError, ValueError, OverflowError, NotImplementedError),
    ) as e:
        raise ExtractionError(f"{path}: damaged archive: {str(e) or type(e).__name__}") from e
    except OSError as e:
        if e.errno is not None:
            raise
        raise ExtractionError(f"{path}: damaged archive: {e}") from e


class _Target:
    """The folder into which an archive is unpacked."""

    def __init__(self, folder: Any, archive: Any, max_bytes: int, max_files: int) -> None:
        self.archive = archive
        self.max_bytes, self.max_files = max_bytes, max_files
        self.bytes = self.files = 0
        os.makedirs(folder, mode=0o755, exist_ok=True)
        self.root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.parent: tuple[tuple[str, ...], int] = ((), self.root)

    def __enter__(self) -> _Target:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._leave()
        os.close(self.root)

    def refuse(self, name: str, why: str) -> ExtractionError:
        return ExtractionError(f"{self.archive}: entry {name[:200]!r} refused: {why}")

    def parts(self, name: str) -> tuple[str, ...]:
        """The parts of an entry's name, none of which leads anywhere but down."""
        if "\0" in name:
            raise self.refuse(name, "a NUL in the name")
        if len(name) > MAX_NAME:
            raise self.refuse(name, f"a name of {len(name)} characters, the limit is {MAX_NAME}")
        if "\\" in name:
            raise self.refuse(name, "a backslash in the name")
        if name.startswith("/"):
            raise self.refuse(name, "an absolute path")
        if re.match(r"[A-Za-z]:", name):
            raise self.refuse(name, "a drive letter")
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if ".." in parts:
            raise self.refuse(name, "'..' leads out of the folder")
        return parts

    def count(self, name: str) -> None:
        self.files += 1
        if self.files > self.max_files:
            raise self.refuse(name, f"more than {self.max_files} entries")

    def folder(self, name: str) -> None:
        self._enter(self.parts(name), name)

    def file(self, name: str, source: IO[bytes]) -> None:
        """Write an entry; it replaces what has its name, unless that is a folder."""
        *above, last = self.parts(name) or ("",)
        if not last or name.endswith("/"):
            raise self.refuse(name, "a file without a name")
        parent = self._enter(tuple(above), name)
        temporary = f".{os.getpid()}.{os.urandom(6).hex()}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(temporary, flags, 0o644, dir_fd=parent), "wb") as f:
                self._copy(source, f, name)
            os.rename(temporary, last, src_dir_fd=parent, dst_dir_fd=parent)
        except IsADirectoryError as e:
            raise self.refuse(name, "there is a folder of this name") from e
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)

    def _copy(self, source: IO[bytes], f: IO[bytes], name: str) -> None:
        while piece := source.read(PIECE):
            self.bytes += len(piece)
            if self.bytes > self.max_bytes:
                raise self.refuse(name, _too_large(self.max_bytes))
            f.write(piece)

    def _enter(self, parts: tuple[str, ...], name: str) -> int:
        """The descriptor of a folder below the root, made where it is missing."""
        if self.parent[0] == parts:
            return self.parent[1]
        self._leave()
        current = self.root
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=current)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                below = os.open(part, flags, dir_fd=current)
            except OSError as e:
                if e.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                raise self.refuse(name, f"{part!r} is there and is not a folder") from e
            finally:
                if current != self.root:
                    os.close(current)
            current = below
        self.parent = (parts, current)
        return current

    def _leave(self) -> None:
        parts, descriptor = self.parent
        self.parent = ((), self.root)
        if parts:
            os.close(descriptor)


def _too_large(limit: int) -> str:
    return (
        f"the archive grows beyond {limit} bytes, as bombs do; if you trust it, unpack it yourself or pass "
        "extract_archive a larger max_bytes="
    )


# --- tar ------------------------------------------------------------------------------------------


class _Member(tarfile.TarInfo):
    """A header whose damage is an error wherever it stands (tarfile takes it for the end)."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _Member:
        try:
            return super().fromtarfile(tar)  # type: ignore[return-value]
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as e:
            raise tarfile.ReadError(f"bad header at byte {tar.offset}: {e}") from e


class _Bounded:
    """The stream below a tar archive, which reads no more than the limits allow."""

    def __init__(self, stream: Any, archive: Any, limit: int) -> None:
        self.stream, self.archive = stream, archive
        # Beside the files there are headers and padding, which are not more than they.
        self.limit = 2 * limit + MAX_HEADER

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise ExtractionError(f"{self.archive}: a header of {size} bytes refused")
        data = self.stream.read(size)
        if self.stream.tell() > self.limit:
            raise ExtractionError(f"{self.archive}: {_too_large(self.limit)}")
        return data

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        return self.stream.seek(position, whence)

    def tell(self) -> int:
        return self.stream.tell()


def extract_tar(
    path: Any, folder: Any, opener: Callable[..., IO[bytes]], max_bytes: int, max_files: int
) -> None:
    """Unpack a tar archive; `opener` opens the file and undoes its compression."""
    with (
        _refusing(path),
        opener(path, "rb") as stream,
        _Target(folder, path, max_bytes, max_files) as target,
    ):
        bounded: Any = _Bounded(stream, path, max_bytes)
        with tarfile.open(fileobj=bounded, mode="r:", tarinfo=_Member) as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # a million headers need not stay
                target.count(member.name)
                if member.isdir():
                    target.folder(member.name)
                elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
                    source = tar.extractfile(member)
                    assert source is not None
                    target.file(member.name, source)  # type: ignore[arg-type]
                else:
                    raise target.refuse(
                        member.name, "only files and folders are unpacked, no links or devices"
                    )


# --- zip ------------------------------------------------------------------------------------------


def extract_zip(path: Any, folder: Any, max_bytes: int, max_files: int) -> None:
    """Unpack a zip archive; everything its directory says is checked before anything is written."""
    with (
        _refusing(path),
        zipfile.ZipFile(path) as archive,
        _Target(folder, path, max_bytes, max_files) as target,
    ):
        entries = archive.infolist()
        seen: set[tuple[str, ...]] = set()
        for entry in entries:
            _check_entry(entry, target, seen)
        _check_places(path, entries, archive.start_dir)  # type: ignore[attr-defined]
        if sum(entry.file_size for entry in entries) > max_bytes:
            raise ExtractionError(f"{path}: {_too_large(max_bytes)}")
        for entry in entries:
            if entry.filename.endswith("/"):
                target.folder(entry.filename)
                continue
            with archive.open(entry) as source:
                target.file(entry.filename, source)


def _check_entry(entry: zipfile.ZipInfo, target: _Target, seen: set[tuple[str, ...]]) -> None:
    name = entry.orig_filename
    target.count(name)
    parts = target.parts(name)
    if not parts:
        raise target.refuse(name, "no name")
    if not name.endswith("/"):
        if parts in seen:
            raise target.refuse(name, "the name is there twice")
        seen.add(parts)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise target.refuse(name, "only files and folders are unpacked, no links or devices")
    if entry.flag_bits & 1:
        raise target.refuse(name, "it is encrypted")
    if entry.compress_type not in ZIP_METHODS:
        raise target.refuse(name, f"unknown compression method {entry.compress_type}")


def _check_places(path: Any, entries: list[zipfile.ZipInfo], start_of_directory: int) -> None:
    """Refuse entries that share bytes: that is how a small file becomes petabytes."""
    end, before = 0, ""
    with open(path, "rb") as f:
        for entry in sorted(entries, key=lambda e: e.header_offset):
            if entry.header_offset < end:
                raise ExtractionError(
                    f"{path}: entries {before[:200]!r} and {entry.filename[:200]!r} overlap"
                )
            f.seek(entry.header_offset)
            head = f.read(30)
            if len(head) < 30:
                raise ExtractionError(f"{path}: truncated at entry {entry.filename[:200]!r}")
            names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
            end, before = entry.header_offset + 30 + names + entry.compress_size, entry.filename
    if end > start_of_directory:
        raise ExtractionError(f"{path}: entry {before[:200]!r} reaches into the directory")


# --- one compressed file --------------------------------------------------------------------------


def decompress(path: Any, target: Any, opener: Callable[..., IO[bytes]], max_bytes: int) -> None:
    """Unpack a compressed file, which appears at `target` only once it is whole."""
    partial = f"{os.fspath(target)}.tmp.{os.getpid()}.{os.urandom(4).hex()}"
    done = 0
    try:
        with _refusing(path), opener(path, "rb") as source, open(partial, "xb") as f:
            while piece := source.read(PIECE):
                done += len(piece)
                if done > max_bytes:
                    raise ExtractionError(f"{path}: {_too_large(max_bytes)}")
                f.write(piece)
        os.replace(partial, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
