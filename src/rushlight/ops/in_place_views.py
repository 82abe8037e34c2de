"""Views that take the place of their tensor: `x.squeeze_()` and its like change sizes and strides, no data."""

from __future__ import annotations

from .. import _C
from ._registry import function, method

Tensor = _C.Tensor
_become = _C._take_geometry


@method
def unsqueeze_(input: Tensor, dim: int) -> Tensor:
    """In-place `unsqueeze`."""
    return _become(input, input.unsqueeze(dim))


@method
def squeeze_(input: Tensor, *args, **kwargs) -> Tensor:
    """In-place `squeeze`."""
    return _become(input, input.squeeze(*args, **kwargs))


@method
def t_(input: Tensor) -> Tensor:
    """In-place `t`."""
    return _become(input, input.t())


@method
def transpose_(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """In-place `transpose`."""
    return _become(input, input.transpose(dim0, dim1))


@method
def swapaxes_(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """In-place `swapaxes`."""
    return _become(input, input.transpose(axis0, axis1))


@method
def swapdims_(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """In-place `swapdims`."""
    return _become(input, input.transpose(dim0, dim1))


@method
@function
def as_strided_(input: Tensor, size, stride, storage_offset: int | None = None) -> Tensor:
    """In-place `as_strided`."""
    return _become(input, input.as_strided(size, stride, storage_offset))
