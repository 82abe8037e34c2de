"""EuroSAT: land from above."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import require
from .folder import ImageFolder, default_loader
from .utils import download_and_extract_archive


class EuroSAT(ImageFolder):
    """27,000 satellite images of 64x64 in colour, ten kinds of land use.

    Args:
        root: the folder that holds, or shall hold, `eurosat`.
        transform, target_transform: callables of the image and of the label.
        download: fetch the archive if the folder is missing.
        loader: opens an image, given its path.

    Raises:
        RuntimeError: it is not there.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[str], Any] = default_loader,
    ) -> None:
        place = self.root = os.path.expanduser(root)
        self._base_folder = os.path.join(place, "eurosat")
        self._data_folder = os.path.join(self._base_folder, "2750")
        if download:
            self.download()
        require(self._check_exists(), self._base_folder)
        super().__init__(self._data_folder, transform, target_transform, loader)
        self.root = place

    def _check_exists(self) -> bool:
        return os.path.exists(self._data_folder)

    def download(self) -> None:
        """Fetch and unpack the archive, unless its folder is there."""
        if not self._check_exists():
            download_and_extract_archive(
                "https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
                "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
                download_root=self._base_folder,
                md5="c8fa014336c82ac7804f0398fcb19387",
            )
