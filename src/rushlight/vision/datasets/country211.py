"""Country211: which country is it?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import require
from .folder import ImageFolder, default_loader
from .utils import download_and_extract_archive, verify_str_arg


class Country211(ImageFolder):
    """Photographs from 211 countries: 150 training, 50 validation and 100 test images of each.

    Args:
        root: the folder that holds, or shall hold, `country211`.
        split: "train", "valid" or "test".
        transform, target_transform: callables of the image and of the label.
        download: fetch the archive if the folder is missing.
        loader: opens an image, given its path.

    Raises:
        RuntimeError: it is not there.
        ValueError: another split.
    """

    _URL = "https://openaipublic.azureedge.net/clip/data/country211.tgz"
    _MD5 = "84988d7644798601126c29e9877aab6a"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[str], Any] = default_loader,
    ) -> None:
        self._split = verify_str_arg(split, "split", ("train", "valid", "test"))
        place = Path(root).expanduser()
        self.root = str(place)
        self._base_folder = place / "country211"
        if download:
            self._download()
        require(self._check_exists(), self._base_folder)
        super().__init__(str(self._base_folder / split), transform, target_transform, loader)
        self.root = str(place)

    def _check_exists(self) -> bool:
        return self._base_folder.is_dir()

    def _download(self) -> None:
        if not self._check_exists():
            download_and_extract_archive(self._URL, self.root, md5=self._MD5)
