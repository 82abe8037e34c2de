"""The Street View House Numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._mat import read_mat
from .folder import pillow
from .utils import check_integrity, download_url, verify_str_arg
from .vision import VisionDataset


class SVHN(VisionDataset):
    """Digits of house numbers: 73,257 training, 26,032 test and 531,131 further images of 32x32 in colour.

    The label of the digit 0 is 0 (the files say 10). Needs scipy.

    Args:
        root: the folder that holds, or shall hold, `train_32x32.mat` and the others.
        split: "train", "test" or "extra".
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int.
        download: fetch the file if it is missing or damaged.

    Attributes:
        data: the images, a numpy array of uint8, (N, 3, 32, 32).
        labels: the labels, a numpy array of int64, (N,).

    Raises:
        RuntimeError: the file is missing, damaged or holds something else.
        ValueError: another split.
    """

    # split -> [address, file, MD5]
    split_list: Any = {
        split: [
            f"http://ufldl.stanford.edu/housenumbers/{split}_32x32.mat",
            f"{split}_32x32.mat",
            md5,
        ]
        for split, md5 in (
            ("train", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            ("test", "eb5a983be6a315427106f1b164d9cef3"),
            ("extra", "a93ce644f1a588dc4d68dda5feec44a7"),
        )
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
            )
        path = os.path.join(self.root, self.filename)
        images, labels = read_mat(path, "X", "y")
        if images.dtype != "uint8" or images.ndim != 4 or labels.size != images.shape[3]:
            raise RuntimeError(
                f"{path}: X holds {images.dtype} numbers of shape {images.shape} and y {labels.size} labels; "
                "expected bytes of shape (32, 32, 3, n) and n labels"
            )
        self.labels = labels.astype("int64").squeeze()
        self.labels[self.labels == 10] = 0
        self.data = images.transpose(3, 2, 0, 1)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); untransformed, a PIL image of mode RGB and an int."""
        image = pillow().fromarray(self.data[index].transpose(1, 2, 0))
        return self._transformed(image, int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def _check_integrity(self) -> bool:
        md5 = self.split_list[self.split][2]
        return check_integrity(os.path.join(self.root, self.filename), md5)

    def download(self) -> None:
        """Fetch the file into the root folder, unless it is there."""
        download_url(self.url, self.root, self.filename, self.split_list[self.split][2])

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
