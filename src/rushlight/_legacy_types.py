"""Tensor types of old programs: `torch.FloatTensor` and the like, one for each dtype."""

from __future__ import annotations

from typing import Any

from . import _C
from ._legacy_new import legacy_new
from ._tensor import _WORD_DTYPES

Tensor = _C.Tensor


class tensortype(type):  # noqa: N801 - the name that type(torch.FloatTensor) shows
    """The class of tensor types: tells by the dtype which tensors are instances.

    Example:
        >>> import rushlight as torch
        >>> isinstance(torch.zeros(2), torch.FloatTensor), isinstance(torch.zeros(2), torch.LongTensor)
        (True, False)
    """

    __module__ = "torch"
    dtype: _C.dtype
    is_cuda = False
    is_sparse = False
    layout = _C.strided

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, Tensor)
            and instance.dtype == cls.dtype
            and (instance.device.type == "cuda") == cls.is_cuda
        )

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        if cls.is_cuda:
            raise unavailable(cls)
        if device is not None and _C.device(device).type != "cpu":
            raise RuntimeError(
                f"legacy constructor expects device type: cpu but device type: {_C.device(device).type} was passed\n"
                f"torch.{cls.__name__} makes tensors of the CPU: use torch.tensor(data, device=...)"
            )
        return legacy_new(args, cls.dtype, "cpu")

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__name__}'>"


def unavailable(kind: Any) -> TypeError:
    """The error for a tensor type of a device that is not there; `kind` is the type or its name."""
    name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__name__}"
    return TypeError(
        f"type {name} not available. Torch not compiled with CUDA enabled.\n"
        "rushlight found no CUDA device: it runs on the CPU"
    )


def _declare(word: str, dtype: _C.dtype, module: str = "torch") -> tensortype:
    name = word + "Tensor"
    summary = f"Tensors of {dtype}; called with sizes or nested sequences it makes one."
    namespace = {"dtype": dtype, "__module__": module, "__doc__": summary}
    return tensortype(name, (), {**namespace, "is_cuda": module == "torch.cuda"})


_TYPES = {word + "Tensor": _declare(word, dtype) for word, dtype in _WORD_DTYPES.items()}
globals().update(_TYPES)
_CUDA_TYPES: dict[str, tensortype] = {}


def cuda_type(name: str) -> tensortype | None:
    """`torch.cuda.FloatTensor` and the like: they can be named and asked, but make no tensors."""
    if name in _TYPES and name not in _CUDA_TYPES:
        word = name.removesuffix("Tensor")
        _CUDA_TYPES[name] = _declare(word, _WORD_DTYPES[word], "torch.cuda")
    return _CUDA_TYPES.get(name)
