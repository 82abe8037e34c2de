"""Images of different sizes in one tensor."""

from __future__ import annotations

from typing import Any

from .... import Tensor


class ImageList:
    """Images padded to one size, and the sizes they had.

    Args:
        tensors: (N, C, H, W).
        image_sizes: (height, width) of each before padding.
    """

    def __init__(self, tensors: Tensor, image_sizes: list[tuple[int, int]]) -> None:
        self.tensors = tensors
        self.image_sizes = image_sizes

    def to(self, device: Any) -> ImageList:
        return ImageList(self.tensors.to(device), self.image_sizes)
