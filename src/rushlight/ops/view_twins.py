"""Views in place: the tensor itself becomes another window on its memory."""

from __future__ import annotations

from typing import Any

from .. import _C
from ._registry import function, method

Tensor = _C.Tensor


def _become(self: Tensor, view: Any, args: tuple, node: str) -> Tensor:
    _C._check_view_in_place(self)
    return _C._adopt_view(self, view(self, *args), node)


@method
def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """`squeeze` in place: drop the dimensions of size 1, or those named where their size is 1."""
    if dim is None:
        return _become(self, _C.ops.squeeze, (), "SqueezeBackward3")
    node = "SqueezeBackward5" if isinstance(dim, (tuple, list)) else "SqueezeBackward4"
    return _become(self, _C.ops.squeeze, (dim,), node)


@method
def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """`unsqueeze` in place: insert a dimension of size 1."""
    return _become(self, _C.ops.unsqueeze, (dim,), "UnsqueezeBackward1")


@method
def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose` in place: swap two dimensions."""
    return _become(self, _C.ops.transpose, (dim0, dim1), "TransposeBackward1")


@method
def swapdims_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Another name of `transpose_`."""
    return transpose_(self, dim0, dim1)


@method
def swapaxes_(self: Tensor, axis0: int, axis1: int) -> Tensor:
    """Another name of `transpose_`."""
    return transpose_(self, axis0, axis1)


@method
def t_(self: Tensor) -> Tensor:
    """`t` in place: transpose a matrix."""
    _C._check_view_in_place(self)
    if self.dim() > 2:
        raise RuntimeError(
            f"t_() expects a tensor with <= 2 dimensions, but self is {self.dim()}D\n"
            "use transpose_(dim0, dim1)"
        )
    return _become(self, _C.ops.t, (), "TBackward1")


@method
@function
def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """`as_strided` in place: show the memory with other sizes, strides and, if given, another start."""
    return _become(self, _C.ops.as_strided, (size, stride, storage_offset), "AsStridedBackward1")
