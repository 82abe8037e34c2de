"""Checkpoint archives: what the records of the zip file mean."""

from __future__ import annotations

import re
import sys
from typing import Any

from .errors import LoadError
from .names import Maker
from .source import FileSource
from .zipread import OTHER_ENTRIES, ZipReader

MAX_SMALL_RECORD = 4096
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
_MAX_VERSION = 10


class ArchiveStorages:
    """Makes the storages of an archive from their persistent ids, each record once.

    Args:
        archive: the open archive.
        restore: puts a storage where its tag says.
        mapped: uint8 storage over the whole file, of which the storages become parts; or None.
        on_meta: make meta storages, without reading data.
        skip: make storages without reading data into them.
    """

    def __init__(
        self,
        archive: ZipReader,
        restore: Any,
        mapped: Any = None,
        on_meta: bool = False,
        skip: bool = False,
        default_order: str = "little",
    ) -> None:
        self.archive = archive
        self.restore = restore
        self.mapped = mapped
        self.on_meta = on_meta
        self.skip = skip
        self.known: dict[str, Any] = {}
        self.uses = 0
        self.swap = self._byte_order(default_order) != sys.byteorder
        self._check_version()

    def _small(self, record: str) -> str:
        raw = self.archive.read(record, MAX_SMALL_RECORD)
        try:
            return bytes(raw).decode("ascii")
        except UnicodeDecodeError:
            raise LoadError("not text", self.archive.name, record) from None

    def _byte_order(self, default: str) -> str:
        if not self.archive.has("byteorder"):
            return default
        order = self._small("byteorder")
        if order not in ("little", "big"):
            raise LoadError(f"Unknown endianness type: {order[:40]!r}", self.archive.name)
        return order

    def _check_version(self) -> None:
        for record, limit in (("version", _MAX_VERSION), (".format_version", _MAX_VERSION)):
            if self.archive.has(record):
                text = self._small(record).strip()
                if not text.isdigit() or len(text) > 4 or int(text) > limit:
                    raise LoadError(
                        f"version {text[:40]!r} is not known (up to {limit})",
                        self.archive.name,
                        record,
                    )
        if self.archive.has(".storage_alignment"):
            text = self._small(".storage_alignment").strip()
            if not text.isdigit() or len(text) > 9:
                raise LoadError("not a number", self.archive.name, ".storage_alignment")

    def __call__(self, saved: tuple) -> Any:
        kind, key, location, numel = storage_fields(saved, 5)
        if not _KEY.fullmatch(key):
            raise LoadError(f"storage key {key[:80]!r} is not allowed")
        dtype, untyped = dtype_of(kind)
        self.uses += 1
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = self._make(key, location, numel, dtype)
        elif known.dtype != dtype:
            raise LoadError(f"storage {key!r} is used as {known.dtype} and as {dtype}")
        elif known._size() != numel:
            raise LoadError(f"storage {key!r} is used with two lengths")
        return known.untyped() if untyped else known

    def _make(self, key: str, location: str, numel: int, dtype: Any) -> Any:
        from ..storage import TypedStorage, UntypedStorage

        record = f"data/{key}"
        nbytes = numel * dtype.itemsize
        if not self.archive.has(record):
            raise LoadError("the archive has no such record", self.archive.name, record)
        size = self.archive.size_of(record)
        if numel < 0 or nbytes != size:
            raise LoadError(
                f"the storage has {numel} elements of {dtype} ({nbytes} bytes), the record "
                f"{size} bytes",
                self.archive.name,
                record,
            )
        if self.on_meta:
            placed = UntypedStorage(nbytes, device="meta")
        else:
            placed = self.restore(self._read(record, nbytes, dtype), location)
            if not isinstance(placed, UntypedStorage):
                placed = placed.untyped()  # map_location may return a typed storage
        return TypedStorage(wrap_storage=placed, dtype=dtype, _internal=True)

    def _read(self, record: str, nbytes: int, dtype: Any) -> Any:
        from ..storage import UntypedStorage

        if self.mapped is not None and nbytes and not self.swap:
            offset = self.archive.data_offset(record)
            if offset % 16 == 0:
                return self.mapped._part(offset, nbytes)
        storage = UntypedStorage(nbytes)
        if nbytes and not self.skip:
            self.archive.read_into(record, storage._memory())
            if self.swap:
                storage.byteswap(dtype)
        return storage

    def finish(self) -> None:
        """Refuse archives that are mostly entries nobody uses."""
        count, used = len(self.archive.entries), max(self.uses, len(self.known))
        if count > 4 * used + OTHER_ENTRIES:
            raise LoadError(f"{count} entries for {used} tensors", self.archive.name)


def storage_fields(saved: tuple, count: int) -> tuple[Any, ...]:
    """Fields of a storage's persistent id after the first: class, key, tag, length, and more.

    Values of the file are looked at only after their type is known: comparing a tensor, or printing
    a nested tuple, may do anything.
    """
    kind = saved[0] if saved else None
    if type(kind) not in (str, bytes) or kind not in ("storage", b"storage") or len(saved) != count:
        raise LoadError("persistent id that is not a storage")
    key, location = (k.decode() if type(k) is bytes else k for k in saved[2:4])
    if type(key) is not str or type(location) is not str or type(saved[4]) is not int:
        raise LoadError("persistent id with fields of the wrong type")
    return (saved[1], key, location, *saved[4:])


def dtype_of(kind: Any) -> tuple[Any, bool]:
    """dtype of a storage class named in a file, and whether it is the untyped one."""
    from .. import uint8
    from ..storage import DTYPE_NAMES, dtype_of_storage_name

    name = kind.name if isinstance(kind, Maker) else getattr(kind, "__name__", "")
    if name == "UntypedStorage":
        return uint8, True
    if name not in DTYPE_NAMES:
        raise LoadError(f"{name or type(kind).__name__} is not a storage class")
    return dtype_of_storage_name(name), False


def map_file(source: Any, flags: int | None) -> Any:
    """A uint8 storage over a whole file, whose pages are read when they are used."""
    import mmap

    from ..storage import UntypedStorage, _rl

    if not isinstance(source, FileSource):
        raise ValueError("f must be a file path in order to use the mmap argument")
    flags = mmap.MAP_PRIVATE if flags is None else flags
    prot = mmap.PROT_READ | mmap.PROT_WRITE
    if flags & mmap.MAP_SHARED:
        import os

        fd = os.open(source.name, os.O_RDWR | os.O_CLOEXEC)
        try:
            block = mmap.mmap(fd, source.size, flags=flags, prot=prot)
        finally:
            os.close(fd)
    else:
        block = mmap.mmap(source.fd, source.size, flags=flags, prot=prot)
    rl = _rl()
    storage = UntypedStorage._wrap(rl.frombuffer(block, dtype=rl.uint8))
    storage._filename = source.name
    return storage


def open_archive(source: Any) -> ZipReader:
    """Open a checkpoint archive, refusing other things that are zip files."""
    archive = ZipReader(source)
    if archive.has("constants.pkl"):
        raise LoadError("this is a TorchScript archive (a program), not a checkpoint", source.name)
    if not archive.has("data.pkl"):
        raise LoadError("a zip archive without data.pkl is not a checkpoint", source.name)
    return archive
