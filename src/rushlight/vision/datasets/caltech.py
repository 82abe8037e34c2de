"""Caltech 101 and Caltech 256: objects of many categories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import NOT_FOUND_OR_CORRUPTED, require
from ._mat import read_mat
from .folder import read_image
from .utils import download_and_extract_archive, extract_archive, verify_str_arg
from .vision import VisionDataset

# Categories whose annotations have another name.
ANNOTATION_NAMES = {
    "Faces": "Faces_2",
    "Faces_easy": "Faces_3",
    "Motorbikes": "Motorbikes_16",
    "airplanes": "Airplanes_Side_2",
}


class _Caltech(VisionDataset):
    """Images `NNNN.jpg` of each category, counted from 1."""

    _folder: str
    categories: list[str]

    def _index_files(self, ending: str) -> None:
        self.index: list[int] = []
        self.y: list[int] = []
        for number, category in enumerate(self.categories):
            names = os.listdir(os.path.join(self.root, self._folder, category))
            count = sum(name.endswith(ending) for name in names)
            self.index += range(1, count + 1)
            self.y += [number] * count

    def _check_integrity(self) -> bool:
        return os.path.exists(os.path.join(self.root, self._folder))

    def __len__(self) -> int:
        return len(self.index)


class Caltech101(_Caltech):
    """Photographs of 101 kinds of objects, 40 to 800 of each.

    Args:
        root: the folder that holds, or shall hold, `caltech101`.
        target_type: "category", the label; "annotation", the outline as an array (2, n), which needs scipy; or a list of them.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the target.
        download: fetch the archive if the folder is missing.

    Raises:
        RuntimeError: it is not there.
        ValueError: another target.
    """

    _folder = "101_ObjectCategories"

    def __init__(
        self,
        root: str | Path,
        target_type: list[str] | str = "category",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        folder = os.path.join(root, "caltech101")
        super().__init__(folder, transform=transform, target_transform=target_transform)
        os.makedirs(self.root, exist_ok=True)
        types = [target_type] if isinstance(target_type, str) else target_type
        self.target_type = [
            verify_str_arg(t, "target_type", ("category", "annotation")) for t in types
        ]
        if download:
            self.download()
        require(self._check_integrity(), self.root, NOT_FOUND_OR_CORRUPTED)
        found = sorted(os.listdir(os.path.join(self.root, self._folder)))
        self.categories = [name for name in found if name != "BACKGROUND_Google"]
        self.annotation_categories = [ANNOTATION_NAMES.get(c, c) for c in self.categories]
        self._index_files("")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, target); several targets are a tuple."""
        y, number = self.y[index], self.index[index]
        name = f"image_{number:04d}.jpg"
        image = read_image(os.path.join(self.root, self._folder, self.categories[y], name))
        targets: list[Any] = []
        for kind in self.target_type:
            if kind == "category":
                targets.append(y)
                continue
            folder = os.path.join(self.root, "Annotations", self.annotation_categories[y])
            path = os.path.join(folder, f"annotation_{number:04d}.mat")
            targets += read_mat(path, "obj_contour")
        return self._transformed(image, tuple(targets) if len(targets) > 1 else targets[0])

    def download(self) -> None:
        """Fetch and unpack the archive, unless its folder is there."""
        if self._check_integrity():
            return
        download_and_extract_archive(
            "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip",
            download_root=self.root,
            filename="caltech-101.zip",
            md5="3138e1922a9193bfa496528edbbc45d0",
        )
        inner = os.path.join(self.root, "caltech-101")
        for name in os.listdir(inner):
            if name.endswith(".gz"):
                extract_archive(os.path.join(inner, name), self.root)
        shutil.rmtree(inner)
        os.remove(os.path.join(self.root, "caltech-101.zip"))

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}"


class Caltech256(_Caltech):
    """Photographs of 256 kinds of objects and of clutter, at least 80 of each.

    Args:
        root: the folder that holds, or shall hold, `caltech256`.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int.
        download: fetch the archive if the folder is missing.

    Raises:
        RuntimeError: it is not there.
    """

    _folder = "256_ObjectCategories"

    def __init__(
        self,
        root: str,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        folder = os.path.join(root, "caltech256")
        super().__init__(folder, transform=transform, target_transform=target_transform)
        os.makedirs(self.root, exist_ok=True)
        if download:
            self.download()
        require(self._check_integrity(), self.root, NOT_FOUND_OR_CORRUPTED)
        self.categories = sorted(os.listdir(os.path.join(self.root, self._folder)))
        self._index_files(".jpg")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label)."""
        y = self.y[index]
        name = f"{y + 1:03d}_{self.index[index]:04d}.jpg"
        image = read_image(os.path.join(self.root, self._folder, self.categories[y], name))
        return self._transformed(image, y)

    def download(self) -> None:
        """Fetch and unpack the archive, unless its folder is there."""
        if not self._check_integrity():
            download_and_extract_archive(
                "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
                self.root,
                filename="256_ObjectCategories.tar",
                md5="67b4f42ca05d46448c6bb8ecd2220f6d",
            )
