"""The file format before zip archives: pickles one after the other, then the raw storages."""

from __future__ import annotations

import sys
from struct import pack, unpack_from
from typing import Any

from .archive import dtype_of, storage_fields
from .errors import LoadError
from .grammar import Reader
from .source import Source

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
# the first bytes of every such file: protocol 2, LONG1 of the magic number, STOP
START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def read_stream(source: Source, load_pickle: Any, restore: Any, user: dict, encoding: str) -> Any:
    """Read a file of the old format.

    Args:
        source: the file.
        load_pickle: None for the closed grammar, else a function of data, position and persistent
            loader that returns the object and the position after it.
        restore: puts a storage where its tag says.
        user: names the program has allowed.
        encoding: how 8-bit strings of Python 2 are decoded.
    """
    data = source.read(0, source.size)
    stream = _Stream(data, source, restore, user, encoding)
    for number in (MAGIC, PROTOCOL):
        value = stream.value()
        if type(value) is not int or value != number:
            raise LoadError("Invalid magic number; corrupt file?", source.name)
    info = stream.value()
    if not isinstance(info, dict) or info.get("little_endian") is not True:
        raise LoadError("only little-endian files of the old format are read", source.name)
    if load_pickle is None:
        result = stream.value()
    else:
        result, stream.pos = load_pickle(stream.data, stream.pos, stream.storage)
    stream.fill(stream.value())
    return result


class _Stream:
    def __init__(self, data: Any, source: Source, restore: Any, user: dict, encoding: str) -> None:
        self.data = memoryview(data)
        self.pos = 0
        self.source = source
        self.restore = restore
        self.user = user
        self.encoding = encoding
        # key -> (typed storage on the CPU, typed storage where it belongs)
        self.storages: dict[str, tuple[Any, Any]] = {}
        self.views: dict[str, tuple[Any, tuple]] = {}
        self.promised = 0

    def value(self) -> Any:
        """The next pickle."""
        reader = Reader(self.data, self.storage, self.user, self.encoding, self.pos)
        try:
            result = reader.load()
        except LoadError as error:
            raise error.located(self.source.name, "pickle") from None
        self.pos = reader.pos
        return result

    def storage(self, saved: tuple) -> Any:
        """The storage of a persistent id; its bytes come later."""
        if len(saved) == 4 and type(saved[0]) is str and saved[0] == "module":
            return saved[1]  # a class with its source text, which is ignored
        kind, key, location, numel, view = storage_fields(saved, 6)
        if view is not None:
            raise LoadError("views of storages (files of PyTorch before 0.4) are not supported")
        dtype, untyped = dtype_of(kind)
        known = self.storages.get(key)
        if known is not None:
            if known[1].dtype != dtype or known[1]._size() != numel:
                raise LoadError(f"storage {key!r} is used with two types or lengths")
            typed = known[1]
        else:
            typed = self._new(key, dtype, location, numel)
        return typed.untyped() if untyped else typed

    def _new(self, key: str, dtype: Any, location: str, numel: int) -> Any:
        from ..storage import TypedStorage, UntypedStorage

        if numel < 0:
            raise LoadError(f"storage {key!r} has a negative length {numel}")
        nbytes = numel * dtype.itemsize
        self.promised += nbytes
        if self.promised > self.data.nbytes:
            raise LoadError(
                f"truncated: storages of {self.promised} bytes in a file of {self.data.nbytes}"
            )
        raw = UntypedStorage(nbytes)
        placed = self.restore(raw, location)
        typed = TypedStorage(wrap_storage=placed, dtype=dtype, _internal=True)
        self.storages[key] = (raw, typed)
        return typed

    def fill(self, keys: Any) -> None:
        """Read the bytes of the storages, in the order of their keys."""
        good = type(keys) is list and all(type(k) is str for k in keys)
        if not good or sorted(keys) != sorted(self.storages):
            raise LoadError("the list of storages does not match the tensors", self.source.name)
        for key in keys:
            raw, typed = self.storages[key]
            size = typed._size()
            head = self._take(8, key)
            numel = unpack_from("<q", head)[0]
            if numel != size:
                raise LoadError(
                    f"the storage has {numel} elements, its tensors expect {size}",
                    self.source.name,
                    key,
                )
            raw._memory()[:] = self._take(raw.nbytes(), key)
            if typed._untyped_storage is not raw and typed.device.type != "meta":
                typed._untyped_storage.copy_(raw)
        if self.pos != self.data.nbytes:
            extra = self.data.nbytes - self.pos
            # several objects may follow one another in an open stream, not in a file
            if not hasattr(self.source, "stream") and not hasattr(self.source, "data"):
                raise LoadError(f"{extra} foreign bytes after the end", self.source.name)

    def _take(self, length: int, key: str) -> memoryview:
        if self.pos + length > self.data.nbytes:
            raise LoadError(
                f"truncated: {self.pos + length} bytes are needed, the file has {self.data.nbytes}",
                self.source.name,
                key,
            )
        self.pos += length
        return self.data[self.pos - length : self.pos]


def write_stream(obj: Any, write: Any, pickle_module: Any, protocol: int) -> None:
    """Write an object in the old format."""
    from ..storage import LEGACY_CLASSES, TypedStorage, UntypedStorage
    from .locations import location_tag
    from .pickler import save_pickle

    storages: dict[str, tuple[Any, int]] = {}
    keys: dict[int, str] = {}

    def storage_id(storage: Any) -> tuple:
        raw = storage.untyped()
        key = keys.setdefault(raw._cdata or id(raw), str(len(keys)))
        if isinstance(storage, TypedStorage):
            kind: Any = LEGACY_CLASSES[storage.pickle_storage_type()]
            numel, width = storage._size(), storage.dtype.itemsize
        else:
            kind, numel, width = UntypedStorage, raw.nbytes(), 1
        if storages.setdefault(key, (raw, width))[1] != width:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        return ("storage", kind, key, location_tag(raw), numel, None)

    sizes = {"short": 2, "int": 4, "long": 8}
    info = {
        "protocol_version": PROTOCOL,
        "little_endian": sys.byteorder == "little",
        "type_sizes": sizes,
    }
    body = save_pickle(obj, pickle_module, protocol, storage_id)
    for part in (MAGIC, PROTOCOL, info):
        write(pickle_module.dumps(part, protocol=protocol))
    write(body)
    order = sorted(storages)
    write(pickle_module.dumps(order, protocol=protocol))
    for key in order:
        raw, width = storages[key]
        write(pack("<q", raw.nbytes() // width))
        if raw.nbytes():
            write(raw.cpu()._memory())
