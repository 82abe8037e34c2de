"""Stanford Cars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import numbered
from ._mat import read_mat
from .folder import default_loader
from .utils import verify_str_arg
from .vision import VisionDataset


class StanfordCars(VisionDataset):
    """Photographs of 196 models of cars: 8,144 training and 8,041 test images. Needs scipy.

    It can no longer be downloaded; files that are there are read.

    Args:
        root: the folder that holds `stanford_cars`.
        split: "train" or "test".
        transform, target_transform: callables of the image and of the label.
        download: refused.
        loader: opens an image, given its path.

    Raises:
        RuntimeError: the files are not there.
        ValueError: another split, or `download=True`.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[str], Any] = default_loader,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self._split = verify_str_arg(split, "split", ("train", "test"))
        self._base_folder = Path(root) / "stanford_cars"
        devkit = self._base_folder / "devkit"
        annotations = {
            "train": devkit / "cars_train_annos.mat",
            "test": self._base_folder / "cars_test_annos_withlabels.mat",
        }
        self._annotations_mat_path = annotations[split]
        self._images_base_path = self._base_folder / f"cars_{split}"
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(f"Dataset not found.\nexpected it in {self._base_folder}")
        (rows,) = read_mat(str(self._annotations_mat_path), "annotations", squeeze_me=True)
        self._samples = [
            (str(self._images_base_path / row["fname"]), row["class"] - 1) for row in rows
        ]
        (names,) = read_mat(str(devkit / "cars_meta.mat"), "class_names", squeeze_me=True)
        self.classes = names.tolist()
        self.class_to_idx = numbered(self.classes)
        self.loader = loader

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        """The transformed (image, label)."""
        path, target = self._samples[idx]
        return self._transformed(self.loader(path), target)

    def _check_exists(self) -> bool:
        there = (self._base_folder / "devkit").is_dir() and self._images_base_path.is_dir()
        return there and self._annotations_mat_path.exists()

    def download(self) -> None:
        """Refused: nobody offers the files any more."""
        raise ValueError(
            "The original URL is broken so the StanfordCars dataset cannot be downloaded anymore."
        )
