"""Pascal VOC, for segmentation and detection."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._labelled import NOT_FOUND_OR_CORRUPTED, require
from .folder import read_image
from .utils import download_and_extract_archive, verify_str_arg
from .vision import VisionDataset


def _year(part: str, name: str, md5: str, base: str, filename: str | None = None) -> dict[str, str]:
    url = f"https://thor.robots.ox.ac.uk/pascal/VOC/voc{part}/{name}"
    return {"url": url, "filename": filename or name, "md5": md5, "base_dir": base}


_KIT = "VOCdevkit"
DATASET_YEAR_DICT = {
    "2012": _year(
        "2012",
        "VOCtrainval_11-May-2012.tar",
        "6cd6e144f989b92b3379bac3b3de84fd",
        os.path.join(_KIT, "VOC2012"),
    ),
    "2011": _year(
        "2011",
        "VOCtrainval_25-May-2011.tar",
        "6c3384ef61512963050cb5d687e5bf1e",
        os.path.join("TrainVal", _KIT, "VOC2011"),
    ),
    "2010": _year(
        "2010",
        "VOCtrainval_03-May-2010.tar",
        "da459979d0c395079b5c75ee67908abb",
        os.path.join(_KIT, "VOC2010"),
    ),
    "2009": _year(
        "2009",
        "VOCtrainval_11-May-2009.tar",
        "a3e00b113cfcfebf17e343f59da3caa1",
        os.path.join(_KIT, "VOC2009"),
    ),
    "2008": _year(
        "2008",
        "VOCtrainval_14-Jul-2008.tar",
        "2629fa636546599198acfcfbfcf1904a",
        os.path.join(_KIT, "VOC2008"),
        "VOCtrainval_11-May-2012.tar",  # the name under which torchvision keeps it
    ),
    "2007": _year(
        "2007",
        "VOCtrainval_06-Nov-2007.tar",
        "c52e279531787c972589f7e41ab4ae64",
        os.path.join(_KIT, "VOC2007"),
    ),
    "2007-test": _year(
        "2007",
        "VOCtest_06-Nov-2007.tar",
        "b6e924de25625d8de591ea690078ad9f",
        os.path.join(_KIT, "VOC2007"),
    ),
}


class _VOCBase(VisionDataset):
    """Args, for both data sets:
    root: the folder that holds, or shall hold, `VOCdevkit`.
    year: "2007" to "2012".
    image_set: "train", "val" or "trainval"; for 2007 also "test".
    download: fetch the archive and unpack it.
    transform: a callable of the image, which is a PIL image of mode RGB.
    target_transform: a callable of the target.
    transforms: a callable of both; excludes the other two.
    """

    _SPLITS_DIR: str
    _TARGET_DIR: str
    _TARGET_FILE_EXT: str

    def __init__(
        self,
        root: str | Path,
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        transforms: Callable | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.year = verify_str_arg(year, "year", [str(y) for y in range(2007, 2013)])
        known = ["train", "trainval", "val"] + ["test"] * (year == "2007")
        self.image_set = verify_str_arg(image_set, "image_set", known)
        table = DATASET_YEAR_DICT["2007-test" if image_set == "test" else year]
        self.url, self.filename, self.md5 = table["url"], table["filename"], table["md5"]
        base = os.path.join(self.root, table["base_dir"])
        if download:
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.md5)
        require(os.path.isdir(base), base, NOT_FOUND_OR_CORRUPTED)
        listed = Path(base, "ImageSets", self._SPLITS_DIR, f"{image_set}.txt")
        names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines()]
        self.images = [os.path.join(base, "JPEGImages", f"{name}.jpg") for name in names]
        ending = self._TARGET_FILE_EXT
        self.targets = [os.path.join(base, self._TARGET_DIR, name + ending) for name in names]

    def _target(self, path: str) -> Any:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The transformed (image, target)."""
        image, target = read_image(self.images[index], "RGB"), self._target(self.targets[index])
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self) -> int:
        return len(self.images)


class VOCSegmentation(_VOCBase):
    """Photographs with a picture of the class of each pixel: 0 the background, 1 to 20 the classes, 255 borders.

    Args:
        root: the folder that holds, or shall hold, `VOCdevkit`.
        year: "2007" to "2012".
        image_set: "train", "val" or "trainval"; for 2007 also "test".
        download: fetch the archive and unpack it.
        transform: a callable of the image, which is a PIL image of mode RGB.
        target_transform: a callable of the target, a PIL image of mode P.
        transforms: a callable of both; excludes the other two.

    Raises:
        RuntimeError: the files are not there.
        ValueError: another year or set.
    """

    _SPLITS_DIR = "Segmentation"
    _TARGET_DIR = "SegmentationClass"
    _TARGET_FILE_EXT = ".png"

    @property
    def masks(self) -> list[str]:
        return self.targets

    def _target(self, path: str) -> Any:
        return read_image(path)


class VOCDetection(_VOCBase):
    """Photographs with the objects on them, as a dict of the XML file's elements.

    Args: as for `VOCSegmentation`; the target is the dict.

    Raises: as `VOCSegmentation`.
    """

    _SPLITS_DIR = "Main"
    _TARGET_DIR = "Annotations"
    _TARGET_FILE_EXT = ".xml"

    @property
    def annotations(self) -> list[str]:
        return self.targets

    def _target(self, path: str) -> Any:
        from xml.etree.ElementTree import parse

        return self.parse_voc_xml(parse(path).getroot())

    @staticmethod
    def parse_voc_xml(node: Any) -> dict[str, Any]:
        """An element as a dict; what comes several times, and every annotation's "object", is a list."""
        children: dict[str, list[Any]] = {}
        for child in node:
            for name, value in VOCDetection.parse_voc_xml(child).items():
                children.setdefault(name, []).append(value)
        if not children:
            return {node.tag: node.text.strip()} if node.text else {}
        if node.tag == "annotation":
            children["object"] = [children.get("object", [])]
        return {node.tag: {name: v[0] if len(v) == 1 else v for name, v in children.items()}}
