"""Food-101: dishes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import LabelledFiles, numbered, require
from .folder import default_loader
from .utils import download_and_extract_archive, verify_str_arg


class Food101(LabelledFiles):
    """Photographs of 101 dishes: 750 training and 250 test images of each.

    Args:
        root: the folder that holds, or shall hold, `food-101`.
        split: "train" or "test".
        transform, target_transform: callables of the image and of the label.
        download: fetch the archive if the folder is missing.
        loader: opens an image, given its path.

    Raises:
        RuntimeError: it is not there.
        ValueError: another split.
    """

    _URL = "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"
    _MD5 = "85eeb15f3717b99a5da872d97d918f87"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ) -> None:
        super().__init__(root, transform, target_transform, loader)
        self._split = verify_str_arg(split, "split", ("train", "test"))
        self._base_folder = Path(self.root) / "food-101"
        self._meta_folder = self._base_folder / "meta"
        self._images_folder = self._base_folder / "images"
        if download:
            self._download()
        require(self._check_exists(), self._base_folder)
        text = (self._meta_folder / f"{split}.json").read_text(encoding="utf-8")
        images: dict[str, list[str]] = json.loads(text)
        self.classes = sorted(images)
        self.class_to_idx = numbered(self.classes)
        pairs = [(self.class_to_idx[c], name) for c, names in images.items() for name in names]
        self._labels = [label for label, _ in pairs]
        self._image_files = [self._images_folder / f"{name}.jpg" for _, name in pairs]

    def extra_repr(self) -> str:
        return f"split={self._split}"

    def _check_exists(self) -> bool:
        return self._meta_folder.is_dir() and self._images_folder.is_dir()

    def _download(self) -> None:
        if not self._check_exists():
            download_and_extract_archive(self._URL, self.root, md5=self._MD5)
