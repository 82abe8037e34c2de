"""Saving and loading: ``save``, ``load`` and what configures them.

Files are those of PyTorch 2.13, both ways. Loading is a closed grammar unless ``weights_only=False``
is passed; saving replaces the old file in one step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from . import _C
from ._serialization.errors import LoadError
from ._serialization.locations import (
    default_restore_location,
    location_tag,
    register_package,
    validate_cuda_device,
)

__all__ = [
    "LoadEndianness",
    "LoadError",
    "SourceChangeWarning",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "normalize_storage_type",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "validate_cuda_device",
]

DEFAULT_PROTOCOL = 2
# What `map_location` may be.
MAP_LOCATION = Callable[[Any, str], Any] | _C.device | str | dict[str, str] | None
_TRUE = ("1", "y", "yes", "true")


def normalize_storage_type(storage_type: type) -> type:
    """The class of `torch` that stands for a class of storages."""
    from . import storage

    return getattr(storage, storage_type.__name__)


class SourceChangeWarning(Warning):
    """Kept for programs that filter it; never raised."""


class LoadEndianness(Enum):
    """Byte order assumed for archives that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Settings:
    endianness: LoadEndianness | None = None
    crc32 = True
    mmap_flags: int | None = None
    skip_data = False
    safe: list[Any] = []


_settings = _Settings()

# --- settings -------------------------------------------------------------------------------------


def get_default_load_endianness() -> LoadEndianness | None:
    """Byte order assumed for archives without a byteorder record; None means little."""
    return _settings.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order assumed for archives without a byteorder record."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _settings.endianness = endianness


def get_crc32_options() -> bool:
    """Whether ``save`` writes checksums and ``load`` verifies them."""
    return _settings.crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Switch checksums off or on, for both ``save`` and ``load`` (on at start).

    Files saved without checksums are refused while they are on.
    """
    _settings.crc32 = bool(compute_crc32)


def get_default_mmap_options() -> int:
    """The flags that ``load(mmap=True)`` maps files with."""
    from mmap import MAP_PRIVATE

    return MAP_PRIVATE if _settings.mmap_flags is None else _settings.mmap_flags


class set_default_mmap_options:
    """Set the flags for ``load(mmap=True)``: ``mmap.MAP_PRIVATE`` or ``mmap.MAP_SHARED``.

    Also a context manager, at whose end the flags before it are in force again.
    """

    def __init__(self, flags: int) -> None:
        from mmap import MAP_PRIVATE, MAP_SHARED

        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        self._before = _settings.mmap_flags
        _settings.mmap_flags = flags

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: Any) -> None:
        _settings.mmap_flags = self._before


class skip_data:
    """Inside this context ``save`` leaves room for the data of storages without writing them.

    ``load`` inside it makes tensors with undefined values.
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self._before = _settings.skip_data
        _settings.skip_data = True

    def __exit__(self, *error: Any) -> None:
        _settings.skip_data = self._before


# --- names the program allows ---------------------------------------------------------------------


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Allow ``load`` to make these classes and call these functions.

    Args:
        safe_globals: classes, functions, or pairs of one of these and the name it has in files.

    Example:
        >>> import rushlight as torch
        >>> class Point:
        ...     pass
        >>> torch.serialization.add_safe_globals([Point])
        >>> torch.serialization.clear_safe_globals()
    """
    for item in safe_globals:
        if not any(item is known or item == known for known in _settings.safe):
            _settings.safe.append(item)


def get_safe_globals() -> list[Any]:
    """The classes and functions that ``add_safe_globals`` has allowed."""
    return list(_settings.safe)


def clear_safe_globals() -> None:
    """Forget what ``add_safe_globals`` has allowed."""
    _settings.safe = []


class safe_globals:
    """Context manager: ``add_safe_globals`` for the duration of the block."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: Any) -> None:
        _settings.safe = [f for f in _settings.safe if f not in self.safe_globals]


def _user_names() -> dict[str, Any]:
    from ._names import shown_name

    names = {}
    for item in _settings.safe:
        if isinstance(item, tuple):
            if len(item) != 2:
                raise ValueError(
                    "Expected tuple of length 2 (global, str of callable full path), but got "
                    f"tuple of length: {len(item)}"
                )
            if type(item[1]) is not str:
                raise TypeError(
                    "Expected second item in tuple to be str of callable full path, but got: "
                    f"{type(item[1])}"
                )
            names[item[1]] = item[0]
        else:
            module = shown_name(item.__module__) or item.__module__
            names[f"{module}.{item.__qualname__}"] = item
    return names


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """Names of classes and functions in an archive that ``load`` would refuse.

    Args:
        f: path or seekable file.
    """
    from ._serialization.archive import open_archive
    from ._serialization.names import find
    from ._serialization.source import open_source

    source = open_source(f)
    try:
        data = bytes(open_archive(source).read("data.pkl"))
    finally:
        source.close()
    user, found = _user_names(), []
    for module, name in _names_in(data):
        try:
            find(module, name, user)
        except LoadError:
            found.append(f"{module}.{name}")
    return found


def _names_in(data: bytes) -> Iterator[tuple[str, str]]:
    import pickletools

    strings: list[str] = []
    try:
        for op, arg, _ in pickletools.genops(data):
            if op.name == "GLOBAL":
                module, _, name = arg.partition(" ")
                yield module, name
            elif op.name == "STACK_GLOBAL" and len(strings) > 1:
                yield strings[-2], strings[-1]
            elif isinstance(arg, str):
                strings.append(arg)
    except (ValueError, IndexError) as error:
        raise LoadError(f"damaged pickle: {error}") from None


# --- save -----------------------------------------------------------------------------------------


def save(
    obj: object,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Save an object to a file that PyTorch reads too.

    The object is pickled before the file is touched. A path is replaced in one step: until the new
    contents are on the disk, the old file stays.

    Args:
        obj: tensors, state dicts, modules, optimizer states, or any picklable object around them.
        f: path, or an object with ``write``.
        pickle_module: module whose ``Pickler`` is used (default: pickle).
        pickle_protocol: pickle protocol of the object's structure.
        _use_new_zipfile_serialization: False writes the format before PyTorch 1.6.

    Raises:
        AttributeError: ``f`` is neither a path nor writable.
        RuntimeError: the folder of the path does not exist.

    Example:
        >>> import io
        >>> import rushlight as torch
        >>> stream = io.BytesIO()
        >>> torch.save({"weight": torch.ones(2)}, stream)
        >>> _ = stream.seek(0)
        >>> torch.load(stream)
        {'weight': tensor([1., 1.])}
    """
    import pickle

    from ._serialization.atomic import replacing

    is_path = isinstance(f, (str, os.PathLike))
    if not is_path and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    if pickle_module is None:
        pickle_module = pickle
    if _use_new_zipfile_serialization:
        emit = _archive_of(obj, f, pickle_module, pickle_protocol, not _disable_byteorder_record)
    else:
        if _settings.skip_data:
            raise RuntimeError(
                "Cannot use skip_data=True with _use_new_zipfile_serialization=False"
            )
        emit = _stream_of(obj, pickle_module, pickle_protocol)
    if is_path:
        with replacing(f) as write:
            emit(write)
        return
    emit(lambda data: f.write(data))
    flush = getattr(f, "flush", None)
    if flush is not None:
        flush()


def _stream_of(obj: object, pickle_module: Any, protocol: int) -> Callable[[Any], None]:
    from ._serialization.legacy import write_stream

    pieces: list[Any] = []
    write_stream(obj, pieces.append, pickle_module, protocol)

    def emit(write: Any) -> None:
        for piece in pieces:
            write(piece)

    return emit


def _root_name(f: Any) -> str:
    """Name of the folder inside an archive: the file's name without its last ending."""
    if not isinstance(f, (str, os.PathLike)):
        return "archive"
    base = os.path.basename(os.fsdecode(os.fspath(f)))
    root = base.rpartition(".")[0] or base
    good = root.isprintable() and "\\" not in root and root not in (".", "..")
    return root.encode("utf-8", "replace").decode() if good else "archive"


def _archive_of(
    obj: object, f: Any, pickle_module: Any, protocol: int, with_order: bool
) -> Callable[[Any], None]:
    """Pickle the object; return the function that writes the archive."""
    import sys

    from ._serialization.pickler import save_pickle
    from ._serialization.zipwrite import ALIGNMENT, ZipWriter
    from .storage import LEGACY_CLASSES, TypedStorage, UntypedStorage

    storages: dict[str, UntypedStorage] = {}
    dtypes: dict[str, Any] = {}
    keys: dict[Any, str] = {}

    def storage_id(storage: Any) -> tuple:
        raw = storage.untyped()
        key = keys.setdefault(raw._cdata, str(len(keys)))
        if isinstance(storage, TypedStorage):
            kind: Any = LEGACY_CLASSES[storage.pickle_storage_type()]
            dtype, numel = storage.dtype, storage._size()
        else:
            kind, dtype, numel = UntypedStorage, "uint8", raw.nbytes()
        first = dtypes.setdefault(key, str(dtype).rpartition(".")[2])
        if first != str(dtype).rpartition(".")[2]:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        storages[key] = raw  # also keeps the block, and so its _cdata, alive
        return ("storage", kind, key, location_tag(raw), numel)

    data = save_pickle(obj, pickle_module, protocol, storage_id)
    skip = _settings.skip_data

    def emit(write: Any) -> None:
        archive = ZipWriter(write, _root_name(f), _settings.crc32)
        archive.record("data.pkl", data)
        archive.record(".format_version", b"1")
        archive.record(".storage_alignment", str(ALIGNMENT).encode())
        if with_order:
            archive.record("byteorder", sys.byteorder.encode())
        for key, raw in storages.items():
            if skip:
                archive.record(f"data/{key}", bytes(raw.nbytes()))
            else:
                archive.record(f"data/{key}", raw.cpu()._memory())
        archive.finish()

    return emit


# --- load -----------------------------------------------------------------------------------------


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Load what ``save``, or PyTorch's ``torch.save``, has written; also ``.safetensors`` files.

    By default only data is loaded: containers, numbers, text, tensors, and layers of the library;
    nothing in the file is imported or called. Checksums are verified.

    Args:
        f: path, or a seekable binary file.
        map_location: where storages go: a device or its name, a dict from the names in the file to
            others, or a function of a storage and the name in the file.
        pickle_module: module whose ``Unpickler`` is used with ``weights_only=False``.
        weights_only: False runs the pickle as Python does, which can execute any code: only for
            files whose writer you trust as much as your own programs.
        mmap: read tensor data when it is used, from the mapped file (paths only; the data's
            checksums are not verified).
        **pickle_load_args: ``encoding`` for text of Python 2, and arguments of the Unpickler.

    Raises:
        LoadError: (a RuntimeError and a pickle.UnpicklingError) the file is refused.

    Example:
        >>> import io
        >>> import rushlight as torch
        >>> stream = io.BytesIO()
        >>> torch.save(torch.arange(3), stream)
        >>> _ = stream.seek(0)
        >>> torch.load(stream)
        tensor([0, 1, 2])
    """
    from ._serialization.source import open_source

    weights_only = _weights_only(weights_only, pickle_module)
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    source = open_source(f)
    try:
        loader = _Loader(source, map_location, weights_only, pickle_module, pickle_load_args)
        return loader.load(bool(mmap))
    except LoadError as error:
        raise error.located(source.name) from error.__cause__
    finally:
        source.close()


def _weights_only(value: bool | None, pickle_module: Any) -> bool:
    """The argument, its default, and the environment variables that change either."""
    force = os.getenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    force_not = os.getenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    if force and force_not:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    if force:
        return True
    if value is None:
        if force_not:
            import warnings

            warnings.warn(
                "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected, since the "
                "`weights_only` argument was not explicitly passed to `torch.load`, forcing "
                "weights_only=False.",
                UserWarning,
                stacklevel=3,
            )
            return False
        return pickle_module is None
    return bool(value)


class _Loader:
    """One call of ``load``."""

    def __init__(
        self, source: Any, map_location: Any, safe: bool, pickle_module: Any, arguments: dict
    ) -> None:
        from ._serialization.locations import is_meta, restorer

        self.source = source
        self.safe = safe
        self.pickle_module = pickle_module
        self.arguments = {"encoding": "utf-8", **arguments}
        self.restore = restorer(map_location)
        self.on_meta = is_meta(map_location)
        self.user = _user_names() if safe else {}

    def load(self, mmap: bool) -> Any:
        from ._serialization import legacy, safetensors

        source = self.source
        head = bytes(source.read(0, min(source.size, 512)))
        if head[:4] == b"PK\x03\x04":
            return self._archive(mmap)
        is_safetensors = source.name.endswith(".safetensors")
        if is_safetensors or safetensors.looks_like(source):
            return safetensors.read_file(source, self.restore)
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with "
                f"`torch.save({source.name}, _use_new_zipfile_serialization=True), please "
                "torch.save your checkpoint with this option in order to use mmap."
            )
        if not head.startswith(legacy.START[:5]):
            raise LoadError(_what_is_it(head, source.size), source.name)
        run = None if self.safe else self._unpickle
        encoding = self.arguments["encoding"]
        return legacy.read_stream(source, run, self.restore, self.user, encoding)

    def _archive(self, mmap: bool) -> Any:
        from ._serialization.archive import ArchiveStorages, map_file, open_archive
        from ._serialization.grammar import Reader

        archive = open_archive(self.source)
        archive.check_crc = _settings.crc32
        mapped = map_file(self.source, _settings.mmap_flags) if mmap else None
        order = {LoadEndianness.BIG: "big", LoadEndianness.NATIVE: _native_order()}
        storages = ArchiveStorages(
            archive,
            self.restore,
            mapped,
            self.on_meta,
            _settings.skip_data,
            order.get(_settings.endianness, "little"),  # type: ignore[arg-type]
        )
        data = archive.read("data.pkl")
        try:
            if self.safe:
                result = Reader(data, storages, self.user, self.arguments["encoding"]).load()
            else:
                result, _ = self._unpickle(memoryview(data), 0, storages)
        except LoadError as error:
            raise error.located(self.source.name, "data.pkl") from error.__cause__
        if self.safe:
            storages.finish()
        return result

    def _unpickle(self, data: memoryview, pos: int, storage: Any) -> tuple[Any, int]:
        """Run a pickle as Python does, with the names of PyTorch leading to this package."""
        import io
        import pickle

        from ._serialization.foreign import find_class

        module = self.pickle_module or pickle

        class Unpickler(module.Unpickler):  # type: ignore[name-defined]
            def find_class(self, module: str, name: str) -> Any:
                return find_class(module, name, super().find_class)

            def persistent_load(self, saved: Any) -> Any:
                return storage(saved)

        stream = io.BytesIO(data[pos:])
        result = Unpickler(stream, **self.arguments).load()
        return result, pos + stream.tell()


def _native_order() -> str:
    import sys

    return sys.byteorder


def _what_is_it(head: bytes, size: int) -> str:
    """Why a file that begins like this is no checkpoint."""
    if not size:
        return "the file is empty"
    if head[257:262] == b"ustar":
        return (
            "this is in the .tar format of PyTorch before 0.1.10, which is not read: load and save "
            "it again with an old PyTorch"
        )
    if head[:1] == b"\x80" or head[:4] in (b"(dp0", b"ccol"):
        return "not a checkpoint but a plain pickle: read it with the program that wrote it"
    for magic, what in (
        (b"\x1f\x8b", "compressed with gzip"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\x93NUMPY", "a numpy file: numpy.load reads it"),
        (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself"),
    ):
        if head.startswith(magic):
            return f"not a checkpoint but {what}"
    if head[:2] == b"PK"[:size]:
        return f"not a checkpoint, or truncated: the file has {size} bytes"
    return f"not a checkpoint: the file starts with {head[:20]!r}"


@contextmanager
def mkdtemp() -> Iterator[str]:
    """A temporary folder for the duration of a ``with`` block."""
    import shutil
    import tempfile

    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _get_layout(name: str) -> Any:
    """The layout object of a name as files write it."""
    from . import strided

    if name != "torch.strided":
        raise KeyError(name)
    return strided


def _register_layout() -> None:
    """Let every pickle, plain ones too, write a layout as its name."""
    from copyreg import pickle

    from . import layout

    pickle(layout, lambda value: (_get_layout, (str(value),)))  # type: ignore[arg-type]


_register_layout()
