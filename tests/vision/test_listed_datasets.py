"""Data sets that are folders of images with lists of labels: items, labels, names, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy
import pytest

import rushlight as torch
from rushlight.vision import datasets

sys.path.insert(0, str(Path(__file__).parent))
import dataset_files as files  # noqa: E402
import listed_dataset_files as listed  # noqa: E402

pytest.importorskip("scipy", reason="some of the files are MATLAB's")


def opened(root, name, **options):
    cls = listed.adjusted(getattr(datasets, name), listed.WRITERS[name](root))
    return cls(str(root), **options)


def picture(seed):
    return files.pixels(seed, 6, 5, 3).tolist()


# data set, options -> labels; seeds of the pictures; some attributes
EXPECTED = [
    ("Caltech101", {}, [0, 0, 1, 1], [11, 12, 21, 22], {"categories": ["Faces", "accordion"]}),
    ("Caltech256", {}, [0, 0, 1, 1, 1], [1, 2, 11, 12, 13], {"y": [0, 0, 1, 1, 1]}),
    (
        "OxfordIIITPet",
        {},
        [0, 1, 0],
        [0, 1, 2],
        {"classes": ["Abyssinian", "American Bulldog"], "bin_class_to_idx": {"Cat": 0, "Dog": 1}},
    ),
    ("OxfordIIITPet", {"target_types": "binary-category"}, [0, 1, 0], [0, 1, 2], {}),
    ("Flowers102", {}, [4, 76, 101], [6, 2, 4], {}),
    ("Flowers102", {"split": "test"}, [4, 76], [5, 1], {}),
    ("Food101", {}, [1, 1, 0], [0, 1, 2], {"class_to_idx": {"apple_pie": 0, "waffles": 1}}),
    ("DTD", {}, [1, 0, 1], [0, 1, 2], {"classes": ["banded", "woven"]}),
    ("EuroSAT", {}, [0, 0, 1, 1], [0, 1, 10, 11], {"classes": ["Forest", "River"]}),
    ("Country211", {"split": "valid"}, [0, 0, 1, 1], [0, 1, 10, 11], {"classes": ["AD", "ZW"]}),
    (
        "Imagenette",
        {"split": "val", "size": "160px"},
        [0, 0, 1, 1],
        [0, 1, 10, 11],
        {"classes": [("tench", "Tinca tinca"), ("parachute", "chute")]},
    ),
    ("StanfordCars", {}, [1, 0], [1, 2], {"classes": ["AM General Hummer", "Acura RL"]}),
]


@pytest.mark.parametrize(
    ("name", "options", "labels", "seeds", "attributes"),
    EXPECTED,
    ids=[f"{row[0]} {list(row[1].values())}" for row in EXPECTED],
)
def test_pictures_and_labels(tmp_path, name, options, labels, seeds, attributes):
    data = opened(tmp_path, name, **options)
    assert len(data) == len(labels)
    assert [data[i][1] for i in range(len(data))] == labels
    assert [numpy.array(data[i][0]).tolist() for i in range(len(data))] == list(map(picture, seeds))
    for attribute, value in attributes.items():
        assert getattr(data, attribute) == value
    changed = opened(tmp_path, name, **options, target_transform=lambda label: -label)
    assert changed[1][1] == -labels[1]


def test_several_targets(tmp_path):
    data = opened(tmp_path, "Caltech101", target_type=["category", "annotation"])
    label, outline = data[2][1]
    assert label == 1 and outline.tolist() == [[3, 4, 5], [6, 7, 8]]
    label, mask = opened(tmp_path, "OxfordIIITPet", target_types=["category", "segmentation"])[1][1]
    assert (label, mask.mode, mask.size) == (1, "P", (5, 6))
    assert opened(tmp_path, "OxfordIIITPet", target_types=[])[0][1] is None


def test_voc(tmp_path):
    data = opened(tmp_path, "VOCSegmentation")
    image, mask = data[2]
    assert numpy.array(image).tolist() == picture(2) and data.masks is data.targets
    assert numpy.array(mask).tolist() == (files.pixels(2, 6, 5) % 3).tolist()
    both = opened(tmp_path, "VOCSegmentation", transforms=lambda i, m: (m.size, i.size))
    assert both[0] == ((5, 6), (5, 6))
    found = opened(tmp_path, "VOCDetection", image_set="val")
    assert len(found) == 2
    dog = {"name": "dog", "bndbox": {"xmin": "1", "ymax": "4"}}
    frame = {"folder": "VOC2012", "size": {"width": "5", "height": "6"}}
    assert found[0][1] == {"annotation": {**frame, "object": [dog]}}
    cat = {"name": "cat", "part": ["a", "b"]}
    assert found[1][1] == {"annotation": {**frame, "object": [dog, cat]}}
    with pytest.raises(ValueError, match="for argument image_set"):
        opened(tmp_path, "VOCDetection", image_set="test")
    with pytest.raises(ValueError, match="for argument year"):
        opened(tmp_path, "VOCDetection", year="2013")


def test_semeion_and_omniglot(tmp_path):
    data = opened(tmp_path, "SEMEION", download=False)
    assert data.labels.tolist() == [3, 0, 9, 3] and data[1][1] == 0
    numpy.testing.assert_array_equal(data.data.reshape(4, 256), files.pixels(1, 4, 256) % 2 * 255)
    characters = opened(tmp_path, "Omniglot")
    assert sorted(label for _, label in characters) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert characters[0][0].mode == "L"


def test_celeba(tmp_path):
    data = opened(tmp_path, "CelebA", target_type=["attr", "identity", "bbox", "landmarks"])
    assert data.filename == ["000001.jpg", "000003.jpg"] and data.attr_names[:2] == ["A0", "A1"]
    attributes, identity, box, landmarks = data[1][1]
    assert attributes.tolist() == (files.pixels(1, 4, 40)[2] % 2).tolist()
    assert identity.dtype is torch.int64 and identity.item() == files.pixels(2, 4, 1)[2, 0]
    assert box.tolist() == files.pixels(3, 4, 4)[2].tolist()
    assert landmarks.tolist() == files.pixels(4, 4, 10)[2].tolist()
    assert len(opened(tmp_path, "CelebA", split="all")) == 4
    assert opened(tmp_path, "CelebA", target_type=[])[0][1] is None
    with pytest.raises(ValueError, match='Target type "age" is not recognized'):
        opened(tmp_path, "CelebA", target_type="age")[0]
    with pytest.raises(
        RuntimeError, match="target_transform is specified but target_type is empty"
    ):
        opened(tmp_path, "CelebA", target_type=[], target_transform=abs)


@pytest.mark.parametrize("name", listed.WRITERS)
def test_what_is_missing(tmp_path, name):
    options = {"download": False} if name == "SEMEION" else {}
    with pytest.raises(RuntimeError, match=r"^Dataset not found") as caught:
        getattr(datasets, name)(str(tmp_path), **options)
    assert str(tmp_path) in str(caught.value)


def test_cars_are_not_downloaded(tmp_path):
    with pytest.raises(ValueError, match="cannot be downloaded anymore"):
        datasets.StanfordCars(tmp_path, download=True)
    with pytest.raises(ValueError, match="1 <= partition <= 10"):
        datasets.DTD(tmp_path, partition=11)


class FakeCoco:
    """What the data set asks of pycocotools."""

    def __init__(self, path):
        self.imgs = {7: {"file_name": "b.png"}, 3: {"file_name": "a.png"}}

    def loadImgs(self, number):
        return [self.imgs[number]]

    def getAnnIds(self, number):
        return [number * 10, number * 10 + 1]

    def loadAnns(self, numbers):
        return [{"id": n, "caption": f"caption {n}"} for n in numbers]


def test_coco(tmp_path, monkeypatch):
    import types

    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ImportError, match="pip install pycocotools"):
        datasets.CocoDetection(tmp_path, "annotations.json")
    package, module = types.ModuleType("pycocotools"), types.ModuleType("pycocotools.coco")
    module.COCO = FakeCoco
    monkeypatch.setitem(sys.modules, "pycocotools", package)
    monkeypatch.setitem(sys.modules, "pycocotools.coco", module)
    for k, name in enumerate("ab"):
        listed.put(tmp_path / f"{name}.png", files.png(k))
    data = datasets.CocoDetection(str(tmp_path), "annotations.json")
    assert len(data) == 2 and data.ids == [3, 7]
    assert [a["id"] for a in data[1][1]] == [70, 71]
    assert numpy.array(data[1][0]).tolist() == picture(1)
    assert datasets.CocoCaptions(tmp_path, "x", target_transform=len)[0][1] == 2
    assert datasets.CocoCaptions(tmp_path, "x")[0][1] == ["caption 30", "caption 31"]
    with pytest.raises(ValueError, match="Index must be of type integer, got <class 'slice'>"):
        data[0:1]
