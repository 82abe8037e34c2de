"""USPS: digits of zip codes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._extract import byte_limit
from .folder import pillow
from .utils import download_url
from .vision import VisionDataset


class USPS(VisionDataset):
    """Handwritten digits of zip codes: 7,291 training and 2,007 test images of 16x16 grey levels.

    Args:
        root: the folder that holds, or shall hold, `usps.bz2` and `usps.t.bz2`.
        train: the training or the test images.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int.
        download: fetch the file if it is missing.

    Attributes:
        data: the images, a numpy array of uint8, (N, 16, 16).
        targets: the labels, a list of int.

    Raises:
        FileNotFoundError: the file is missing.
        RuntimeError: it holds something else.
    """

    # part -> [address, file, MD5]
    split_list: Any = {
        "train": [
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",
            "usps.bz2",
            "ec16c51db3855ca6c91edd34d0e9b197",
        ],
        "test": [
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2",
            "usps.t.bz2",
            "8ea070ee2aca1ac39742fdd1ef5ed118",
        ],
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
        url, name, md5 = self.split_list["train" if train else "test"]
        path = os.path.join(self.root, name)
        if download and not os.path.exists(path):
            download_url(url, self.root, name, md5=md5)
        try:
            self.data, self.targets = _read(path)
        except (ValueError, EOFError) as e:
            raise RuntimeError(f"{path}: not a USPS file: {e}") from e

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); untransformed, a PIL image of mode L and an int."""
        return self._transformed(pillow().fromarray(self.data[index]), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)


def _read(path: str) -> tuple[Any, list[int]]:
    """Lines of `label 1:value ... 256:value`; labels are 1 to 10, values -1 to 1."""
    import bz2

    import numpy

    limit = byte_limit(path, None)
    with bz2.open(path) as f:
        text = f.read(limit + 1)
    if len(text) > limit:
        raise ValueError(f"more than {limit} bytes of text")
    rows = [line.split() for line in text.decode("ascii").splitlines()]
    values = [[item.rpartition(":")[2] for item in row[1:]] for row in rows]
    images = numpy.asarray(values, numpy.float32).reshape(-1, 16, 16)
    return ((images + 1) / 2 * 255).astype(numpy.uint8), [int(row[0]) - 1 for row in rows]
