"""MNIST and the data sets that share its files' format."""

from __future__ import annotations

import os
import shutil
import string
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._idx import read_idx
from .folder import pillow
from .utils import (
    check_integrity,
    download_and_extract_archive,
    download_url,
    extract_archive,
    verify_str_arg,
)
from .vision import VisionDataset

DIGITS = (
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
)


def _old_name(name: str, new: str) -> property:
    def get(self: Any) -> Any:
        warnings.warn(f"{name} has been renamed {new}", stacklevel=2)
        return getattr(self, new)

    return property(get, doc=f"`{new}`, as old programs call it.")


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 training and 10,000 test images of 28x28 grey levels.

    Args:
        root: the folder that holds, or shall hold, `MNIST/raw/train-images-idx3-ubyte` (or `.gz`) and the others.
        train: the training or the test images.
        transform: a callable of the image, which is a PIL image.
        target_transform: a callable of the label, an int.
        download: fetch the files that are missing; their digests are checked.

    Attributes:
        data: the images, uint8 of shape (N, 28, 28).
        targets: the labels, int64 of shape (N,).

    Raises:
        RuntimeError: if files are missing, or cannot be downloaded, or their contents do not fit together.

    Example:
        >>> from rushlight.vision import datasets
        >>> data = datasets.MNIST("data", train=False, download=True)   # doctest: +SKIP
        >>> image, label = data[0]                                      # doctest: +SKIP
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    # (file, MD5)
    resources: Any = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file = "training.pt"
    test_file = "test.pt"
    classes = list(DIGITS)
    # Folders where a distribution's package puts the same files.
    system_folders: tuple[str, ...] = ()
    package_advice = ""

    train_labels = _old_name("train_labels", "targets")
    test_labels = _old_name("test_labels", "targets")
    train_data = _old_name("train_data", "data")
    test_data = _old_name("test_data", "data")

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
        if self._check_legacy_exist():
            self.data, self.targets = self._load_legacy_data()
            return
        if download:
            self.download()
        if not (self._part_exists() or self._check_exists()):
            raise RuntimeError(
                f"Dataset not found. You can use download=True to download it.\n{self._advice()}"
            )
        self.data, self.targets = self._load_data()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); untransformed, a PIL image of mode L and an int."""
        image = pillow().fromarray(self.data[index].numpy())
        return self._transformed(image, int(self.targets[index]))

    @property
    def raw_folder(self) -> str:
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    @property
    def images_file(self) -> str:
        return os.path.join(
            self.raw_folder, f"{'train' if self.train else 't10k'}-images-idx3-ubyte"
        )

    @property
    def labels_file(self) -> str:
        return os.path.join(
            self.raw_folder, f"{'train' if self.train else 't10k'}-labels-idx1-ubyte"
        )

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"

    # --- files ------------------------------------------------------------------------------------

    def download(self) -> None:
        """Fetch what is missing into `raw_folder`, and unpack it."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for filename, md5 in self.resources:
            if not self._is_usable(filename, md5):
                self._fetch(filename, md5)
                extract_archive(os.path.join(self.raw_folder, filename), self.raw_folder)

    def _fetch(self, filename: str, md5: str) -> None:
        text = f"Error downloading {filename}:\n"
        for mirror in self.mirrors:
            try:
                return download_url(f"{mirror}{filename}", self.raw_folder, filename, md5)
            except (RuntimeError, OSError) as e:
                text += f"Tried {mirror}, got:\n{e}\n"
        raise RuntimeError(text + self._advice())

    def _is_usable(self, filename: str, md5: str) -> bool:
        """Whether the file is there, unpacked or whole."""
        path = self._find(_unpacked(filename))
        if path is None:
            return False
        packed = path.endswith(".gz") and path.startswith(self.raw_folder)
        if not packed or check_integrity(path, md5):
            return True
        try:
            read_idx(path)  # packed anew by somebody, but whole
        except ValueError:
            return False
        return True

    def _find(self, name: str) -> str | None:
        """The file `name`, or `name.gz`, where it lies."""
        for folder in (self.raw_folder, *self.system_folders):
            for candidate in (name, f"{name}.gz"):
                path = os.path.join(folder, candidate)
                if os.path.isfile(path):
                    return path
        return None

    def _part_exists(self) -> bool:
        """Whether there is what this part of the data set needs."""
        files = (self.images_file, self.labels_file)
        return all(self._find(os.path.basename(f)) is not None for f in files)

    def _check_exists(self) -> bool:
        return all(self._is_usable(name, md5) for name, md5 in self.resources)

    def _check_legacy_exist(self) -> bool:
        files = (self.training_file, self.test_file)
        return all(os.path.isfile(os.path.join(self.processed_folder, f)) for f in files)

    def _load_legacy_data(self) -> Any:
        """The two tensors that torchvision kept in `processed` until 2020."""
        from ...serialization import load

        name = self.training_file if self.train else self.test_file
        return load(os.path.join(self.processed_folder, name), weights_only=True)

    def _advice(self) -> str:
        names = ", ".join(os.path.basename(f) for f in (self.images_file, self.labels_file))
        places = f"Without a network, put the files {names} (or the same with .gz) into {self.raw_folder}"
        return places + self.package_advice + "."

    # --- contents ---------------------------------------------------------------------------------

    def _load_data(self) -> tuple[Any, Any]:
        paths = [self._find(os.path.basename(f)) for f in (self.images_file, self.labels_file)]
        images, labels = (self._read(path) for path in paths if path is not None)
        if (
            images.dtype.str != "|u1"
            or images.ndim != 3
            or labels.ndim != self._label_dims
            or len(images) != len(labels)
        ):
            raise RuntimeError(
                f"{type(self).__name__}: {paths[0]} holds {images.dtype} numbers of shape {images.shape} and "
                f"{paths[1]} {labels.dtype} of shape {labels.shape}; expected (n, height, width) bytes and n labels"
            )
        from ... import from_numpy

        return from_numpy(images), from_numpy(labels.astype("int64"))

    _label_dims = 1

    def _read(self, path: str) -> Any:
        try:
            return read_idx(path)
        except ValueError as e:
            raise RuntimeError(
                f"{type(self).__name__}: {e}; delete the file and fetch it again"
            ) from e


def _unpacked(resource: str) -> str:
    return os.path.splitext(os.path.basename(resource))[0]


class FashionMNIST(MNIST):
    """Pictures of clothes: 60,000 training and 10,000 test images of 28x28 grey levels.

    Args: as for `MNIST`; the folder is `FashionMNIST/raw`. Debian's package `dataset-fashion-mnist` is found as well.
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
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


class KMNIST(MNIST):
    """Cursive Japanese characters: 60,000 training and 10,000 test images of 28x28 grey levels.

    Args: as for `MNIST`; the folder is `KMNIST/raw`.
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_ALL = set(string.digits + string.ascii_letters)
# Letters whose capital looks like the small one.
_MERGED = set("cijklmopsuvwxyz")


class EMNIST(MNIST):
    """Handwritten digits and letters, 28x28 grey levels, in six splits.

    Args:
        root: the folder that holds, or shall hold, `EMNIST/raw`.
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
        train, transform, target_transform, download: as for `MNIST`.

    Raises: as `MNIST`; ValueError for another split.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": sorted(_ALL),
        "bymerge": sorted(_ALL - _MERGED),
        "balanced": sorted(_ALL - _MERGED),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        self.training_file = f"training_{split}.pt"
        self.test_file = f"test_{split}.pt"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    @property
    def _file_prefix(self) -> str:
        return f"emnist-{self.split}-{'train' if self.train else 'test'}"

    @property
    def images_file(self) -> str:
        return os.path.join(self.raw_folder, f"{self._file_prefix}-images-idx3-ubyte")

    @property
    def labels_file(self) -> str:
        return os.path.join(self.raw_folder, f"{self._file_prefix}-labels-idx1-ubyte")

    def _check_exists(self) -> bool:
        return self._part_exists()

    def download(self) -> None:
        """Fetch the archive of all splits into `raw_folder`, and unpack it."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        folder = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(folder):
            if name.endswith(".gz"):
                extract_archive(os.path.join(folder, name), self.raw_folder)
        shutil.rmtree(folder)


class QMNIST(MNIST):
    """MNIST with all 60,000 test images and what is known of each digit's writer.

    Args:
        root: the folder that holds, or shall hold, `QMNIST/raw`.
        what: "train", "test", "test10k" (the test images of MNIST), "test50k" (the others) or "nist" (everything);
            default: "train" or "test", as `train` says.
        compat: labels are digits (default) or rows of eight numbers.
        train, transform, target_transform, download: as for `MNIST`.

    Raises: as `MNIST`; ValueError for another part.
    """

    subsets = {
        "train": "train",
        "test": "test",
        "test10k": "test",
        "test50k": "test",
        "nist": "nist",
    }
    resources = {
        "train": [
            (
                "https://raw.githubusercontent.com/facebookresearch/qmnist/master/qmnist-train-images-idx3-ubyte.gz",
                "ed72d4157d28c017586c42bc6afe6370",
            ),
            (
                "https://raw.githubusercontent.com/facebookresearch/qmnist/master/qmnist-train-labels-idx2-int.gz",
                "0058f8dd561b90ffdd0f734c6a30e5e4",
            ),
        ],
        "test": [
            (
                "https://raw.githubusercontent.com/facebookresearch/qmnist/master/qmnist-test-images-idx3-ubyte.gz",
                "1394631089c404de565df7b7aeaf9412",
            ),
            (
                "https://raw.githubusercontent.com/facebookresearch/qmnist/master/qmnist-test-labels-idx2-int.gz",
                "5b5b05890a5e13444e108efe57b788aa",
            ),
        ],
        "nist": [
            (
                "https://raw.githubusercontent.com/facebookresearch/qmnist/master/xnist-images-idx3-ubyte.xz",
                "7f124b3b8ab81486c9d8c2749c17f834",
            ),
            (
                "https://raw.githubusercontent.com/facebookresearch/qmnist/master/xnist-labels-idx2-int.xz",
                "5ed0e788978e45d4a8bd4b7caec3d79d",
            ),
        ],
    }
    _label_dims = 2

    def __init__(
        self,
        root: str | Path,
        what: str | None = None,
        compat: bool = True,
        train: bool = True,
        **kwargs: Any,
    ) -> None:
        if what is None:
            what = "train" if train else "test"
        self.what = verify_str_arg(what, "what", tuple(self.subsets))
        self.compat = compat
        self.data_file = self.training_file = self.test_file = f"{what}.pt"
        super().__init__(root, train, **kwargs)

    @property
    def _urls(self) -> Any:
        return self.resources[self.subsets[self.what]]

    @property
    def images_file(self) -> str:
        return os.path.join(self.raw_folder, _unpacked(self._urls[0][0]))

    @property
    def labels_file(self) -> str:
        return os.path.join(self.raw_folder, _unpacked(self._urls[1][0]))

    def _check_exists(self) -> bool:
        return self._part_exists()

    def download(self) -> None:
        """Fetch what this part needs into `raw_folder`, and unpack it."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for url, md5 in self._urls:
            download_and_extract_archive(url, self.raw_folder, md5=md5)

    def _load_data(self) -> tuple[Any, Any]:
        data, targets = super()._load_data()
        part = {"test10k": slice(0, 10000), "test50k": slice(10000, None)}.get(self.what)
        return (data, targets) if part is None else (data[part].clone(), targets[part].clone())

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, label); the label is an int, or with `compat=False` a row of eight numbers."""
        image, target = pillow().fromarray(self.data[index].numpy()), self.targets[index]
        return self._transformed(image, int(target[0]) if self.compat else target)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"


# --- the format -----------------------------------------------------------------------------------


def get_int(b: bytes) -> int:
    """A big-endian number."""
    return int.from_bytes(b, "big")


def read_sn3_pascalvincent_tensor(path: str | Path, strict: bool = True) -> Any:
    """An IDX file, plain or gzipped, as a tensor.

    Args:
        path: the file.
        strict: accepted; files whose length is not what their header says are always refused.

    Raises:
        ValueError: the file is not what its header says.
    """
    from ... import from_numpy

    return from_numpy(read_idx(path))


def read_label_file(path: str | Path) -> Any:
    """An IDX file of labels, as an int64 tensor (N,)."""
    labels = _of_bytes(path, 1)
    return labels.long()


def read_image_file(path: str | Path) -> Any:
    """An IDX file of images, as a uint8 tensor (N, H, W)."""
    return _of_bytes(path, 3)


def _of_bytes(path: str | Path, dims: int) -> Any:
    from ... import uint8

    x = read_sn3_pascalvincent_tensor(path)
    if x.dtype != uint8:
        raise TypeError(f"x should be of dtype torch.uint8 instead of {x.dtype}")
    if x.ndim != dims:
        raise ValueError(f"x should have {dims} dimension instead of {x.ndim}")
    return x
