"""Storages: the block of bytes behind one or more tensors.

A storage object holds a one-dimensional uint8 tensor that covers the whole block; everything a
storage can do is done on that tensor. Two storage objects are the same block exactly when their
``_cdata`` agree.
"""

from __future__ import annotations

from typing import Any

from . import _C

__all__ = ["TypedStorage", "UntypedStorage"]

# dtype name -> name of the typed storage class that files use for it
STORAGE_NAMES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex128": "ComplexDoubleStorage",
    "complex64": "ComplexFloatStorage",
}
DTYPE_NAMES = {storage: dtype for dtype, storage in STORAGE_NAMES.items()}


def _rl() -> Any:
    """The package, once it is fully imported."""
    import sys

    return sys.modules[__package__ or "rushlight"]


def dtype_of_storage_name(name: str) -> Any:
    """``"FloatStorage"`` -> float32; KeyError for a name that is no storage class."""
    return getattr(_rl(), DTYPE_NAMES[name])


def storage_name_of_dtype(dtype: Any) -> str:
    """float32 -> ``"FloatStorage"``."""
    return STORAGE_NAMES[str(dtype).rpartition(".")[2]]


class UntypedStorage:
    """A block of bytes, without a type.

    Args:
        source: number of bytes, or a sequence of byte values; nothing for an empty block.
        device: where the bytes live (default: cpu).

    Example:
        >>> import rushlight as torch
        >>> torch.zeros(3).untyped_storage().nbytes()
        12
    """

    is_sparse = False

    def __init__(self, source: Any = 0, *, device: Any = None) -> None:
        rl = _rl()
        if isinstance(source, int):
            self._bytes = rl.empty((source,), dtype=rl.uint8, device=device or "cpu")
        else:
            self._bytes = rl.tensor(list(source), dtype=rl.uint8, device=device or "cpu")

    @classmethod
    def _wrap(cls, block: Any) -> UntypedStorage:
        """Make the storage object of a uint8 tensor that covers its whole block."""
        self = cls.__new__(cls)
        self._bytes = block
        return self

    @classmethod
    def from_buffer(cls, buffer: Any, byte_order: str | None = None, **kwargs: Any) -> Any:
        """Copy the bytes of an object with the buffer protocol into a new storage."""
        data = memoryview(buffer).cast("B")
        result = cls(data.nbytes)
        result._memory()[:] = data
        return result

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """Map a file into memory; ``shared`` writes changes back to the file (and makes it)."""
        import mmap
        import os

        flags = os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY
        fd = os.open(os.fspath(filename), flags, 0o666)
        try:
            if shared and os.fstat(fd).st_size < nbytes:
                os.ftruncate(fd, nbytes)
            if not nbytes:
                return cls(0)
            kind = mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE
            block = mmap.mmap(fd, nbytes, flags=kind, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        finally:
            os.close(fd)
        rl = _rl()
        result = cls._wrap(rl.frombuffer(block, dtype=rl.uint8))
        result._filename = os.fspath(filename)
        return result

    # --- what it is -----------------------------------------------------------------------------

    @property
    def _cdata(self) -> int:
        return _C._storage_id(self._bytes)

    @property
    def device(self) -> Any:
        return self._bytes.device

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def is_hpu(self) -> bool:
        return False

    @property
    def filename(self) -> str | None:
        """Path of the file this storage maps, or None."""
        return getattr(self, "_filename", None)

    def nbytes(self) -> int:
        return self._bytes.numel()

    def size(self) -> int:
        return self._bytes.numel()

    def __len__(self) -> int:
        return self._bytes.numel()

    def element_size(self) -> int:
        return 1

    def data_ptr(self) -> int:
        return self._bytes.data_ptr()

    def get_device(self) -> int:
        return self._bytes.get_device()

    def untyped(self) -> UntypedStorage:
        return self

    def resizable(self) -> bool:
        return getattr(self, "_filename", None) is None

    def is_pinned(self, device: Any = "cuda") -> bool:
        return False

    def is_shared(self) -> bool:
        return self._bytes.is_shared()

    def share_memory_(self) -> UntypedStorage:
        """Move the bytes to memory that forked and spawned processes can share."""
        self._bytes.share_memory_()
        return self

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        if dtype is not None:
            raise TypeError("an UntypedStorage has no type to convert from: use tensor.to(dtype)")
        return "torch.storage.UntypedStorage"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UntypedStorage):
            return NotImplemented
        return self._cdata == other._cdata

    def __hash__(self) -> int:
        return hash(self._cdata)

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    # --- values ---------------------------------------------------------------------------------

    def _memory(self) -> memoryview:
        """The bytes themselves (writable, not copied). Only for blocks in main memory."""
        return memoryview(_C._storage_buffer(self._bytes))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError(
                    f"Trying to slice with a step of {index.step}, but only a step of 1 is supported"
                )
            start, stop, _ = index.indices(len(self))
            return self._part(start, max(stop - start, 0))
        return self._bytes[index].item()

    def _part(self, start: int, length: int) -> UntypedStorage:
        """A storage of its own over a range of these bytes; it keeps this block alive."""
        rl = _rl()
        if not length:
            return UntypedStorage(0)
        part = UntypedStorage._wrap(
            rl.frombuffer(self._memory(), dtype=rl.uint8, offset=start, count=length)
        )
        part._owner = self
        return part

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index] = value

    def __iter__(self) -> Any:
        return iter(self._bytes.tolist())

    def tolist(self) -> list[int]:
        return self._bytes.tolist()

    def fill_(self, value: int) -> UntypedStorage:
        self._bytes.fill_(value)
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> UntypedStorage:
        self._bytes.copy_(source.untyped()._bytes)
        return self

    def clone(self) -> UntypedStorage:
        return UntypedStorage._wrap(self._bytes.clone())

    def new(self) -> UntypedStorage:
        return UntypedStorage(0)

    def resize_(self, size: int) -> UntypedStorage:
        """Change the number of bytes, keeping the old ones."""
        self._bytes.resize_(size)
        return self

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        return UntypedStorage._wrap(self._bytes.to(device))

    def cpu(self) -> UntypedStorage:
        return self if self.device.type == "cpu" else self.to(device="cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        return UntypedStorage._wrap(self._bytes.cuda(device))

    def byteswap(self, dtype: Any) -> None:
        """Reverse the bytes of every element of the given dtype, in place."""
        width = dtype.itemsize // (2 if dtype.is_complex else 1)
        if width > 1:
            rows = self._bytes.view(-1, width)
            rows.copy_(rows.flip(1))

    # --- copies ---------------------------------------------------------------------------------

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict) -> UntypedStorage:
        known = memo.setdefault("torch", {})
        if self._cdata not in known:
            known[self._cdata] = self.clone()
        return known[self._cdata]

    def __reduce__(self) -> Any:
        return _reduce_storage(self)

    def __repr__(self) -> str:
        return f"[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"

    def __str__(self) -> str:
        if self.device.type == "meta":
            return "...\n" + repr(self)
        return "".join(f" {b}\n" for b in self.tolist()) + repr(self)


def _reduce_storage(storage: Any) -> Any:
    """Pickle a storage that stands alone as the bytes of a small file."""
    import io

    from .serialization import save

    stream = io.BytesIO()
    save(storage, stream, _use_new_zipfile_serialization=False)
    return (_load_from_bytes, (stream.getvalue(),))


def _load_from_bytes(data: bytes) -> Any:
    import io

    from .serialization import load

    return load(io.BytesIO(data), weights_only=True)


_warned = False


def _warn_typed_storage(stacklevel: int = 3) -> None:
    global _warned
    if _warned:
        return
    _warned = True
    import warnings

    warnings.warn(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be "
        "the only storage class: use tensor.untyped_storage() instead of tensor.storage()",
        UserWarning,
        stacklevel=stacklevel,
    )


class TypedStorage:
    """A storage seen as elements of one dtype (what ``tensor.storage()`` returns).

    Args:
        source: number of elements, or a sequence of values.
        wrap_storage: an UntypedStorage to look at instead.
        dtype: the element type (default: the default dtype).
        device: where the bytes live.
    """

    is_sparse = False

    def __init__(
        self,
        source: Any = 0,
        *,
        wrap_storage: UntypedStorage | None = None,
        dtype: Any = None,
        device: Any = None,
        _internal: bool = False,
    ) -> None:
        rl = _rl()
        if not _internal:
            _warn_typed_storage()
        self.dtype = rl.get_default_dtype() if dtype is None else dtype
        if wrap_storage is not None:
            self._untyped_storage = wrap_storage
        elif isinstance(source, int):
            self._untyped_storage = UntypedStorage(source * self.dtype.itemsize, device=device)
        else:
            values = rl.tensor(list(source), dtype=self.dtype, device=device or "cpu")
            self._untyped_storage = untyped_storage(values)

    def _like(self, storage: UntypedStorage) -> TypedStorage:
        return TypedStorage(wrap_storage=storage, dtype=self.dtype, _internal=True)

    def _values(self) -> Any:
        """One-dimensional tensor over the elements."""
        return tensor_over(self._untyped_storage, self.dtype, 0, (self._size(),), (1,))

    @classmethod
    def from_buffer(cls, buffer: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """Copy the bytes of an object with the buffer protocol into a new storage."""
        data = UntypedStorage.from_buffer(buffer)
        return TypedStorage(wrap_storage=data, dtype=dtype, _internal=True)

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, size: int = 0, **kw: Any) -> Any:
        """Map ``size`` elements of a file."""
        dtype = kw.get("dtype") or _rl().get_default_dtype()
        data = UntypedStorage.from_file(filename, shared, size * dtype.itemsize)
        return TypedStorage(wrap_storage=data, dtype=dtype, _internal=True)

    # --- what it is -----------------------------------------------------------------------------

    @property
    def _cdata(self) -> int:
        return self._untyped_storage._cdata

    @property
    def device(self) -> Any:
        return self._untyped_storage.device

    @property
    def is_cuda(self) -> bool:
        return self._untyped_storage.is_cuda

    @property
    def filename(self) -> str | None:
        return self._untyped_storage.filename

    def _size(self) -> int:
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    def size(self) -> int:
        return self._size()

    def __len__(self) -> int:
        return self._size()

    def nbytes(self) -> int:
        return self._untyped_storage.nbytes()

    def element_size(self) -> int:
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        return self._untyped_storage.data_ptr()

    def get_device(self) -> int:
        return self._untyped_storage.get_device()

    def untyped(self) -> UntypedStorage:
        return self._untyped_storage

    def resizable(self) -> bool:
        return self._untyped_storage.resizable()

    def is_pinned(self, device: Any = "cuda") -> bool:
        return False

    def is_shared(self) -> bool:
        return self._untyped_storage.is_shared()

    def share_memory_(self) -> TypedStorage:
        self._untyped_storage.share_memory_()
        return self

    def pickle_storage_type(self) -> str:
        return storage_name_of_dtype(self.dtype)

    _pickle_storage_type = pickle_storage_type

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        if dtype is None:
            return "torch." + self.pickle_storage_type()
        name = dtype if isinstance(dtype, str) else dtype.__name__
        return self._to(dtype_of_storage_name(name.rpartition(".")[2]))

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TypedStorage):
            return NotImplemented
        return self._cdata == other._cdata and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self._cdata, str(self.dtype)))

    # --- values ---------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a {self.pickle_storage_type()} with {type(index)}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return self._values()[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._values()[index] = value

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def tolist(self) -> list:
        return self._values().tolist()

    def fill_(self, value: Any) -> TypedStorage:
        self._values().fill_(value)
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> TypedStorage:
        if isinstance(source, TypedStorage):
            self._values().copy_(source._values())
        else:
            self._untyped_storage.copy_(source)
        return self

    def clone(self) -> TypedStorage:
        return self._like(self._untyped_storage.clone())

    def resize_(self, size: int) -> TypedStorage:
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        return self

    def to(self, *, device: Any, non_blocking: bool = False) -> TypedStorage:
        return self._like(self._untyped_storage.to(device=device))

    def cpu(self) -> TypedStorage:
        return self._like(self._untyped_storage.cpu())

    def cuda(self, device: Any = None, non_blocking: bool = False) -> TypedStorage:
        return self._like(self._untyped_storage.cuda(device))

    def _to(self, dtype: Any) -> TypedStorage:
        values = self._values().to(dtype)
        return TypedStorage(wrap_storage=untyped_storage(values), dtype=dtype, _internal=True)

    def __copy__(self) -> TypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict) -> TypedStorage:
        return self._like(self._untyped_storage.__deepcopy__(memo))

    def __reduce__(self) -> Any:
        return _reduce_storage(self)

    def __repr__(self) -> str:
        values = "..." if self.device.type == "meta" else "\n ".join(map(str, self.tolist()))
        kind = f"torch.storage.TypedStorage(dtype={self.dtype}, device={self.device})"
        return f" {values}\n[{kind} of size {len(self)}]"


def _add_conversions() -> None:
    """``storage.float()``, ``storage.long()`` ... one per dtype."""
    names = {
        "double": "float64",
        "float": "float32",
        "half": "float16",
        "bfloat16": "bfloat16",
        "long": "int64",
        "int": "int32",
        "short": "int16",
        "char": "int8",
        "byte": "uint8",
        "bool": "bool",
        "complex_double": "complex128",
        "complex_float": "complex64",
    }
    for method, dtype in names.items():

        def convert(self: TypedStorage, _dtype: str = dtype) -> TypedStorage:
            return self._to(getattr(_rl(), _dtype))

        convert.__name__ = method
        convert.__doc__ = f"A storage with the elements converted to {dtype}."
        setattr(TypedStorage, method, convert)


_add_conversions()


class _LegacyMeta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, TypedStorage) and (
            storage_name_of_dtype(instance.dtype) == cls.__name__
        )


def _legacy_class(name: str) -> type:
    """Class such as ``FloatStorage``: calling it makes a TypedStorage of that dtype."""

    def __new__(cls: type, *args: Any, **kwargs: Any) -> TypedStorage:
        return TypedStorage(*args, dtype=dtype_of_storage_name(name), **kwargs)

    def from_buffer(buffer: Any, *args: Any, **kwargs: Any) -> TypedStorage:
        return TypedStorage.from_buffer(buffer, *args, dtype=dtype_of_storage_name(name), **kwargs)

    def from_file(*args: Any, **kwargs: Any) -> TypedStorage:
        return TypedStorage.from_file(*args, dtype=dtype_of_storage_name(name), **kwargs)

    doc = f"Typed storage of {DTYPE_NAMES[name]}; makes a :class:`TypedStorage`."
    methods = {
        "__new__": __new__,
        "__doc__": doc,
        "__module__": __package__,
        "from_buffer": staticmethod(from_buffer),
        "from_file": staticmethod(from_file),
        "dtype": property(lambda self: dtype_of_storage_name(name)),
    }
    return _LegacyMeta(name, (), methods)


# FloatStorage, LongStorage ...: exported by the package under these names
LEGACY_CLASSES: dict[str, type] = {name: _legacy_class(name) for name in DTYPE_NAMES}
globals().update(LEGACY_CLASSES)


# --- from tensors ---------------------------------------------------------------------------------


def tensor_over(storage: UntypedStorage, dtype: Any, offset: int, size: Any, stride: Any) -> Any:
    """A tensor over the bytes of a storage. The caller has checked that the view lies inside."""
    block = storage._bytes
    tensor = _rl().empty((0,), dtype=dtype, device=block.device)
    _C._set_storage(tensor, block, tuple(size), tuple(stride), offset)
    return tensor


def untyped_storage(tensor: Any) -> UntypedStorage:
    """The storage of a tensor (``Tensor.untyped_storage``)."""
    rl = _rl()
    block = rl.empty((0,), dtype=rl.uint8, device=tensor.device)
    _C._set_storage(block, tensor, (_C._storage_bytes(tensor),), (1,), 0)
    return UntypedStorage._wrap(block)


def typed_storage(tensor: Any) -> TypedStorage:
    """The storage of a tensor with its dtype, without the warning of ``Tensor.storage``."""
    return TypedStorage(
        wrap_storage=untyped_storage(tensor),
        dtype=tensor.dtype,
        _internal=True,
    )


def storage(tensor: Any) -> TypedStorage:
    """The storage of a tensor with its dtype (``Tensor.storage``)."""
    _warn_typed_storage()
    return typed_storage(tensor)


def set_(
    self: Any,
    source: Any = None,
    storage_offset: int = 0,
    size: Any = None,
    stride: Any = None,
) -> Any:
    """Make a tensor look at the memory of another tensor or storage (``Tensor.set_``).

    Args:
        source: tensor, or storage of the same dtype; nothing for an empty tensor.
        storage_offset: first element in the storage.
        size: the new sizes (default: those of the source, or all elements of the storage).
        stride: the new strides (default: contiguous).

    Raises:
        RuntimeError: another dtype, or a view that leaves the storage.
    """
    from ._utils import _check_view

    if source is None:
        source = UntypedStorage(0, device=self.device)
        size = (0,)
    if is_storage(source):
        dtype = getattr(source, "dtype", self.dtype)
        block = source.untyped()
        if size is None:
            size = (block.nbytes() // self.dtype.itemsize - storage_offset,)
    else:
        dtype, block = source.dtype, untyped_storage(source)
        if size is None:
            size, stride = tuple(source.size()), tuple(source.stride())
            storage_offset = source.storage_offset()
    if dtype != self.dtype:
        raise RuntimeError(f"Could not set tensor of type {dtype} to a tensor of type {self.dtype}")
    size = (size,) if isinstance(size, int) else tuple(size)
    if stride is None:
        stride, step = [0] * len(size), 1
        for d in range(len(size) - 1, -1, -1):
            stride[d] = step
            step *= max(size[d], 1)
    try:
        _check_view(block.nbytes(), dtype.itemsize, storage_offset, size, tuple(stride))
    except ValueError as error:
        raise RuntimeError(f"set_: {error}") from None
    _C._set_storage(self, block._bytes, size, tuple(stride), storage_offset)
    return self


def is_storage(obj: Any) -> bool:
    """Whether an object is a storage, typed or not.

    Example:
        >>> import rushlight as torch
        >>> torch.is_storage(torch.zeros(2).untyped_storage())
        True
    """
    return isinstance(obj, (UntypedStorage, TypedStorage))
