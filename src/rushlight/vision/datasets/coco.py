"""MS COCO, whose annotation files are read by the package pycocotools."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .folder import read_image
from .vision import VisionDataset


class CocoDetection(VisionDataset):
    """Photographs with the objects on them, as lists of dicts. Needs pycocotools.

    Args:
        root: the folder of the images.
        annFile: the JSON file of annotations.
        transform: a callable of the image, which is a PIL image of mode RGB.
        target_transform: a callable of the target.
        transforms: a callable of both; excludes the other two.

    Raises:
        ImportError: pycocotools is not installed.
    """

    def __init__(
        self,
        root: str | Path,
        annFile: str,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        transforms: Callable | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        try:
            from pycocotools.coco import COCO
        except ImportError as e:
            raise ImportError(
                f"{type(self).__name__}: the annotations are read by pycocotools, which is not installed: "
                "pip install pycocotools"
            ) from e
        self.coco = COCO(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id: int) -> Any:
        return read_image(os.path.join(self.root, self.coco.loadImgs(id)[0]["file_name"]), "RGB")

    def _load_target(self, id: int) -> list[Any]:
        return self.coco.loadAnns(self.coco.getAnnIds(id))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, target)."""
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        image, target = self._load_image(self.ids[index]), self._load_target(self.ids[index])
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self) -> int:
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """Photographs with their captions, a list of str. Needs pycocotools.

    Args: as for `CocoDetection`.
    """

    def _load_target(self, id: int) -> list[str]:
        return [annotation["caption"] for annotation in super()._load_target(id)]
