"""MNIST and the data sets that share its files' format."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ... import from_numpy
from ._download import download as download_file
from ._idx import read_idx
from .vision import VisionDataset


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 training and 10,000 test images of 28x28 grey levels.

    Args:
        root: the folder that holds, or shall hold, `MNIST/raw/train-images-idx3-ubyte` (or `.gz`) and the others.
        train: the training or the test images.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int.
        download: fetch the files that are missing; their SHA-256 is checked.

    Raises:
        RuntimeError: if files are missing, or cannot be downloaded, or their contents do not fit together.

    Example:
        >>> from rushlight.vision import datasets
        >>> data = datasets.MNIST("data", train=False, download=True)   # doctest: +SKIP
        >>> image, label = data[0]                                      # doctest: +SKIP
    """

    mirrors: tuple[str, ...] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    )
    resources = (
        (
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    )
    # Folders where a distribution's package puts the same files.
    system_folders: tuple[str, ...] = ()
    package_advice = ""
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

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
        self.data, self.targets = self._load_data()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); untransformed, a PIL image of mode L and an int."""
        try:
            from PIL import Image
        except ImportError as e:
            raise ImportError(
                f"{type(self).__name__}: images are handed out as PIL images, and Pillow is not installed: "
                "pip install pillow; the whole set is also in .data and .targets, as tensors"
            ) from e
        image, target = Image.fromarray(self.data[index].numpy()), int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    @property
    def raw_folder(self) -> str:
        return os.path.join(str(self.root), type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        return os.path.join(str(self.root), type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    @property
    def train_data(self) -> Any:
        return self.data

    @property
    def train_labels(self) -> Any:
        return self.targets

    test_data, test_labels = train_data, train_labels

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    def download(self) -> None:
        """Fetch what is missing into `raw_folder`."""
        for name, sha256 in self.resources:
            if self._find(name) is None:
                urls = [mirror + name for mirror in self.mirrors]
                download_file(
                    urls, os.path.join(self.raw_folder, name), sha256, 1 << 26, self._advice()
                )

    def _check_exists(self) -> bool:
        return all(self._find(name) is not None for name, _ in self.resources)

    def _find(self, name: str) -> str | None:
        """The file `name` or its unpacked twin, where it lies."""
        for folder in (self.raw_folder, *self.system_folders):
            for candidate in (name.removesuffix(".gz"), name):
                path = os.path.join(folder, candidate)
                if os.path.isfile(path):
                    return path
        return None

    def _advice(self) -> str:
        places = f"Without a network, put the files {', '.join(n for n, _ in self.resources)} into {self.raw_folder}"
        return places + self.package_advice + "."

    def _load_data(self) -> tuple[Any, Any]:
        names = [name for name, _ in self.resources][0 if self.train else 2 :][:2]
        paths = [self._find(name) for name in names]
        if None in paths:
            raise RuntimeError(
                f"Dataset not found. You can use download=True to download it.\n{self._advice()}"
            )
        try:
            images, labels = (read_idx(path) for path in paths if path is not None)
        except ValueError as e:
            raise RuntimeError(
                f"{type(self).__name__}: {e}; delete the file and fetch it again"
            ) from e
        if (
            images.dtype.str != "|u1"
            or images.ndim != 3
            or labels.ndim != 1
            or len(images) != len(labels)
        ):
            raise RuntimeError(
                f"{type(self).__name__}: {paths[0]} holds {images.dtype} numbers of shape {images.shape} and "
                f"{paths[1]} {labels.dtype} of shape {labels.shape}; expected (n, height, width) bytes and n labels"
            )
        return from_numpy(images), from_numpy(labels.astype("int64"))


class FashionMNIST(MNIST):
    """Pictures of clothes: 60,000 training and 10,000 test images of 28x28 grey levels.

    Args: as for `MNIST`; the folder is `FashionMNIST/raw`. Debian's package `dataset-fashion-mnist` is found as well.
    """

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    resources = (
        (
            "train-images-idx3-ubyte.gz",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    )
    system_folders = ("/usr/share/datasets/fashion-mnist",)
    package_advice = ", or install the package dataset-fashion-mnist (Debian, Ubuntu)"
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]
