"""The Oxford-IIIT Pet data set: cats and dogs, with their outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ._labelled import numbered, require
from .folder import read_image
from .utils import download_and_extract_archive, verify_str_arg
from .vision import VisionDataset


class OxfordIIITPet(VisionDataset):
    """Photographs of 37 breeds of cats and dogs, about 200 of each.

    Args:
        root: the folder that holds, or shall hold, `oxford-iiit-pet`.
        split: "trainval" or "test".
        target_types: "category", the breed; "binary-category", 0 for a cat and 1 for a dog; "segmentation", a PIL image of
            1 (pet), 2 (background) and 3 (border); or a list of them: then a tuple, or None for an empty list.
        transforms: a callable of (image, target); excludes the two that follow.
        transform: a callable of the image, which is a PIL image of mode RGB.
        target_transform: a callable of the target.
        download: fetch the archives if the folders are missing.

    Raises:
        RuntimeError: they are not there.
        ValueError: another split or target.
    """

    _RESOURCES = (
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            "5c4f3ee8e5d25df40f4fd59a7f44e54c",
        ),
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            "95a8c909bbe2e81eed6a22bccdf3f68f",
        ),
    )
    _VALID_TARGET_TYPES = ("category", "binary-category", "segmentation")

    def __init__(
        self,
        root: str | Path,
        split: str = "trainval",
        target_types: Sequence[str] | str = "category",
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        self._split = verify_str_arg(split, "split", ("trainval", "test"))
        types = [target_types] if isinstance(target_types, str) else target_types
        self._target_types = [
            verify_str_arg(t, "target_types", self._VALID_TARGET_TYPES) for t in types
        ]
        super().__init__(root, transforms, transform, target_transform)
        self._base_folder = Path(self.root) / "oxford-iiit-pet"
        self._images_folder = self._base_folder / "images"
        self._anns_folder = self._base_folder / "annotations"
        self._segs_folder = self._anns_folder / "trimaps"
        if download:
            self._download()
        require(self._check_exists(), self._base_folder)
        self._read_list(self._anns_folder / f"{self._split}.txt")

    def _read_list(self, path: Path) -> None:
        """Lines of `breed_number class species number`; classes and species are counted from 1."""
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        ids = [row[0] for row in rows]
        self._labels = [int(row[1]) - 1 for row in rows]
        self._bin_labels = [int(row[2]) - 1 for row in rows]
        self.bin_classes = ["Cat", "Dog"]
        breeds = {(label, i.rpartition("_")[0]) for i, label in zip(ids, self._labels)}
        ordered = sorted(breeds, key=lambda breed: breed[0])
        self.classes = [" ".join(w.title() for w in name.split("_")) for _, name in ordered]
        self.bin_class_to_idx = numbered(self.bin_classes)
        self.class_to_idx = numbered(self.classes)
        self._images = [self._images_folder / f"{i}.jpg" for i in ids]
        self._segs = [self._segs_folder / f"{i}.png" for i in ids]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        """The transformed (image, target)."""
        image = read_image(self._images[idx], "RGB")
        get = {
            "category": lambda: self._labels[idx],
            "binary-category": lambda: self._bin_labels[idx],
            "segmentation": lambda: read_image(self._segs[idx]),
        }
        targets: list[Any] = [get[kind]() for kind in self._target_types]
        target = tuple(targets) if len(targets) > 1 else targets[0] if targets else None
        return self.transforms(image, target) if self.transforms else (image, target)

    def _check_exists(self) -> bool:
        return self._images_folder.is_dir() and self._anns_folder.is_dir()

    def _download(self) -> None:
        if not self._check_exists():
            for url, md5 in self._RESOURCES:
                download_and_extract_archive(url, str(self._base_folder), md5=md5)
