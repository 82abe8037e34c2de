"""STL-10: few labelled images, many without a label."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .folder import pillow
from .utils import check_integrity, download_and_extract_archive, verify_str_arg
from .vision import VisionDataset

SIDE = 96


class STL10(VisionDataset):
    """Colour photographs of 96x96: 5,000 training, 8,000 test and 100,000 unlabelled images.

    Args:
        root: the folder that holds, or shall hold, `stl10_binary`.
        split: "train", "test", "unlabeled" or "train+unlabeled".
        folds: 0 to 9: the 1,000 training images of this fold; None: all.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int; -1 where there is none.
        download: fetch the archive if files are missing or damaged.

    Attributes:
        data: the images, a numpy array of uint8, (N, 3, 96, 96).
        labels: the labels, a numpy array, (N,).
        classes: the names.

    Raises:
        RuntimeError: files are missing, damaged or hold something else.
        ValueError: another split or fold.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list: Any = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list: Any = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        self.folds = self._verify_folds(folds)
        if download:
            self.download()
        elif not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
            )
        self.data, self.labels = self._load()
        names = self._path(self.class_names_file)
        if os.path.isfile(names):
            self.classes = Path(names).read_text(encoding="utf-8").splitlines()

    def _verify_folds(self, folds: int | None) -> int | None:
        if folds is None:
            return None
        if not isinstance(folds, int):
            raise ValueError(
                f"Expected type None or int for argument folds, but got type {type(folds)}."
            )
        if not 0 <= folds < 10:
            raise ValueError(
                f"Value for argument folds should be in the range [0, 10), but got {folds}."
            )
        return folds

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _load(self) -> tuple[Any, Any]:
        import numpy

        if self.split == "test":
            return self._read(self.test_list[0][0], self.test_list[1][0])
        parts = []
        if self.split.startswith("train"):
            images, labels = self._read(self.train_list[0][0], self.train_list[1][0])
            chosen = self._fold() if self.folds is not None else slice(None)
            parts.append((images[chosen], labels[chosen]))
        if self.split.endswith("unlabeled"):
            images, _ = self._read(self.train_list[2][0])
            parts.append((images, numpy.full(len(images), -1, numpy.int64)))
        if len(parts) == 1:
            return parts[0]
        return tuple(numpy.concatenate(columns) for columns in zip(*parts))  # type: ignore[return-value]

    def _read(self, images_file: str, labels_file: str | None = None) -> tuple[Any, Any]:
        """Images (n, 3, 96, 96), stored column by column, and n labels, which begin with 1 in the file."""
        import numpy

        path = self._path(images_file)
        flat = numpy.fromfile(path, numpy.uint8)
        if flat.size % (3 * SIDE * SIDE):
            raise RuntimeError(
                f"{path}: {flat.size} bytes are no whole number of images of 3x{SIDE}x{SIDE}"
            )
        images = flat.reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2)
        labels = None
        if labels_file:
            labels = numpy.fromfile(self._path(labels_file), numpy.uint8) - 1
            if len(labels) != len(images):
                raise RuntimeError(f"{path}: {len(images)} images, but {len(labels)} labels")
        return images, labels

    def _fold(self) -> Any:
        import numpy

        lines = Path(self._path(self.folds_list_file)).read_text(encoding="ascii").splitlines()
        return numpy.array(lines[self.folds].split(), numpy.int64)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); untransformed, a PIL image of mode RGB and an int."""
        image = pillow().fromarray(self.data[index].transpose(1, 2, 0))
        target = None if self.labels is None else int(self.labels[index])
        return self._transformed(image, target)

    def __len__(self) -> int:
        return len(self.data)

    def _check_integrity(self) -> bool:
        files = [*self.train_list, *self.test_list]
        return all(check_integrity(self._path(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Fetch the archive into the root folder and unpack it, unless all files are there."""
        if not self._check_integrity():
            download_and_extract_archive(
                self.url, self.root, filename=self.filename, md5=self.tgz_md5
            )

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
