"""What the old constructors, `Tensor(...)`, `FloatTensor(...)` and `x.new(...)`, make of their arguments."""

from __future__ import annotations

from typing import Any

from . import _C

Tensor = _C.Tensor


def legacy_new(args: tuple, dtype: _C.dtype, device: Any = None, any_dtype: bool = False) -> Tensor:
    """A tensor from sizes (not initialised), nested sequences, a storage, or another tensor, which it then views.

    Args:
        args: the positional arguments.
        dtype: of the result.
        device: of the result; default: the default device.
        any_dtype: a tensor of another dtype is taken as it is, as `Tensor` does; otherwise it is refused.

    Raises:
        TypeError: the arguments are nothing of all this.
    """
    first = args[0] if args else ()
    if len(args) == 1 and not _is_number(first):
        if isinstance(first, Tensor):
            if first.dtype != dtype and not any_dtype:
                raise TypeError(
                    f"expected a tensor of {dtype}, got {first.dtype}; convert it by .to({dtype})"
                )
            with _C.DisableTorchFunctionSubclass():
                return _C.ops.alias(first)
        if hasattr(first, "nbytes") and hasattr(first, "_cdata"):
            return _of_storage(first, dtype)
        if not isinstance(first, _C.Size):
            return _of_data(first, dtype, device)
    sizes = tuple(first) if isinstance(first, _C.Size) else args or (0,)
    if not all(_is_number(s) or isinstance(s, Tensor) and not s.dim() for s in sizes):
        words = ", ".join(type(a).__name__ for a in args)
        raise TypeError(
            f"new() received an invalid combination of arguments - got ({words}), but expected sizes, "
            "or one sequence of numbers, tensor or storage"
        )
    return _C.ops.empty(tuple(int(s) for s in sizes), dtype=dtype, device=device)


def _is_number(value: Any) -> bool:
    """Is it a whole number, numpy's included?"""
    if isinstance(value, (bool, Tensor)) or hasattr(value, "__len__"):
        return False
    return hasattr(value, "__index__")


def _of_data(data: Any, dtype: _C.dtype, device: Any) -> Tensor:
    from .ops.creation import tensor

    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if not hasattr(data, "__len__") and not hasattr(data, "__array_interface__"):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    return tensor(data, dtype=dtype, device=device)


def _of_storage(storage: Any, dtype: _C.dtype) -> Tensor:
    from ._tensor import _TYPE_WORDS

    held = getattr(storage, "dtype", dtype)
    if held != dtype:
        wanted, got = (_TYPE_WORDS[str(d).removeprefix("torch.")] for d in (dtype, held))
        raise RuntimeError(
            f"Expected a Storage of type {wanted} or an UntypedStorage, but got type {got} for argument 1 'storage'"
        )
    count = storage.nbytes() // dtype.itemsize
    out = _C.ops.empty((0,), dtype=dtype, device=storage.device)
    return out.set_(storage, 0, (count,), (1,))
