"""Convolution whose kernel's points move (https://arxiv.org/abs/1703.06211, with a mask https://arxiv.org/abs/1811.11168)."""

from __future__ import annotations

import math

from ... import Tensor, arange, empty, int64, nn
from ...nn.modules.module import Module
from ...nn.parameter import Parameter

__all__ = ["DeformConv2d", "deform_conv2d"]

_Pair = int | tuple[int, int]


def _pair(value: _Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _sampled(planes: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """`planes` (B, C, H, W) at the points (B, P), between pixels bilinearly, 0 outside: (B, C, P)."""
    batch, channels, height, width = planes.shape
    flat = planes.flatten(2)
    top, left = y.floor(), x.floor()
    total = None
    for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, across in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            index = place.to(int64).unsqueeze(1).expand(batch, channels, -1)
            share = (down * across * inside).unsqueeze(1)
            part = flat.gather(2, index) * share
            total = part if total is None else total + part
    assert total is not None
    return total


def _check_shapes(
    offset: Tensor, mask: Tensor | None, sizes: tuple[int, int, int, int, int], channels: int
) -> None:
    count, groups, points, rows, columns = sizes
    if groups == 0:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of 2 * weight.size[2] "
            f"* weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, while 2 * weight.size[2] * weight.size[3]={2 * points}"
        )
    if tuple(offset.shape) != (count, 2 * groups * points, rows, columns) or channels % groups:
        raise RuntimeError(
            f"offset: got a shape of {tuple(offset.shape)}, expected {(count, 2 * groups * points, rows, columns)}, "
            f"with a number of groups that divides {channels} channels"
        )
    if mask is not None and tuple(mask.shape) != (count, groups * points, rows, columns):
        raise RuntimeError(
            f"mask: got a shape of {tuple(mask.shape)}, expected {(count, groups * points, rows, columns)}"
        )


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """A convolution that reads its input at points moved by `offset`, each weighted by `mask`.

    Args:
        input: (N, C, H, W).
        offset: (N, 2 G kh kw, H', W'), by groups G of channels and points of the kernel: (down, right), in pixels.
        weight: (M, C / groups, kh, kw). bias: (M,).
        stride, padding, dilation: as of `nn.functional.conv2d`.
        mask: (N, G kh kw, H', W'); None: ones.

    Returns:
        (N, M, H', W')

    Raises:
        RuntimeError: for shapes that do not fit.

    Example:
        >>> from rushlight.vision.ops import deform_conv2d
        >>> x, right = torch.arange(4.0).view(1, 1, 1, 4), torch.tensor([0.0, 0.5]).view(1, 2, 1, 1)
        >>> deform_conv2d(x, right.expand(1, 2, 1, 4), torch.ones(1, 1, 1, 1)).flatten()
        tensor([0.5000, 1.5000, 2.5000, 1.5000])
    """
    count, channels, height, width = input.shape
    outputs, per_group, kernel_height, kernel_width = weight.shape
    points = kernel_height * kernel_width
    (dy, dx), (py, px), (sy, sx) = _pair(dilation), _pair(padding), _pair(stride)
    rows = (height + 2 * py - dy * (kernel_height - 1) - 1) // sy + 1
    columns = (width + 2 * px - dx * (kernel_width - 1) - 1) // sx + 1
    groups = offset.shape[1] // (2 * points)
    _check_shapes(offset, mask, (count, groups, points, rows, columns), channels)
    like = {"device": input.device, "dtype": offset.dtype}
    moves = offset.reshape(count * groups, kernel_height, kernel_width, 2, rows, columns)
    y = moves[:, :, :, 0] + (arange(rows, **like) * sy - py)[:, None]
    y = y + (arange(kernel_height, **like) * dy)[:, None, None, None]
    x = moves[:, :, :, 1] + (arange(columns, **like) * sx - px)
    x = x + (arange(kernel_width, **like) * dx)[:, None, None]
    planes = input.reshape(count * groups, channels // groups, height, width)
    values = _sampled(planes, y.flatten(1), x.flatten(1))
    values = values.view(count, groups, channels // groups, points, rows * columns)
    if mask is not None:
        values = values * mask.view(count, groups, 1, points, rows * columns)
    weight_groups = channels // per_group
    taps = values.reshape(count, weight_groups, per_group * points, rows * columns)
    kernels = weight.reshape(weight_groups, outputs // weight_groups, per_group * points)
    result = (kernels @ taps).reshape(count, outputs, rows, columns)
    return result if bias is None else result + bias.view(1, -1, 1, 1)


class DeformConv2d(Module):
    """`deform_conv2d` as a layer.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias: as of `nn.Conv2d`.

    Raises:
        ValueError: the channels are no multiples of `groups`.

    Example:
        >>> from rushlight.vision.ops import DeformConv2d
        >>> layer = DeformConv2d(3, 4, 3, padding=1)
        >>> layer(torch.zeros(1, 3, 5, 5), torch.zeros(1, 18, 5, 5)).shape
        torch.Size([1, 4, 5, 5])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Pair,
        stride: _Pair = 1,
        padding: _Pair = 0,
        dilation: _Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        self.weight = Parameter(empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = Parameter(empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        return deform_conv2d(
            input,
            offset,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            mask=mask,
        )

    def __repr__(self) -> str:
        shown = [f"{self.in_channels}", f"{self.out_channels}"]
        shown += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        shown += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        shown += [f"dilation={self.dilation}"] if self.dilation != (1, 1) else []
        shown += [f"groups={self.groups}"] if self.groups != 1 else []
        shown += ["bias=False"] if self.bias is None else []
        return f"{type(self).__name__}({', '.join(shown)})"
