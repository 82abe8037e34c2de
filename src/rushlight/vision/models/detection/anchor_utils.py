"""Boxes at each pixel of feature maps, from which detectors start."""

from __future__ import annotations

from typing import Any

from .... import Tensor, arange, as_tensor, cat, float32, int32, meshgrid, nn, stack
from .image_list import ImageList


class AnchorGenerator(nn.Module):
    """Boxes of several sizes and aspect ratios at each pixel of each feature map.

    Args:
        sizes: per map: edge lengths of squares, in the image's pixels.
        aspect_ratios: per map: height / width.

    Returns:
        Of a call with images and maps (N, C, H, W): per image, (boxes, 4).

    Example:
        >>> from rushlight.vision.models.detection.anchor_utils import AnchorGenerator
        >>> AnchorGenerator(((32, 64),), ((0.5, 1.0, 2.0),)).num_anchors_per_location()
        [6]
    """

    def __init__(
        self, sizes: Any = ((128, 256, 512),), aspect_ratios: Any = ((0.5, 1.0, 2.0),)
    ) -> None:
        super().__init__()
        if not isinstance(sizes[0], (list, tuple)):
            sizes = tuple((size,) for size in sizes)
        if not isinstance(aspect_ratios[0], (list, tuple)):
            aspect_ratios = (aspect_ratios,) * len(sizes)
        self.sizes = sizes
        self.aspect_ratios = aspect_ratios
        self.cell_anchors = [
            self.generate_anchors(size, ratio) for size, ratio in zip(sizes, aspect_ratios)
        ]

    def generate_anchors(
        self, scales: Any, aspect_ratios: Any, dtype: Any = float32, device: Any = "cpu"
    ) -> Tensor:
        """Boxes (ratios * scales, 4) about the origin."""
        edges = as_tensor(scales, dtype=dtype, device=device)
        high = as_tensor(aspect_ratios, dtype=dtype, device=device).sqrt()
        wide = 1 / high
        widths = (wide[:, None] * edges[None, :]).view(-1)
        heights = (high[:, None] * edges[None, :]).view(-1)
        return (stack([-widths, -heights, widths, heights], dim=1) / 2).round()

    def num_anchors_per_location(self) -> list[int]:
        return [len(s) * len(a) for s, a in zip(self.sizes, self.aspect_ratios)]

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        if len(self.cell_anchors) != len(feature_maps):
            raise AssertionError(
                "Anchors should be Tuple[Tuple[int]] because each feature map could potentially have different sizes "
                f"and aspect ratios. There needs to be a match between the number of feature maps passed "
                f"({len(feature_maps)}) and the number of sizes / aspect ratios specified ({len(self.cell_anchors)})."
            )
        height, width = image_list.tensors.shape[-2:]
        parts = []
        for feature, cell in zip(feature_maps, self.cell_anchors):
            rows, columns = feature.shape[-2:]
            options = {"dtype": int32, "device": feature.device}
            y = arange(rows, **options) * (height // rows)
            x = arange(columns, **options) * (width // columns)
            y, x = (grid.reshape(-1) for grid in meshgrid(y, x, indexing="ij"))
            shifts = stack((x, y, x, y), dim=1).view(-1, 1, 4)
            cell = cell.to(feature.device, feature.dtype)
            parts.append((shifts + cell.view(1, -1, 4)).reshape(-1, 4))
        anchors = cat(parts)
        return [anchors for _ in image_list.image_sizes]
