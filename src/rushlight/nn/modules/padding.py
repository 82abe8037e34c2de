"""Padding as layers."""

from __future__ import annotations

from .. import functional as F
from .._functional._sizes import _ntuple
from .._package import Tensor
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Module):
    """Shared by all paddings: amounts per side from one number or a tuple."""

    __constants__ = ["padding"]
    _dims: int

    def __init__(self, padding) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._dims)(padding)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")

    def _check_input_dim(self, input) -> None:
        dims = (self._dims + 1, self._dims + 2)
        if input.dim() not in dims:
            raise ValueError(f"expected {dims[0]}D or {dims[1]}D input (got {input.dim()}D input)")


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]

    def __init__(self, padding, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "reflect")


class _ReplicationPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "replicate")


class CircularPad1d(_CircularPadNd):
    """Pad the last dimension with the values from the other end; ``padding`` is one amount or one per side."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """Pad the last two dimensions with the values from the other end; ``padding`` is one amount or one per side."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """Pad the last three dimensions with the values from the other end; ``padding`` is one amount or one per side."""

    _dims = 3


class ConstantPad1d(_ConstantPadNd):
    """Pad the last dimension with a value; ``padding`` is one amount or one per side."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Pad the last two dimensions with a value; ``padding`` is one amount or one per side."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Pad the last three dimensions with a value; ``padding`` is one amount or one per side."""

    _dims = 3


class ReflectionPad1d(_ReflectionPadNd):
    """Pad the last dimension with the values mirrored at the border; ``padding`` is one amount or one per side."""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pad the last two dimensions with the values mirrored at the border; ``padding`` is one amount or one per side."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pad the last three dimensions with the values mirrored at the border; ``padding`` is one amount or one per side."""

    _dims = 3


class ReplicationPad1d(_ReplicationPadNd):
    """Pad the last dimension with the value at the border; ``padding`` is one amount or one per side."""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pad the last two dimensions with the value at the border; ``padding`` is one amount or one per side."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pad the last three dimensions with the value at the border; ``padding`` is one amount or one per side."""

    _dims = 3


class ZeroPad1d(ConstantPad1d):
    """Pad the last dimension with zeros; ``padding`` is one amount or one per side."""

    def __init__(self, padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pad the last two dimensions with zeros; ``padding`` is one amount or one per side."""

    def __init__(self, padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pad the last three dimensions with zeros; ``padding`` is one amount or one per side."""

    def __init__(self, padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"
