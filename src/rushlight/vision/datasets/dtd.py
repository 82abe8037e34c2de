"""The Describable Textures Dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import LabelledFiles, numbered, require
from .folder import default_loader
from .utils import download_and_extract_archive, verify_str_arg


class DTD(LabelledFiles):
    """Photographs of 47 kinds of textures, 120 of each.

    Args:
        root: the folder that holds, or shall hold, `dtd`.
        split: "train", "val" or "test".
        partition: 1 to 10: which of the ways to split.
        transform, target_transform: callables of the image and of the label.
        download: fetch the archive if the folder is missing.
        loader: opens an image, given its path.

    Raises:
        RuntimeError: it is not there.
        ValueError: another split or partition.
    """

    _URL = "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz"
    _MD5 = "fff73e5086ae6bdbea199a49dfb8a4c1"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        partition: int = 1,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ) -> None:
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        if not (isinstance(partition, int) and 1 <= partition <= 10):
            raise ValueError(
                "Parameter 'partition' should be an integer with `1 <= partition <= 10`, "
                f"but got {partition} instead"
            )
        self._partition = partition
        super().__init__(root, transform, target_transform, loader)
        self._base_folder = Path(self.root) / type(self).__name__.lower()
        self._data_folder = self._base_folder / "dtd"
        self._images_folder = self._data_folder / "images"
        if download:
            self._download()
        require(self._check_exists(), self._base_folder)
        listed = self._data_folder / "labels" / f"{split}{partition}.txt"
        names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines()]
        kinds = [name.partition("/")[0] for name in names]
        self._image_files = [self._images_folder / name for name in names]
        self.classes = sorted(set(kinds))
        self.class_to_idx = numbered(self.classes)
        self._labels = [self.class_to_idx[kind] for kind in kinds]

    def extra_repr(self) -> str:
        return f"split={self._split}, partition={self._partition}"

    def _check_exists(self) -> bool:
        return self._data_folder.is_dir()

    def _download(self) -> None:
        if not self._check_exists():
            download_and_extract_archive(self._URL, str(self._base_folder), md5=self._MD5)
