"""The base of data sets that are a list of image files with a label for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .folder import default_loader
from .vision import VisionDataset

NOT_FOUND = "Dataset not found. You can use download=True to download it"
NOT_FOUND_OR_CORRUPTED = "Dataset not found or corrupted. You can use download=True to download it"


def require(there: bool, place: str | os.PathLike[str], text: str = NOT_FOUND) -> None:
    """Raise the error for a data set that is not where it should be."""
    if not there:
        raise RuntimeError(f"{text}\nexpected it in {os.fspath(place)}")


class LabelledFiles(VisionDataset):
    """Image files `_image_files`, labels `_labels` and the `loader` that opens a file.

    Args:
        root: the folder.
        transform: a callable of what the loader gives, a PIL image of mode RGB by default.
        target_transform: a callable of the label.
        loader: opens an image, given its path.
    """

    _image_files: list[Any]
    _labels: list[int]

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[Any], Any] = default_loader,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader

    def __len__(self) -> int:
        return len(self._image_files)

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        """The transformed (image, label)."""
        return self._transformed(self.loader(self._image_files[idx]), self._labels[idx])


def numbered(names: list[str]) -> dict[str, int]:
    """The number of each name."""
    return {name: i for i, name in enumerate(names)}
