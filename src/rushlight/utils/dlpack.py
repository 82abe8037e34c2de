"""Memory shared with other libraries by the DLPack protocol."""

from __future__ import annotations

from typing import Any

from .. import _C
from .. import from_dlpack as _from_object

__all__ = ["from_dlpack", "to_dlpack"]


class _Holder:
    """A capsule as an object of the protocol."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # DLPack's number of the CPU


def to_dlpack(tensor: _C.Tensor) -> Any:
    """A capsule that hands the memory of a tensor to another library, once.

    Example:
        >>> import rushlight as torch
        >>> type(torch.utils.dlpack.to_dlpack(torch.ones(2))).__name__
        'PyCapsule'
    """
    return tensor.__dlpack__()


def from_dlpack(ext_tensor: Any) -> _C.Tensor:
    """A tensor on the memory of another library's array.

    Args:
        ext_tensor: an object with `__dlpack__`, or the capsule that it gives.

    Example:
        >>> import rushlight as torch
        >>> torch.utils.dlpack.from_dlpack(torch.to_dlpack(torch.ones(2)))
        tensor([1., 1.])
    """
    return _from_object(ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Holder(ext_tensor))
