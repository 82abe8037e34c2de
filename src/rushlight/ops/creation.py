"""Tensors from Python data, numpy arrays and other libraries' memory."""

from __future__ import annotations

from typing import Any

from .. import _C
from .._notes import noted
from ._registry import function

Tensor = _C.Tensor

# array.typestr without byte order -> dtype, and back.
_FROM_TYPESTR = {
    "b1": _C.bool,
    "u1": _C.uint8,
    "u2": _C.uint16,
    "u4": _C.uint32,
    "u8": _C.uint64,
    "i1": _C.int8,
    "i2": _C.int16,
    "i4": _C.int32,
    "i8": _C.int64,
    "f2": _C.float16,
    "f4": _C.float32,
    "f8": _C.float64,
    "c8": _C.complex64,
    "c16": _C.complex128,
}
TYPESTR = {dtype: code for code, dtype in _FROM_TYPESTR.items()}


def _from_array(array: Any, writable_warning: bool = True) -> Tensor:
    interface = array.__array_interface__
    typestr = interface["typestr"]
    dtype = _FROM_TYPESTR.get(typestr[1:])
    if dtype is None or typestr[0] == ">":
        raise TypeError(
            f"can't convert np.ndarray of type {array.dtype}. The only supported types are: "
            "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    address, readonly = interface["data"]
    shape = tuple(interface["shape"])
    itemsize = dtype.itemsize
    strides = interface.get("strides")
    if strides is None:
        strides, step = [], itemsize
        for n in reversed(shape):
            strides.insert(0, step)
            step *= max(n, 1)
    if any(s < 0 for s in strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array "
            " with array.copy().) "
        )
    if any(s % itemsize for s in strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to "
            "reallocate the memory."
        )
    if readonly and writable_warning:
        import warnings

        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means "
            "writing to this tensor will result in undefined behavior. You may want to copy the array to protect its "
            "data or make it writable before converting it to a tensor.",
            UserWarning,
            stacklevel=3,
        )
    elements = [s // itemsize for s in strides]
    if 0 in shape:
        extent = 0
    else:
        extent = (1 + sum((n - 1) * s for n, s in zip(shape, elements))) * itemsize
    return _C._from_address(address, extent, shape, tuple(elements), dtype, array)


@function
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the memory of a numpy array.

    Args:
        ndarray: array of a supported dtype with non-negative strides.

    Returns:
        Tensor of the same shape and dtype; changes of one are seen in the other.

    Example:
        >>> import numpy, rushlight as torch
        >>> torch.from_numpy(numpy.arange(3.0))
        tensor([0., 1., 2.], dtype=torch.float64)
    """
    if not hasattr(ndarray, "__array_interface__") or not hasattr(ndarray, "dtype"):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return _from_array(ndarray)


_TEXT = "a tensor holds numbers: convert the text first, e.g. by [float(word) for word in words]"


def _infer(data: Any) -> _C.dtype | None:
    """The dtype of nested Python data: bool < int < float < complex, or None for no element."""
    if isinstance(data, Tensor):
        return data.dtype
    if isinstance(data, bool):
        return _C.bool
    if isinstance(data, int):
        return _C.int64
    # numpy.float64 and numpy.complex128 are floats and complex numbers, but keep their dtype.
    if isinstance(data, (float, complex)) and not hasattr(data, "__array_interface__"):
        dtype = _C.get_default_dtype()
        return dtype if isinstance(data, float) else dtype.to_complex()
    interface = getattr(data, "__array_interface__", None)
    if interface is not None:
        found = _FROM_TYPESTR.get(interface["typestr"][1:])
        if found is None:
            raise TypeError(
                f"can't convert np.ndarray of type {getattr(data, 'dtype', type(data).__name__)}. The only supported types are: "
                "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
            )
        return found
    if isinstance(data, str):
        raise noted(TypeError("new(): invalid data type 'str'"), _TEXT)
    if isinstance(data, bytes):
        raise TypeError("new(): invalid data type 'bytes'")
    if isinstance(data, (dict, set)) or not hasattr(data, "__len__"):
        if hasattr(data, "__index__"):
            return _C.int64
        if hasattr(data, "__float__"):
            return _C.get_default_dtype()
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    result = None
    for item in data:
        found = _infer(item)
        if found is not None:
            result = found if result is None else _C.promote_types(result, found)
    return result


def _shape_of(data: Any) -> list[int]:
    shape: list = []
    while not isinstance(data, (str, bytes)) and hasattr(data, "__len__"):
        if isinstance(data, Tensor) or hasattr(data, "__array_interface__"):
            return shape + list(data.shape)
        shape.append(len(data))
        if not len(data):
            break
        if not isinstance(data, (list, tuple)) and not hasattr(data, "__getitem__"):
            break
        data = data[0]
    return shape


def _flatten(data: Any, shape: list[int], depth: int, out: list) -> None:
    if depth == len(shape):
        if isinstance(data, (list, tuple)):
            raise noted(
                TypeError(f"'{type(data).__name__}' object cannot be interpreted as an integer"),
                f"dimension {depth - 1} holds numbers and sequences: a tensor's rows are of one length",
            )
        if isinstance(data, Tensor):
            _C._warn_scalar_of_graph(data)
        out.append(
            data.item()
            if isinstance(data, Tensor) or hasattr(data, "__array_interface__")
            else data
        )
        return
    if isinstance(data, Tensor):
        _C._warn_scalar_of_graph(data)
    if isinstance(data, Tensor) or hasattr(data, "__array_interface__"):
        data = data.tolist()
    if not hasattr(data, "__len__"):
        raise noted(
            TypeError("not a sequence"),
            f"expected a sequence of length {shape[depth]} at dim {depth}, got {data!r:.40}",
        )
    if len(data) != shape[depth]:
        raise noted(
            ValueError(
                f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
            ),
            f"the first one there has length {shape[depth]}, this one {len(data)}: {data!r:.40}; "
            "pad them to one length, e.g. with torch.nn.utils.rnn.pad_sequence",
        )
    for item in data:
        _flatten(item, shape, depth + 1, out)


_CODES = {
    _C.bool: "?",
    _C.uint8: "B",
    _C.int8: "b",
    _C.int16: "h",
    _C.int32: "i",
    _C.int64: "q",
    _C.uint16: "H",
    _C.uint32: "I",
    _C.uint64: "Q",
    _C.float32: "f",
    _C.float64: "d",
}


_CPU = _C.device("cpu")


def _from_sequence(data: Any, dtype: _C.dtype | None) -> Tensor:
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    if isinstance(first, str) and first is not data:
        raise noted(
            ValueError("too many dimensions 'str'"), f"the first element is {first!r:.40}: {_TEXT}"
        )
    wanted = dtype or _infer(data) or _C.get_default_dtype()
    shape = _shape_of(data)
    values: list = []
    _flatten(data, shape, 0, values)
    # On the CPU whatever the default device: the values are written into its memory.
    out = _C.ops.empty(tuple(shape), dtype=wanted, device=_CPU)
    if not values:
        return out
    if wanted.is_complex:
        pairs = [part for v in values for part in (complex(v).real, complex(v).imag)]
        _write(out, pairs, "d" if wanted is _C.complex128 else "f")
    elif wanted in (_C.float16, _C.bfloat16):
        full = _C.ops.empty(tuple(shape), dtype=_C.float32, device=_CPU)
        _write(full, [float(v) for v in values], "f")
        out = _C.ops._to_copy(full, dtype=wanted)
    elif wanted is _C.bool:
        _write(out, [bool(v) for v in values], "?")
    elif wanted.is_floating_point:
        if wanted is _C.float32:
            values = [_to_float32(v) for v in values]
        _write(out, values, _CODES[wanted])
    else:
        _write(out, _integers(values, wanted), _CODES[wanted])
    return out


def _integers(values: list, dtype: _C.dtype) -> list[int]:
    numbers = [_to_int(v) for v in values]
    if dtype is _C.uint64:
        if min(numbers) < 0:
            raise OverflowError("can't convert negative int to unsigned")
        if max(numbers) >= 1 << 64:
            raise OverflowError("int too big to convert")
    elif min(numbers) < -(1 << 63) or max(numbers) >= 1 << 63:
        raise ValueError("Overflow when unpacking long long")
    elif not dtype.is_signed:  # negative numbers wrap around once, as in PyTorch
        span = 1 << 8 * dtype.itemsize
        numbers = [v + span if -span < v < 0 else v for v in numbers]
    return numbers


def _to_float32(value: Any) -> float:
    value = float(value)
    if -3.4028235677973366e38 < value < 3.4028235677973366e38:
        return value
    return value if value != value else (float("inf") if value > 0 else float("-inf"))


def _to_int(value: Any) -> int:
    if isinstance(value, complex):
        raise RuntimeError("value cannot be converted to type int64_t without overflow")
    return int(value)


def _write(out: Tensor, values: list, code: str) -> None:
    import struct

    buffer = memoryview(_C._storage_buffer(out)).cast("B")
    try:
        struct.pack_into(f"{len(values)}{code}", buffer, 0, *values)
    except struct.error as error:
        raise RuntimeError(
            f"value cannot be converted to type {str(out.dtype).rpartition('.')[2]} without overflow"
        ) from error


def _placed(out: Tensor, device: Any) -> Tensor:
    """`out` on the wanted device; for None on the default one where that is not the CPU."""
    if device is None:
        device = _C._get_default_device()
        if device.type == "cpu":
            return out
    return out.to(device)


@function
def tensor(
    data: Any, *, dtype=None, device=None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of the data and no history.

    Args:
        data: number, nested sequences of numbers, numpy array or scalar, or a tensor.
        dtype: element type; default: inferred from the data.
        device: where to put it; default: the current default device.
        requires_grad: record operations on the result. Default: False.
        pin_memory: accepted; memory of the CPU needs no pinning here.

    Returns:
        Tensor of the shape of the data.

    Example:
        >>> import rushlight as torch
        >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        tensor([[1., 2.],
                [3., 4.]])
    """
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        out = _C.ops._to_copy(data.detach(), dtype=dtype)
    else:
        interface = getattr(data, "__array_interface__", None)
        if interface is not None and hasattr(data, "dtype"):
            source = data if hasattr(data, "strides") and data.shape else None
            if source is None:
                out = _from_sequence(
                    data.item() if not hasattr(data, "shape") or not data.shape else data,
                    dtype or _infer(data),
                )
            else:
                if any(s < 0 for s in data.strides) or interface["typestr"][0] == ">":
                    source = (
                        data.copy()
                        if interface["typestr"][0] != ">"
                        else data.astype(data.dtype.newbyteorder("="))
                    )
                out = _C.ops._to_copy(
                    _from_array(source, False), dtype=dtype, memory_format=_C.contiguous_format
                )
        else:
            out = _from_sequence(data, dtype)
    out = _placed(out, device)
    if requires_grad:
        if not (out.is_floating_point() or out.is_complex()):
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        out.requires_grad = True
    return out


@function
def as_tensor(data: Any, dtype=None, device=None) -> Tensor:
    """The data as a tensor, without a copy where that is possible.

    Args:
        data: tensor, numpy array, or whatever `tensor()` takes.
        dtype: wanted element type; default: that of the data.
        device: wanted device; default: that of the data.

    Returns:
        `data` itself, a tensor on the array's memory, or a new tensor.

    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(2)
        >>> torch.as_tensor(x) is x
        True
    """
    if isinstance(data, Tensor):
        out = data
    elif (
        hasattr(data, "__array_interface__")
        and hasattr(data, "strides")
        and getattr(data, "shape", ()) != ()
    ):
        out = _from_array(data)
    elif hasattr(data, "__dlpack__") and not hasattr(data, "__array_interface__"):
        out = from_dlpack(data)
    else:
        return tensor(data, dtype=dtype, device=device)
    out = _placed(out, device)
    return out if dtype is None else out.to(dtype)


@function
def asarray(obj: Any, *, dtype=None, device=None, copy=None, requires_grad: bool = False) -> Tensor:
    """The object as a tensor; `copy` says whether memory may be shared.

    Args:
        obj: tensor, numpy array, buffer, number or nested sequence.
        dtype: wanted element type.
        device: wanted device.
        copy: True always copies, False never (an error if needed), None only where needed.
        requires_grad: record operations on the result.

    Returns:
        Tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.asarray([1, 2])
        tensor([1, 2])
    """
    out = as_tensor(obj, dtype=dtype, device=device)
    shared = isinstance(obj, Tensor) or hasattr(obj, "__array_interface__")
    if copy is False and not shared:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    if copy and shared:
        out = out.detach().clone()
    if requires_grad:
        out = out.detach().requires_grad_(True)
    return out


@function
def frombuffer(
    buffer: Any, *, dtype, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-D tensor on the memory of a Python buffer.

    Args:
        buffer: object with the buffer protocol.
        dtype: element type of the result.
        count: number of elements; -1 for all that fit. Default: -1.
        offset: bytes to skip at the start. Default: 0.
        requires_grad: record operations on the result.

    Returns:
        Tensor of shape (count,).

    Example:
        >>> import rushlight as torch
        >>> torch.frombuffer(bytearray([1, 2, 3]), dtype=torch.uint8)
        tensor([1, 2, 3], dtype=torch.uint8)
    """
    import numpy

    view = memoryview(buffer).cast("B")
    size = view.nbytes
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) minus 1"
        )
    available = size - offset
    if count < 0:
        if available % dtype.itemsize:
            raise ValueError(
                f"buffer length ({available} bytes) after offset ({offset} bytes) must be a multiple of element size ({dtype.itemsize})"
            )
        count = available // dtype.itemsize
    if count * dtype.itemsize > available:
        raise ValueError(
            f"requested buffer length ({count} * {dtype.itemsize} bytes) after offset ({offset} bytes) must not be "
            f"greater than actual buffer length ({size} bytes)"
        )
    raw = numpy.frombuffer(buffer, dtype=numpy.uint8, count=count * dtype.itemsize, offset=offset)
    out = _from_array(raw).view(dtype)
    if requires_grad:
        out.requires_grad_(True)
    return out


@function
def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of another library's array, by the DLPack protocol.

    Args:
        ext_tensor: object with `__dlpack__`, on the CPU.

    Returns:
        Tensor that shares the memory.

    Example:
        >>> import rushlight as torch
        >>> torch.from_dlpack(torch.ones(2))
        tensor([1., 1.])
    """
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    import numpy

    return _from_array(numpy.from_dlpack(ext_tensor), False)
