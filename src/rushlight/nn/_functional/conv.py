"""Convolutions, products with weights, and sliding windows as matrices."""

from __future__ import annotations

from .._package import Tensor, ops, rl
from ._native import native
from ._sizes import _pair

linear = native("linear")
conv1d = native("conv1d")
conv2d = native("conv2d")
conv3d = native("conv3d")
conv_transpose1d = native("conv_transpose1d")
conv_transpose2d = native("conv_transpose2d")
conv_transpose3d = native("conv_transpose3d")


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """conv1d over (T, N, C) with weight (K, C_in, C_out)."""
    if input.dim() != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.dim() != 3:
        raise RuntimeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
        )
    if bias.dim() != 1:
        raise RuntimeError("Bias must be 1-D")
    output = ops.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad)
    return output.permute(2, 0, 1)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1 @ weight[o] @ input2 for each output feature o, plus the bias.

    Args:
        input1, input2 (Tensor): (*, in1) and (*, in2).
        weight (Tensor): (out, in1, in2).
        bias (Tensor, optional): (out,).
    """
    return rl.bilinear(input1, input2, weight, bias)


def unfold(input: Tensor, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """Sliding windows as columns: (N, C, H, W) to (N, C * kernel area, number of windows)."""
    return ops.im2col(input, *map(_pair, (kernel_size, dilation, padding, stride)))


def fold(input: Tensor, output_size, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """The sum of the windows that ``unfold`` took apart: (N, C * kernel area, L) to (N, C, H, W)."""
    sizes = map(_pair, (output_size, kernel_size, dilation, padding, stride))
    return ops.col2im(input, *sizes)
