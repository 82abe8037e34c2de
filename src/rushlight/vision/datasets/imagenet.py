"""ImageNet, the classification data set of 2012."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ._mat import read_mat
from .folder import ImageFolder
from .utils import check_integrity, extract_archive, verify_str_arg

# part -> (archive, MD5)
ARCHIVE_META = {
    "train": ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
    "val": ("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
    "devkit": ("ILSVRC2012_devkit_t12.tar.gz", "fa75699e90414af021442c21a62c3abf"),
}
META_FILE = "meta.bin"
# 1,281,167 training images; the limit of other archives is lower.
MAX_IMAGES = 2_000_000


class ImageNet(ImageFolder):
    """1.28 million training and 50,000 validation photographs of a thousand classes.

    The archives must be fetched by hand (registration is required) and put into the root folder:
    `ILSVRC2012_devkit_t12.tar.gz` and `ILSVRC2012_img_train.tar` or `ILSVRC2012_img_val.tar`. They are unpacked once.

    Args:
        root: the folder.
        split: "train" or "val".
        transform, target_transform, loader, is_valid_file, allow_empty: as for `ImageFolder`.

    Attributes:
        classes: a tuple of names for each class.
        class_to_idx: the number of each name.
        wnids, wnid_to_idx: the WordNet ids of the classes, and the number of each.
        imgs, targets: as in `ImageFolder`.

    Raises:
        RuntimeError: an archive is missing or damaged.
        ValueError: another split.
    """

    def __init__(self, root: str | Path, split: str = "train", **kwargs: Any) -> None:
        root = self.root = os.path.expanduser(root)
        self.split = verify_str_arg(split, "split", ("train", "val"))
        self.parse_archives()
        names_of = load_meta_file(self.root)[0]
        super().__init__(self.split_folder, **kwargs)
        self.root = root
        self.wnids = self.classes
        self.wnid_to_idx = self.class_to_idx
        self.classes = [names_of[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: i for i, names in enumerate(self.classes) for name in names}

    def parse_archives(self) -> None:
        """Unpack what is not unpacked yet."""
        if not check_integrity(os.path.join(self.root, META_FILE)):
            parse_devkit_archive(self.root)
        if not os.path.isdir(self.split_folder):
            if self.split == "train":
                parse_train_archive(self.root)
            else:
                parse_val_archive(self.root)

    @property
    def split_folder(self) -> str:
        return os.path.join(self.root, self.split)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


def load_meta_file(root: str | Path, file: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """What `parse_devkit_archive` has written: the names of each WordNet id, and the ids of the validation images.

    Raises:
        RuntimeError: there is no such file.
    """
    from ...serialization import load

    name = META_FILE if file is None else file
    path = os.path.join(root, name)
    if not check_integrity(path):
        raise RuntimeError(
            f"The meta file {name} is not present in the root directory or is corrupted. "
            "This file is automatically created by the ImageNet dataset."
        )
    return load(path, weights_only=True)


def _archive(root: str | Path, part: str, file: str | None) -> str:
    """The path of an archive that is there and is the right one."""
    name, md5 = ARCHIVE_META[part]
    name = file or name
    path = os.path.join(root, name)
    if not check_integrity(path, md5):
        raise RuntimeError(
            f"The archive {name} is not present in the root directory or is corrupted. "
            f"You need to download it externally and place it in {root}."
        )
    return path


def parse_devkit_archive(root: str | Path, file: str | None = None) -> None:
    """Read the classes and the validation labels from the development kit and keep them in `meta.bin`. Needs scipy.

    Args:
        root: the folder of the archive.
        file: its name; default: `ILSVRC2012_devkit_t12.tar.gz`.
    """
    from ...serialization import save

    archive = _archive(root, "devkit", file)
    with tempfile.TemporaryDirectory() as folder:
        extract_archive(archive, folder)
        data = os.path.join(folder, "ILSVRC2012_devkit_t12", "data")
        (synsets,) = read_mat(os.path.join(data, "meta.mat"), "synsets", squeeze_me=True)
        labels = Path(data, "ILSVRC2012_validation_ground_truth.txt").read_text(encoding="ascii")
    wnid_of, names_of = {}, {}
    for number, wnid, words, _, children, *_ in synsets.tolist():
        if children == 0:  # a class; the others are above it in WordNet's tree
            wnid_of[int(number)] = str(wnid)
            names_of[str(wnid)] = tuple(str(words).split(", "))
    val_wnids = [wnid_of[int(line)] for line in labels.split()]
    save((names_of, val_wnids), os.path.join(root, META_FILE))


def parse_train_archive(root: str | Path, file: str | None = None, folder: str = "train") -> None:
    """Unpack the training images, an archive of archives, into one folder per class.

    Args:
        root: the folder of the archive.
        file: its name; default: `ILSVRC2012_img_train.tar`.
        folder: where the images go, below `root`.
    """
    target = os.path.join(root, folder)
    extract_archive(_archive(root, "train", file), target, max_files=MAX_IMAGES)
    for name in sorted(os.listdir(target)):
        inner = os.path.join(target, name)
        extract_archive(inner, os.path.splitext(inner)[0], remove_finished=True)


def parse_val_archive(
    root: str | Path,
    file: str | None = None,
    wnids: list[str] | None = None,
    folder: str = "val",
) -> None:
    """Unpack the validation images and sort them into one folder per class.

    Args:
        root: the folder of the archive.
        file: its name; default: `ILSVRC2012_img_val.tar`.
        wnids: the class of each image, in the order of their names; default: from `meta.bin`.
        folder: where the images go, below `root`.
    """
    archive = _archive(root, "val", file)
    if wnids is None:
        wnids = load_meta_file(root)[1]
    target = os.path.join(root, folder)
    extract_archive(archive, target)
    images = sorted(os.listdir(target))
    for wnid in set(wnids):
        os.mkdir(os.path.join(target, wnid))
    for wnid, name in zip(wnids, images):
        shutil.move(os.path.join(target, name), os.path.join(target, wnid, name))
