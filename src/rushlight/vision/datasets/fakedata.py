"""Random images, for trying things out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .vision import VisionDataset


class FakeData(VisionDataset):
    """Random images and labels, the same for the same index each time.

    Args:
        size: how many.
        image_size: (channels, height, width).
        num_classes: labels are 0 to num_classes - 1.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, a tensor.
        random_offset: added to the index, which is the seed.

    Example:
        >>> from rushlight.vision import datasets
        >>> image, label = datasets.FakeData(5, (3, 8, 6), 10)[2]
        >>> image.size, type(label)
        ((6, 8), <class 'int'>)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label)."""
        from ... import int64, randint, randn
        from ...random import fork_rng, manual_seed
        from ..transforms import ToPILImage

        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        with fork_rng(devices=[]):
            manual_seed(index + self.random_offset)
            values = randn(*self.image_size)
            label = randint(0, self.num_classes, (1,), dtype=int64)[0]
        image, target = self._transformed(ToPILImage()(values), label)
        return image, target.item() if hasattr(target, "item") else target

    def __len__(self) -> int:
        return self.size
