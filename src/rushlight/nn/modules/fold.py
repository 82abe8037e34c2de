"""Sliding windows as layers."""

from __future__ import annotations

from .. import functional as F
from .._package import Tensor
from .module import Module

__all__ = ["Fold", "Unfold"]


class _Windows(Module):
    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.__constants__)


class Fold(_Windows):
    """The sum of windows: (N, C * kernel area, L) to (N, C, H, W).

    Args:
        output_size: (H, W).
        kernel_size, dilation, padding, stride: of the windows, one number or two.
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )


class Unfold(_Windows):
    """Windows as columns: (N, C, H, W) to (N, C * kernel area, L).

    Args:
        kernel_size, dilation, padding, stride: of the windows, one number or two.
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)
