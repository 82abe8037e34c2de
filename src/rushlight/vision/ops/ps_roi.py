"""Averages over regions of interest, each bin from channels of its own (https://arxiv.org/abs/1605.06409)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ... import Tensor, from_numpy, stack
from ...nn.modules.module import Module
from .roi_align import _averages, _joined, _patches, _sizes
from .roi_pool import _nearest

__all__ = ["PSRoIAlign", "PSRoIPool", "ps_roi_align", "ps_roi_pool"]


def _own_channels(bins: Tensor, height: int, width: int) -> Tensor:
    """(C, height, width), of (C height width, height, width): each bin from its own channel."""
    parts = bins.view(-1, height, width, height, width)
    return parts.diagonal(dim1=1, dim2=3).diagonal(dim1=1, dim2=2)


def _per_bin(input: Tensor, boxes: Any, output_size: Any) -> tuple[int, int, Iterator]:
    height, width = _sizes(output_size)
    if input.shape[1] % (height * width):
        raise RuntimeError(
            "input channels must be a multiple of pooling height * pooling width: got "
            f"{input.shape[1]} channels for {height} x {width} bins"
        )
    return height, width, _patches(input, boxes)


def _result(results: list[Tensor], input: Tensor, height: int, width: int) -> Tensor:
    if results:
        return stack(results)
    return _joined([], input[:, :: height * width], height, width)


def ps_roi_align(
    input: Tensor,
    boxes: Any,
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """Averages of bilinear samples in a grid of bins over each region, each bin from channels of its own.

    Args:
        input: (N, C height width, H, W).
        boxes, output_size, spatial_scale, sampling_ratio: as of `roi_align`.

    Returns:
        (K, C, height, width)

    Raises:
        AssertionError: for regions of another shape.
        RuntimeError: for another number of channels.

    Example:
        >>> from rushlight.vision.ops import ps_roi_align
        >>> x = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 8, 8)
        >>> ps_roi_align(x, [torch.tensor([[1.0, 1, 5, 5]])], 2)
        tensor([[[[0., 1.],
                  [2., 3.]]]])
    """
    height, width, patches = _per_bin(input, boxes, output_size)
    results = []
    for image, box in patches:
        number = box.dtype.type
        corners = box * number(spatial_scale) - number(0.5)
        sides = []
        for bins, start, end, size in (
            (height, corners[1], corners[3], input.shape[2]),
            (width, corners[0], corners[2], input.shape[3]),
        ):
            samples = sampling_ratio if sampling_ratio > 0 else math.ceil((end - start) / bins)
            sides.append(_averages(start, end - start, bins, samples, size))
        (top, down), (left, across) = sides
        part = image[:, top : top + down.shape[1], left : left + across.shape[1]]
        down, across = (from_numpy(w).to(part.device, part.dtype) for w in (down, across))
        results.append(_own_channels(down @ part @ across.T, height, width))
    return _result(results, input, height, width)


def ps_roi_pool(
    input: Tensor, boxes: Any, output_size: int | Sequence[int], spatial_scale: float = 1.0
) -> Tensor:
    """Averages in a grid of bins of whole pixels over each region, each bin from channels of its own.

    Args:
        input: (N, C height width, H, W).
        boxes, output_size, spatial_scale: as of `roi_pool`.

    Returns:
        (K, C, height, width)

    Raises:
        AssertionError: for regions of another shape.
        RuntimeError: for another number of channels.

    Example:
        >>> from rushlight.vision.ops import ps_roi_pool
        >>> x = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 8, 8)
        >>> ps_roi_pool(x, [torch.tensor([[1.0, 1, 5, 5]])], 2)
        tensor([[[[0., 1.],
                  [2., 3.]]]])
    """
    height, width, patches = _per_bin(input, boxes, output_size)
    results = []
    for image, box in patches:
        number = box.dtype.type
        x1, y1, x2, y2 = (_nearest(v * number(spatial_scale)) for v in box)
        parts = image.view(-1, height, width, *image.shape[1:])
        rows = [_bin(y1, y2, i, height, image.shape[1], number) for i in range(height)]
        columns = [_bin(x1, x2, j, width, image.shape[2], number) for j in range(width)]
        bins = [
            _mean(parts[:, i, j, a:b, c:d])
            for i, (a, b) in enumerate(rows)
            for j, (c, d) in enumerate(columns)
        ]
        results.append(stack(bins, -1).view(-1, height, width))
    return _result(results, input, height, width)


def _bin(start: int, end: int, index: int, bins: int, size: int, number: Any) -> tuple[int, int]:
    length = number(max(end - start, 1)) / number(bins)
    first = math.floor(number(index) * length) + start
    last = math.ceil(number(index + 1) * length) + start
    # The last line of pixels is never part of a bin, as in torchvision's kernel.
    return min(max(first, 0), size - 1), min(max(last, 0), size - 1)


def _mean(values: Tensor) -> Tensor:
    return values.mean((-2, -1)) if values.numel() else values.sum((-2, -1))


class PSRoIAlign(Module):
    """`ps_roi_align` as a layer.

    Args:
        output_size, spatial_scale, sampling_ratio: as of `ps_roi_align`.

    Example:
        >>> from rushlight.vision.ops import PSRoIAlign
        >>> PSRoIAlign(7, 0.25, 2)
        PSRoIAlign(output_size=7, spatial_scale=0.25, sampling_ratio=2)
    """

    def __init__(
        self, output_size: int | Sequence[int], spatial_scale: float, sampling_ratio: int
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Any) -> Tensor:
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio})"
        )


class PSRoIPool(Module):
    """`ps_roi_pool` as a layer.

    Args:
        output_size, spatial_scale: as of `ps_roi_pool`.

    Example:
        >>> from rushlight.vision.ops import PSRoIPool
        >>> PSRoIPool(7, 0.25)
        PSRoIPool(output_size=7, spatial_scale=0.25)
    """

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Any) -> Tensor:
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
