"""CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .folder import pillow
from .utils import check_integrity, download_and_extract_archive
from .vision import VisionDataset


def read_batch(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a pickled dict of numbers, text, lists and numpy arrays. Nothing in the file is imported or called.

    Args:
        path: the file, as Python 2 wrote it.

    Raises:
        RuntimeError: anything else is in the file.
    """
    from ..._serialization.errors import LoadError
    from ..._serialization.grammar import Reader

    data = Path(path).read_bytes()
    try:
        result = Reader(data, encoding="latin-1").load()
    except LoadError as e:
        # The advice on allowing classes, which ends some reasons, is not for data sets.
        reason = e.reason.partition(" was not an allowed")[0]
        raise RuntimeError(f"{path}: not numbers, text and arrays alone: {reason}") from None
    if type(result) is not dict:
        raise RuntimeError(f"{path}: holds a {type(result).__name__}, expected a dict")
    return result


class CIFAR10(VisionDataset):
    """Colour photographs of ten kinds of things: 50,000 training and 10,000 test images of 32x32.

    Args:
        root: the folder that holds, or shall hold, `cifar-10-batches-py`.
        train: the training or the test images.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int.
        download: fetch the archive if files are missing or damaged; digests are checked.

    Attributes:
        data: the images, a numpy array of uint8, (N, 32, 32, 3).
        targets: the labels, a list of int.
        classes, class_to_idx: the names, and the number of each.

    Raises:
        RuntimeError: files are missing, damaged or hold something else than images and labels.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    # [file, MD5]
    train_list: Any = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list: Any = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta: Any = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
                f"\nexpected the files of {self.filename} in {self._path()}"
            )
        import numpy

        arrays, self.targets = [], []
        for name, _ in self.train_list if train else self.test_list:
            images, labels = self._read(self._path(name))
            arrays.append(images)
            self.targets += labels
        pixels = numpy.concatenate(arrays).reshape(-1, 3, 32, 32)
        self.data: Any = pixels.transpose(0, 2, 3, 1)  # (N, 32, 32, 3)
        self._load_meta()

    def _path(self, name: str = "") -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _read(self, path: str) -> tuple[Any, list[int]]:
        """A batch: images (n, 3072) and n labels."""
        batch = read_batch(path)
        images = batch.get("data")
        labels = batch.get("labels", batch.get("fine_labels"))
        good = getattr(images, "dtype", None) == "uint8" and images.shape[1:] == (3072,)
        good = good and type(labels) is list and all(type(n) is int for n in labels)
        if not good or len(labels) != len(images):
            raise RuntimeError(
                f"{path}: expected 'data', bytes of shape (n, 3072), and 'labels' or 'fine_labels', a list of n "
                f"ints; the file holds {', '.join(map(repr, list(batch)[:8]))}"
            )
        return images, labels

    def _load_meta(self) -> None:
        path = self._path(self.meta["filename"])
        if not check_integrity(path, self.meta["md5"]):
            raise RuntimeError(
                "Dataset metadata file not found or corrupted. You can use download=True to download it"
            )
        names = read_batch(path).get(self.meta["key"])
        if type(names) is not list or not all(type(name) is str for name in names):
            raise RuntimeError(f"{path}: expected {self.meta['key']!r}, a list of names")
        self.classes = names
        self.class_to_idx = {name: i for i, name in enumerate(names)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); untransformed, a PIL image of mode RGB and an int."""
        return self._transformed(pillow().fromarray(self.data[index]), self.targets[index])

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
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """Colour photographs of a hundred kinds of things: 50,000 training and 10,000 test images of 32x32.

    Args: as for `CIFAR10`; the folder is `cifar-100-python`.
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
