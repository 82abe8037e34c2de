"""Omniglot: characters of fifty alphabets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import NOT_FOUND_OR_CORRUPTED, require
from .folder import read_image
from .utils import check_integrity, download_and_extract_archive, list_dir, list_files
from .vision import VisionDataset


class Omniglot(VisionDataset):
    """Handwritten characters of 105x105, twenty of each kind.

    Args:
        root: the folder that holds, or shall hold, `omniglot-py`.
        background: the 964 characters of the background set, or the 659 of the evaluation set.
        transform, target_transform: callables of the image and of the label.
        download: fetch the archive if it is missing or damaged.
        loader: opens an image, given its path; default: a PIL image of mode L.

    Raises:
        RuntimeError: the archive is missing or damaged.
    """

    folder = "omniglot-py"
    download_url_prefix = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
    zips_md5: Any = {
        "images_background": "68d2efa1b9178cc56df9314c21c6e718",
        "images_evaluation": "6b91aef0f799c5bb55b94e3f2daec811",
    }

    def __init__(
        self,
        root: str | Path,
        background: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] | None = None,
    ) -> None:
        place = os.path.join(root, self.folder)
        super().__init__(place, transform=transform, target_transform=target_transform)
        self.background = background
        if download:
            self.download()
        require(self._check_integrity(), self.root, NOT_FOUND_OR_CORRUPTED)
        self.target_folder = os.path.join(self.root, self._get_target_folder())
        self._alphabets = list_dir(self.target_folder)
        self._characters = [
            os.path.join(alphabet, character)
            for alphabet in self._alphabets
            for character in list_dir(os.path.join(self.target_folder, alphabet))
        ]
        self._character_images = [
            [(name, i) for name in list_files(os.path.join(self.target_folder, c), ".png")]
            for i, c in enumerate(self._characters)
        ]
        self._flat_character_images = [pair for pairs in self._character_images for pair in pairs]
        self.loader = loader

    def __len__(self) -> int:
        return len(self._flat_character_images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label)."""
        name, character = self._flat_character_images[index]
        path = os.path.join(self.target_folder, self._characters[character], name)
        image = read_image(path, "L") if self.loader is None else self.loader(path)
        return self._transformed(image, character)

    def _check_integrity(self) -> bool:
        name = self._get_target_folder()
        return check_integrity(os.path.join(self.root, f"{name}.zip"), self.zips_md5[name])

    def download(self) -> None:
        """Fetch and unpack the archive, unless it is there."""
        if not self._check_integrity():
            name = self._get_target_folder()
            download_and_extract_archive(
                f"{self.download_url_prefix}/{name}.zip",
                self.root,
                filename=f"{name}.zip",
                md5=self.zips_md5[name],
            )

    def _get_target_folder(self) -> str:
        return "images_background" if self.background else "images_evaluation"
