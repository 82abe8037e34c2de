"""Rebuilding tensors from their pickled parts. Files name these functions, so they keep their names."""

from __future__ import annotations

from typing import Any

_MAX = 2**63 - 1
# A view may show its storage's bytes this often (expanded dimensions), or be this small anyway.
_MAX_REPEAT = 64
_SMALL_VIEW = 1 << 20


def _check_ints(what: str, values: Any) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)):
        raise ValueError(f"{what} is {type(values).__name__}, expected a tuple of ints")
    for v in values:
        if type(v) is not int:
            raise ValueError(f"{what} holds {type(v).__name__}, expected ints")
        if v < 0:
            raise ValueError(f"{what} has the negative value {v}")
        if v > _MAX:
            raise ValueError(f"{what} {v} does not fit in 64 bits")
    return tuple(values)


def _repeats_too_often(numel: int, itemsize: int, nbytes: int) -> bool:
    """Whether a view shows the bytes of its storage more often than a file may ask for."""
    return numel * itemsize > max(_MAX_REPEAT * nbytes, _SMALL_VIEW)


def _check_view(nbytes: int, itemsize: int, offset: Any, size: Any, stride: Any) -> int:
    """Whether a view lies inside its storage; returns its number of elements.

    All arithmetic is on Python ints, which do not overflow.

    Raises:
        ValueError: says which part does not fit.
    """
    (offset,) = _check_ints("storage offset", (offset,))
    size, stride = _check_ints("size", size), _check_ints("stride", stride)
    if len(size) != len(stride):
        raise ValueError(f"size {size} and stride {stride} have different lengths")
    if len(size) > 64:
        raise ValueError(f"{len(size)} dimensions, more than 64")
    numel, last = 1, offset
    for n, step in zip(size, stride):
        numel *= n
        last += (n - 1) * step
    if numel == 0:
        # zero-sized views address nothing; the other sizes must still multiply to an int64
        for n in size:
            numel = max(numel, 1) * max(n, 1)
        if numel > _MAX or offset * itemsize > _MAX:
            raise ValueError(f"size {size} overflows 64 bits")
        return 0
    if (last + 1) * itemsize > nbytes:
        raise ValueError(
            f"size {size}, stride {stride} and offset {offset} reach element {last}, the storage "
            f"has {nbytes // itemsize}"
        )
    return numel


def _rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Any:
    """A tensor over a typed storage."""
    from .storage import tensor_over

    dtype, block = storage.dtype, storage._untyped_storage
    _check_view(block.nbytes(), dtype.itemsize, storage_offset, size, stride)
    return tensor_over(block, dtype, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any,
    storage_offset: Any,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    metadata: dict | None = None,
) -> Any:
    """A tensor over a typed storage, with ``requires_grad`` and its conjugate or negative bit."""
    tensor = _rebuild_tensor(storage, storage_offset, size, stride)
    if metadata:
        tensor = _apply_metadata(tensor, metadata)
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _apply_metadata(tensor: Any, metadata: dict) -> Any:
    """Values stored conjugated or negated become plain values in a tensor of its own."""
    if metadata.get("conj"):
        tensor = tensor.conj().resolve_conj()
    if metadata.get("neg"):
        tensor = -tensor
    return tensor


def _rebuild_tensor_v3(
    storage: Any,
    storage_offset: Any,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    dtype: Any,
    metadata: dict | None = None,
) -> Any:
    """As ``_rebuild_tensor_v2`` over an untyped storage, for dtypes without a storage class."""
    from .storage import TypedStorage

    typed = TypedStorage(wrap_storage=storage.untyped(), dtype=dtype, _internal=True)
    return _rebuild_tensor_v2(
        typed, storage_offset, size, stride, requires_grad, backward_hooks, metadata
    )


def _rebuild_meta_tensor_no_storage(dtype: Any, size: Any, stride: Any, requires_grad: bool) -> Any:
    """A meta tensor: shape and dtype only."""
    from . import empty_strided

    size, stride = _check_ints("size", size), _check_ints("stride", stride)
    numel, last = 1, 0
    for n, step in zip(size, stride, strict=True):
        numel *= n
        last += max(n - 1, 0) * step
    if max(numel, last + 1) * dtype.itemsize > _MAX:
        raise ValueError(f"size {size} with stride {stride} overflows 64 bits")
    tensor = empty_strided(size, stride, dtype=dtype, device="meta")
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _rebuild_parameter(data: Any, requires_grad: bool, backward_hooks: Any) -> Any:
    """A Parameter around its values."""
    from .nn.parameter import Parameter

    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Any, requires_grad: bool, backward_hooks: Any, state: Any
) -> Any:
    """A Parameter with the Python attributes it had."""
    return _set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_device_tensor_from_cpu_tensor(
    data: Any, dtype: Any, device: Any, requires_grad: bool
) -> Any:
    """A tensor saved through the CPU by a device without storages; it stays on the CPU here."""
    tensor = data.to(dtype)
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _slot_names(cls: type) -> list[str]:
    from copyreg import _slotnames  # type: ignore[attr-defined]

    return _slotnames(cls)


def _get_obj_state(obj: Any) -> Any:
    """Python attributes of an object as its ``__getstate__`` or default pickling gives them."""
    own = getattr(type(obj), "__getstate__", None)
    if own is not None and own is not getattr(object, "__getstate__", None):
        return own(obj)
    slots = {n: getattr(obj, n) for n in _slot_names(type(obj)) if hasattr(obj, n)}
    state = getattr(obj, "__dict__", None)
    return (state, slots) if slots else state


def _set_obj_state(obj: Any, state: Any) -> Any:
    """Inverse of ``_get_obj_state``; returns the object."""
    if isinstance(state, tuple):
        if len(state) != 2:
            raise RuntimeError(f"Invalid serialized state: {state}")
        attributes, slots = state
    else:
        attributes, slots = state, None
    for part in (attributes, slots):
        for name, value in (part or {}).items():
            setattr(obj, name, value)
    return obj
