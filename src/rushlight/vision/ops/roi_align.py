"""Features of regions of interest: parts of a feature map, each averaged or pooled to one size.

Regions are (K, 5): the index of an image, x1, y1, x2, y2; or a list of (L, 4), one per image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ... import Tensor, cat, float32, float64, from_numpy, full_like, stack
from ...nn.modules.module import Module

__all__ = ["RoIAlign", "roi_align"]


def _regions(boxes: Any) -> Tensor:
    """(K, 5)"""
    if isinstance(boxes, (list, tuple)):
        for each in boxes:
            if each.size(1) != 4:
                raise AssertionError(
                    "The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]"
                )
        numbers = [full_like(each[:, :1], number) for number, each in enumerate(boxes)]
        return cat([cat(numbers), cat(list(boxes))], dim=1)
    if not isinstance(boxes, Tensor):
        raise AssertionError("boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    if boxes.size(1) != 5:
        raise AssertionError("The boxes tensor shape is not correct as Tensor[K, 5]")
    return boxes


def _sizes(output_size: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(output_size, int):
        return output_size, output_size
    height, width = output_size
    return height, width


def _averages(start: Any, length: Any, bins: int, samples: int, size: int) -> tuple[int, Any]:
    """The first line used, and (bins, lines): how each bin averages its samples, interpolated between lines.

    start, length: of the region, in lines. samples: per bin, evenly spaced; 0: its average is 0. size: number
    of lines; a sample more than one line outside is 0.
    """
    import numpy

    number = start.dtype.type
    if samples <= 0:
        return 0, numpy.zeros((bins, 1), number)
    within = (numpy.arange(samples, dtype=number) + number(0.5)) * (length / bins / samples)
    at = start + numpy.arange(bins, dtype=number)[:, None] * (length / bins) + within
    inside = (at >= -1) & (at <= size)
    at = numpy.clip(at, 0, size - 1)
    low = at.astype(numpy.int64)
    high = numpy.minimum(low + 1, size - 1)
    rest = at - low
    first = int(low.min())
    weights = numpy.zeros((bins, int(high.max()) - first + 1), number)
    rows = numpy.broadcast_to(numpy.arange(bins)[:, None], low.shape)
    for line, share in ((low, 1 - rest), (high, rest)):
        numpy.add.at(weights, (rows, line - first), share * inside / samples)
    return first, weights


def _patches(input: Tensor, boxes: Any) -> Iterator[tuple[Tensor, Any]]:
    """The image (C, H, W) and the numbers x1, y1, x2, y2 of each region."""
    regions = _regions(boxes).detach().cpu()
    # 16-bit numbers lack the precision for positions.
    wide = regions if regions.dtype in (float32, float64) else regions.to(float32)
    for number, region in zip(wide[:, 0].tolist(), wide.numpy()):
        if not 0 <= number < input.shape[0]:
            raise IndexError(
                f"regions of interest: no such image: got index {int(number)}, expected less than "
                f"{input.shape[0]}"
            )
        yield input[int(number)], region[1:]


def _joined(results: list[Tensor], input: Tensor, height: int, width: int) -> Tensor:
    if results:
        return stack(results)
    # Part of the graph, so that the input's gradient is zero and not None.
    return input[:0, :, :0, :0].reshape(0, input.shape[1], height, width)


def roi_align(
    input: Tensor,
    boxes: Any,
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Averages of bilinear samples in a grid of bins over each region (https://arxiv.org/abs/1703.06870).

    Args:
        input: (N, C, H, W).
        boxes: the regions.
        output_size: (height, width), number of bins.
        spatial_scale: from the boxes' units to the input's pixels.
        sampling_ratio: samples of a bin along each side; -1: one per pixel.
        aligned: pixels' centres, not their corners, have whole coordinates.

    Returns:
        (K, C, height, width)

    Raises:
        AssertionError: for regions of another shape.

    Example:
        >>> from rushlight.vision.ops import roi_align
        >>> x = torch.arange(16.0).view(1, 1, 4, 4)
        >>> roi_align(x, [torch.tensor([[0.0, 0, 2, 2]])], 1)
        tensor([[[[5.]]]])
    """
    height, width = _sizes(output_size)
    results = []
    for image, box in _patches(input, boxes):
        number = box.dtype.type
        corners = box * number(spatial_scale) - number(0.5 if aligned else 0.0)
        sides = []
        for bins, start, end, size in (
            (height, corners[1], corners[3], input.shape[2]),
            (width, corners[0], corners[2], input.shape[3]),
        ):
            length = end - start if aligned else max(end - start, number(1))
            samples = sampling_ratio if sampling_ratio > 0 else math.ceil(length / bins)
            sides.append(_averages(start, length, bins, samples, size))
        (top, down), (left, across) = sides
        part = image[:, top : top + down.shape[1], left : left + across.shape[1]]
        down, across = (from_numpy(w).to(part.device, part.dtype) for w in (down, across))
        results.append(down @ part @ across.T)
    return _joined(results, input, height, width)


class RoIAlign(Module):
    """`roi_align` as a layer.

    Args:
        output_size, spatial_scale, sampling_ratio, aligned: as of `roi_align`.

    Example:
        >>> from rushlight.vision.ops import RoIAlign
        >>> RoIAlign(7, 0.25, 2)
        RoIAlign(output_size=7, spatial_scale=0.25, sampling_ratio=2, aligned=False)
    """

    def __init__(
        self,
        output_size: int | Sequence[int],
        spatial_scale: float,
        sampling_ratio: int,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Any) -> Tensor:
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )
