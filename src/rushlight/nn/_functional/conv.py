"""Convolutions, products with weights, and sliding windows as matrices."""

from __future__ import annotations

from .._package import Tensor, ops, rl
from ._native import native
from ._sizes import _pair
from .padding import pad

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
    if input1.dim() != input2.dim():
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}"
        )
    for dim in range(input1.dim() - 1):
        if input1.size(dim) != input2.size(dim):
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {dim}: got "
                f"{input1.size(dim)} and {input2.size(dim)}"
            )
    out, in1, in2 = weight.shape
    for which, x, size in ((1, input1, in1), (2, input2, in2)):
        if x.size(-1) != size:
            raise RuntimeError(
                f"bilinear(): input{which} size does not match weight size: got {x.size(-1)} but "
                f"expected {size}"
            )
    batch = input1.shape[:-1]
    # (B, out, in2)
    left = input1.reshape(-1, in1) @ weight.permute(1, 0, 2).reshape(in1, out * in2)
    result = rl.bmm(left.view(-1, out, in2), input2.reshape(-1, in2, 1)).squeeze(-1)
    if bias is not None:
        result = result + bias
    return result.view(*batch, out)


def _window_sizes(which, size, kernel, dilation, padding, stride):
    """Number of windows per dimension; RuntimeError if there is none."""
    for what, values in (("kernel size", kernel), ("dilation", dilation), ("stride", stride)):
        if min(values) <= 0:
            raise RuntimeError(
                f"{what} should be greater than zero, but got {what.split()[0]}_height: "
                f"{values[0]} {what.split()[0]}_width: {values[1]}"
            )
    counts = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride)
    )
    if min(counts) < 1:
        raise RuntimeError(
            f"Given {which} with spatial size {tuple(size)}, kernel_size={kernel}, "
            f"dilation={dilation}, padding={padding}, calculated shape of the array of sliding "
            f"blocks as {counts}, but its components must be at least one."
        )
    return counts


def unfold(input: Tensor, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """Sliding windows as columns: (N, C, H, W) to (N, C * kernel area, number of windows)."""
    if input.dim() not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    if input.dim() == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    kernel, dilation, padding, stride = map(_pair, (kernel_size, dilation, padding, stride))
    _window_sizes("input", input.shape[2:], kernel, dilation, padding, stride)
    if any(padding):
        input = pad(input, (padding[1], padding[1], padding[0], padding[0]))
    for dim in (2, 3):
        k, d, s = (values[dim - 2] for values in (kernel, dilation, stride))
        input = input.unfold(dim, d * (k - 1) + 1, s)
        if d > 1:
            input = input[..., ::d]
    batch, channels = input.shape[:2]
    # (N, C, oh, ow, kh, kw)
    columns = input.permute(0, 1, 4, 5, 2, 3)
    return columns.reshape(batch, channels * kernel[0] * kernel[1], -1)


def fold(input: Tensor, output_size, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """The sum of the windows that ``unfold`` took apart: (N, C * kernel area, L) to (N, C, H, W)."""
    if input.dim() not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    if input.dim() == 2:
        batched = fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride)
        return batched.squeeze(0)
    output_size, kernel, dilation, padding, stride = map(
        _pair, (output_size, kernel_size, dilation, padding, stride)
    )
    batch, rows, columns = input.shape
    area = kernel[0] * kernel[1]
    if rows % area != 0:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={rows} and kernel_size={kernel}."
        )
    counts = _window_sizes("output", output_size, kernel, dilation, padding, stride)
    if columns != counts[0] * counts[1]:
        raise RuntimeError(
            f"Given output_size={output_size}, kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, stride={stride}, expected size of input's dimension 2 to match "
            f"the calculated number of sliding blocks {counts[0]} * {counts[1]} = "
            f"{counts[0] * counts[1]}, but got input.size(2)={columns}."
        )
    height, width = (n + 2 * p for n, p in zip(output_size, padding))

    def positions(dim):  # (kernel, windows): where each kernel element of each window lies
        k = rl.arange(kernel[dim], device=input.device) * dilation[dim]
        w = rl.arange(counts[dim], device=input.device) * stride[dim]
        return k.unsqueeze(1) + w

    # (kh, kw, oh, ow)
    index = positions(0)[:, None, :, None] * width + positions(1)[None, :, None, :]
    channels = rows // area
    flat = input.reshape(batch * channels, area * columns)
    output = flat.new_zeros((batch * channels, height * width)).index_add(
        1, index.reshape(-1), flat
    )
    output = output.view(batch, channels, height, width)
    for dim in (2, 3):
        if padding[dim - 2]:
            output = output.narrow(dim, padding[dim - 2], output_size[dim - 2])
    return output.contiguous()
