"""Features of regions from the level of a pyramid that fits their size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import Tensor, cat, floor, int64, log2, where, zeros
from ... import tensor as _tensor
from ...nn.modules.module import Module
from .boxes import box_area
from .roi_align import _regions, roi_align

__all__ = ["MultiScaleRoIAlign"]


class MultiScaleRoIAlign(Module):
    """`roi_align` of each region on one of several maps: larger regions on coarser maps.

    The rule is equation 1 of https://arxiv.org/abs/1612.03144.

    Args:
        featmap_names: of the maps to use.
        output_size: (height, width), number of bins.
        sampling_ratio: as of `roi_align`.
        canonical_scale: the edge length of a region, in the image's pixels, that belongs to the level
        canonical_level: that one: a map of 1/2^level of the image's resolution.

    Returns:
        Of a call with a dict of maps (N, C, H, W), a list of (L, 4) boxes per image and the images' (height, width):
        (K, C, height, width).

    Example:
        >>> from rushlight.vision.ops import MultiScaleRoIAlign
        >>> maps = {"a": torch.zeros(1, 5, 64, 64), "b": torch.zeros(1, 5, 16, 16)}
        >>> boxes = [torch.tensor([[0.0, 0, 9, 9], [0, 0, 200, 200]])]
        >>> MultiScaleRoIAlign(["a", "b"], 3, 2)(maps, boxes, [(256, 256)]).shape
        torch.Size([2, 5, 3, 3])
    """

    def __init__(
        self,
        featmap_names: list[str],
        output_size: int | Sequence[int],
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        if isinstance(output_size, int):
            output_size = (output_size, output_size)
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = tuple(output_size)
        self.scales: list[float] | None = None
        self.map_levels: Any = None
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def _find_scales(self, maps: list[Tensor], image_shapes: list[tuple[int, int]]) -> None:
        if not image_shapes:
            raise ValueError("images list should not be empty")
        height = max(shape[0] for shape in image_shapes)
        width = max(shape[1] for shape in image_shapes)
        self.scales = []
        for feature in maps:
            # The nearest power of two, for sizes are rounded.
            ratios = [
                2.0 ** round(math.log2(n / full))
                for n, full in zip(feature.shape[-2:], (height, width))
            ]
            self.scales.append(ratios[0])
        low, high = (-math.log2(scale) for scale in (self.scales[0], self.scales[-1]))
        self.map_levels = (int(low), int(high))

    def _levels(self, boxes: list[Tensor]) -> Tensor:
        """(K,): the number of each region's map."""
        edge = cat([box_area(each) for each in boxes]).sqrt()
        scale = self.canonical_scale
        level = floor(self.canonical_level + log2(edge / scale) + _tensor(1e-6, dtype=edge.dtype))
        low, high = self.map_levels
        return level.clamp(low, high).to(int64) - low

    def forward(
        self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> Tensor:
        maps = [feature for name, feature in x.items() if name in self.featmap_names]
        self._find_scales(maps, image_shapes)
        assert self.scales is not None
        rois = _regions(boxes)
        options = {"output_size": self.output_size, "sampling_ratio": self.sampling_ratio}
        if len(maps) == 1:
            return roi_align(maps[0], rois, spatial_scale=self.scales[0], **options)  # type: ignore[arg-type]
        levels = self._levels(boxes)
        shape = (len(rois), maps[0].shape[1], *self.output_size)
        result = zeros(shape, dtype=maps[0].dtype, device=maps[0].device)
        for level, (feature, scale) in enumerate(zip(maps, self.scales)):
            rows = where(levels == level)[0]
            part = roi_align(feature, rois[rows], spatial_scale=scale, **options)  # type: ignore[arg-type]
            result[rows] = part.to(result.dtype)
        return result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )
