"""CelebA: faces with attributes."""

from __future__ import annotations

import csv
import os
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import NOT_FOUND_OR_CORRUPTED, require
from .folder import read_image
from .utils import (
    check_integrity,
    download_file_from_google_drive,
    extract_archive,
    verify_str_arg,
)
from .vision import VisionDataset

CSV = namedtuple("CSV", ["header", "index", "data"])
PARTS = {"train": 0, "valid": 1, "test": 2, "all": None}


class CelebA(VisionDataset):
    """202,599 photographs of faces, 178x218, with forty attributes.

    Args:
        root: the folder that holds, or shall hold, `celeba`.
        split: "train", "valid", "test" or "all".
        target_type: "attr", (40,) of 0 and 1; "identity", the person's number; "bbox", (4,): x, y, width and height in the
            original picture; "landmarks", (10,); or a list of them: then a tuple, or None for an empty list.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the target.
        download: fetch the files if they are missing; needs gdown.

    Raises:
        RuntimeError: the files are not there, or a target_transform without targets.
        ValueError: another split or target.
    """

    base_folder = "celeba"
    # (id at Google Drive, MD5, file)
    file_list: Any = [
        (
            "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
            "00d2c5bc6d35e252742224ab0c1e8fcb",
            "img_align_celeba.zip",
        ),
        (
            "0B7EVK8r0v71pblRyaVFSWGxPY0U",
            "75e246fa4810816ffd6ee81facbd244c",
            "list_attr_celeba.txt",
        ),
        (
            "1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS",
            "32bd1bd63d3c78cd57e08160ec5ed1e2",
            "identity_CelebA.txt",
        ),
        (
            "0B7EVK8r0v71pbThiMVRxWXZ4dU0",
            "00566efa6fedff7a56946cd1c10f1c16",
            "list_bbox_celeba.txt",
        ),
        (
            "0B7EVK8r0v71pd0FJY3Blby1HUTQ",
            "cc24ecafdb5b50baae59b03474781f8c",
            "list_landmarks_align_celeba.txt",
        ),
        (
            "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
            "d32c9cbf5e040fd4025c592c306e6668",
            "list_eval_partition.txt",
        ),
    ]

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        target_type: list[str] | str = "attr",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        if not self.target_type and self.target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        if download:
            self.download()
        require(self._check_integrity(), self._path(""), NOT_FOUND_OR_CORRUPTED)
        lowered = split.lower() if isinstance(split, str) else split
        part = PARTS[verify_str_arg(lowered, "split", tuple(PARTS))]
        self._read(part)

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _read(self, part: int | None) -> None:
        splits = self._load_csv("list_eval_partition.txt")
        wanted: Any = slice(None)
        self.filename = splits.index
        if part is not None:
            wanted = (splits.data == part).reshape(-1)
            self.filename = [name for name, w in zip(splits.index, wanted.tolist()) if w]
        self.identity = self._load_csv("identity_CelebA.txt").data[wanted]
        self.bbox = self._load_csv("list_bbox_celeba.txt", header=1).data[wanted]
        landmarks = self._load_csv("list_landmarks_align_celeba.txt", header=1)
        self.landmarks_align = landmarks.data[wanted]
        attributes = self._load_csv("list_attr_celeba.txt", header=1)
        # -1 and 1 in the file
        self.attr = (attributes.data[wanted] + 1).div(2, rounding_mode="floor")
        self.attr_names = attributes.header

    def _load_csv(self, filename: str, header: int | None = None) -> CSV:
        """A table of numbers with a name in front of each row; `header` is the number of the line of headings."""
        from ... import tensor

        with open(self._path(filename), encoding="utf-8") as f:
            rows = list(csv.reader(f, delimiter=" ", skipinitialspace=True))
        headings = [] if header is None else rows[header]
        rows = rows if header is None else rows[header + 1 :]
        numbers = [[int(value) for value in row[1:]] for row in rows]
        return CSV(headings, [row[0] for row in rows], tensor(numbers))

    def _check_integrity(self) -> bool:
        # The archive may have been deleted after it was unpacked.
        tables = [(md5, name) for _, md5, name in self.file_list if not name.endswith(".zip")]
        there = all(check_integrity(self._path(name), md5) for md5, name in tables)
        return there and os.path.isdir(self._path("img_align_celeba"))

    def download(self) -> None:
        """Fetch the files from Google Drive and unpack the images, unless all is there."""
        if self._check_integrity():
            return
        for file_id, md5, name in self.file_list:
            download_file_from_google_drive(file_id, self._path(""), name, md5)
        extract_archive(self._path("img_align_celeba.zip"))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, target)."""
        image = read_image(os.path.join(self._path("img_align_celeba"), self.filename[index]))
        get = {
            "attr": lambda: self.attr[index, :],
            "identity": lambda: self.identity[index, 0],
            "bbox": lambda: self.bbox[index, :],
            "landmarks": lambda: self.landmarks_align[index, :],
        }
        for kind in self.target_type:
            if kind not in get:
                raise ValueError(f'Target type "{kind}" is not recognized.')
        targets = [get[kind]() for kind in self.target_type]
        if not targets:
            return self.transform(image) if self.transform is not None else image, None
        return self._transformed(image, tuple(targets) if len(targets) > 1 else targets[0])

    def __len__(self) -> int:
        return len(self.attr)

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}\nSplit: {self.split}"
