"""SEMEION: handwritten digits in black and white."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import NOT_FOUND_OR_CORRUPTED, require
from .folder import pillow
from .utils import check_integrity, download_url
from .vision import VisionDataset


class SEMEION(VisionDataset):
    """1,593 handwritten digits of 16x16, each pixel 0 or 255.

    Args:
        root: the folder that holds, or shall hold, `semeion.data`.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int.
        download: fetch the file if it is missing or damaged; True by default.

    Raises:
        RuntimeError: the file is missing, damaged or holds something else.
    """

    url = "http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/semeion.data"
    filename = "semeion.data"
    md5_checksum: Any = "cb545d371d2ce14ec121470795a77432"

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = True,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        if download:
            self.download()
        require(self._check_integrity(), self.root, NOT_FOUND_OR_CORRUPTED)
        import numpy

        path = os.path.join(self.root, self.filename)
        try:
            table = numpy.loadtxt(path)
            pixels, classes = table[:, :256], table[:, 256:]
            self.data = (pixels * 255).astype("uint8").reshape(-1, 16, 16)
            self.labels = numpy.nonzero(classes)[1]
        except (ValueError, IndexError) as e:
            raise RuntimeError(f"{path}: not a SEMEION file: {e}") from e

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); untransformed, a PIL image of mode L and an int."""
        return self._transformed(pillow().fromarray(self.data[index]), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def _check_integrity(self) -> bool:
        return check_integrity(os.path.join(self.root, self.filename), self.md5_checksum)

    def download(self) -> None:
        """Fetch the file into the root folder, unless it is there."""
        if not self._check_integrity():
            download_url(self.url, self.root, self.filename, self.md5_checksum)
