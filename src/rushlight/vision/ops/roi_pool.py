"""The largest values in each of a grid of bins over regions of interest, given as for `roi_align`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import Tensor, stack
from ...nn.modules.module import Module
from .roi_align import _joined, _patches, _sizes

__all__ = ["RoIPool", "roi_pool"]


def roi_pool(
    input: Tensor, boxes: Any, output_size: int | Sequence[int], spatial_scale: float = 1.0
) -> Tensor:
    """The largest value in each of a grid of bins of whole pixels over each region; 0 in empty bins.

    Args:
        input: (N, C, H, W).
        boxes: the regions.
        output_size: (height, width), number of bins.
        spatial_scale: from the boxes' units to the input's pixels.

    Returns:
        (K, C, height, width)

    Raises:
        AssertionError: for regions of another shape.

    Example:
        >>> from rushlight.vision.ops import roi_pool
        >>> x = torch.arange(16.0).view(1, 1, 4, 4)
        >>> roi_pool(x, [torch.tensor([[0.0, 0, 3, 3]])], 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    height, width = _sizes(output_size)
    results = []
    for image, box in _patches(input, boxes):
        x1, y1, x2, y2 = (_nearest(v * box.dtype.type(spatial_scale)) for v in box)
        rows = _bins(y1, y2, height, input.shape[2], box.dtype.type)
        columns = _bins(x1, x2, width, input.shape[3], box.dtype.type)
        strips = [_largest(image[:, a:b], 1) for a, b in rows]
        pooled = stack(strips, 1)  # (C, height, W)
        results.append(stack([_largest(pooled[:, :, a:b], 2) for a, b in columns], 2))
    return _joined(results, input, height, width)


def _nearest(value: Any) -> int:
    """The nearest whole number, halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _bins(start: int, end: int, bins: int, size: int, number: Any) -> list[tuple[int, int]]:
    """Where each bin begins and ends."""
    length = number(max(end - start + 1, 1)) / number(bins)
    return [
        (
            min(max(math.floor(number(i) * length) + start, 0), size),
            min(max(math.ceil(number(i + 1) * length) + start, 0), size),
        )
        for i in range(bins)
    ]


def _largest(values: Tensor, dim: int) -> Tensor:
    if values.shape[dim] == 0:
        return values.sum(dim)
    return values.max(dim).values


class RoIPool(Module):
    """`roi_pool` as a layer.

    Args:
        output_size, spatial_scale: as of `roi_pool`.

    Example:
        >>> from rushlight.vision.ops import RoIPool
        >>> RoIPool((7, 7), 0.25)
        RoIPool(output_size=(7, 7), spatial_scale=0.25)
    """

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Any) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
