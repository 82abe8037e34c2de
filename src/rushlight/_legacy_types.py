"""Tensor types of old programs: `torch.FloatTensor` and the like, one for each dtype."""

from __future__ import annotations

from typing import Any

from . import _C
from ._tensor import _WORD_DTYPES

Tensor = _C.Tensor


class tensortype(type):  # noqa: N801 - the name that type(torch.FloatTensor) shows
    """The class of tensor types: tells by the dtype which tensors are instances.

    Example:
        >>> import rushlight as torch
        >>> isinstance(torch.zeros(2), torch.FloatTensor), isinstance(torch.zeros(2), torch.LongTensor)
        (True, False)
    """

    dtype: _C.dtype
    is_cuda = False
    is_sparse = False
    layout = _C.strided

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        return make(cls, args, device)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def make(kind: tensortype, args: tuple[Any, ...], device: Any = None) -> Tensor:
    """A tensor from sizes (not initialised), from nested sequences, or from a tensor of that dtype."""
    from . import tensor

    ops = _C.ops
    if not args:
        return ops.empty([0], dtype=kind.dtype, device=device)
    first = args[0]
    if len(args) > 1 or (isinstance(first, int) and not isinstance(first, bool)):
        return ops.empty(list(args), dtype=kind.dtype, device=device)
    if isinstance(first, _C.Size):
        return ops.empty(list(first), dtype=kind.dtype, device=device)
    if isinstance(first, Tensor):
        if first.dtype != kind.dtype:
            raise TypeError(
                f"expected a tensor of {kind.dtype}, got {first.dtype}; "
                f"convert it by .to({kind.dtype})"
            )
        return first.detach()
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    if not hasattr(first, "__len__") and not hasattr(first, "__array__"):
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    return tensor(first, dtype=kind.dtype, device=device)


def _declare(word: str, dtype: _C.dtype) -> tensortype:
    name = word + "Tensor"
    summary = f"Tensors of {dtype}; called with sizes or nested sequences it makes one."
    return tensortype(name, (), {"dtype": dtype, "__module__": "torch", "__doc__": summary})


globals().update({word + "Tensor": _declare(word, dtype) for word, dtype in _WORD_DTYPES.items()})
