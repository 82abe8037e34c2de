"""`wrap_dataset_for_transforms_v2` side by side with torchvision, on tiny copies of data sets."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy
import pytest

pytest.importorskip("PIL")

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

sys.path.insert(0, str(Path(__file__).parents[1] / "vision"))
import listed_dataset_files as listed  # noqa: E402
import transform_v2_cases as cases  # noqa: E402
from torchvision_reference import reference  # noqa: E402

import rushlight  # noqa: E402
from rushlight import vision  # noqa: E402

torchvision = reference()
LIBRARIES = (
    (cases.Library(torch, torchvision), torchvision),
    (cases.Library(rushlight, vision), vision),
)


class _CocoFile:
    """The parts of pycocotools.coco.COCO that data sets use."""

    def __init__(self, path: str) -> None:
        content = json.loads(Path(path).read_text())
        self.imgs = {image["id"]: image for image in content["images"]}
        self._annotations = content["annotations"]

    def loadImgs(self, id):
        return [self.imgs[id]]

    def getAnnIds(self, id):
        return [a["id"] for a in self._annotations if a["image_id"] == id]

    def loadAnns(self, ids):
        return [a for a in self._annotations if a["id"] in ids]


@pytest.fixture
def coco(tmp_path, monkeypatch):
    module = types.ModuleType("pycocotools.coco")
    module.COCO = _CocoFile
    monkeypatch.setitem(sys.modules, "pycocotools", types.ModuleType("pycocotools"))
    monkeypatch.setitem(sys.modules, "pycocotools.coco", module)
    listed.put(tmp_path / "a.jpg", listed.png(1))
    listed.put(tmp_path / "b.jpg", listed.png(2))
    boxes = [[1, 1, 2, 3], [0.5, 0, 2.5, 1]]
    annotations = [
        {"id": i, "image_id": 7, "bbox": box, "category_id": i + 3, "area": 1.5, "iscrowd": 0}
        for i, box in enumerate(boxes)
    ]
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}]
    listed.put(tmp_path / "c.json", json.dumps({"images": images, "annotations": annotations}))
    return tmp_path


def compare(open_one, target_keys=None):
    found = []
    for library, package in LIBRARIES:
        data = open_one(package.datasets)
        kind = type(data)
        wrapped = package.datasets.wrap_dataset_for_transforms_v2(data, target_keys)
        assert isinstance(wrapped, kind)
        items = [cases.parts(library, wrapped[i]) for i in range(len(wrapped))]
        wrapped.transforms = library.T.Compose(
            [library.T.RandomHorizontalFlip(1.0), library.T.ToImage()]
        )
        items += [cases.parts(library, wrapped[i]) for i in range(len(wrapped))]
        found.append([part for item in items for part in item])
    assert [part[:2] for part in found[1]] == [part[:2] for part in found[0]]
    for (_, _, a), (_, _, b) in zip(*found):
        assert (a is None and b is None) or (a.dtype == b.dtype and numpy.array_equal(a, b))


@pytest.mark.parametrize("keys", [None, ["boxes"], ["image_id", "labels", "area"]])
def test_coco(coco, keys):
    compare(lambda D: D.CocoDetection(str(coco), str(coco / "c.json")), keys)


OBJECT = """<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>
</object>"""


@pytest.mark.parametrize("keys", [None, "all", ["boxes"]])
def test_voc_detection(tmp_path, keys):
    listed.voc(tmp_path)
    for k, objects in enumerate(([("dog", 1)], [("tvmonitor", 0), ("aeroplane", 2)], [("cat", 3)])):
        text = "".join(OBJECT.format(*entry) for entry in objects)
        path = tmp_path / "VOCdevkit" / "VOC2012" / "Annotations" / f"2012_{k}.xml"
        listed.put(path, f"<annotation>{text}</annotation>")
    compare(lambda D: D.VOCDetection(str(tmp_path), "2012"), keys)


def test_voc_segmentation(tmp_path):
    listed.voc(tmp_path)
    compare(lambda D: D.VOCSegmentation(str(tmp_path), "2012"))


@pytest.mark.parametrize("types", ["segmentation", ["category", "segmentation"], "category"])
def test_pets(tmp_path, types):
    listed.pets(tmp_path)
    compare(lambda D: D.OxfordIIITPet(str(tmp_path), target_types=types))


def test_other_data_sets_pass_through(tmp_path):
    for label in ("cat", "dog"):
        listed.put(tmp_path / label / "1.png", listed.png(len(label)))
    compare(lambda D: D.ImageFolder(str(tmp_path)))


@pytest.mark.parametrize("bad", [3, [1]])
def test_bad_keys(bad):
    for _, package in LIBRARIES:
        with pytest.raises(ValueError, match="`target_keys` can be None"):
            package.datasets.wrap_dataset_for_transforms_v2(package.datasets.FakeData(1), bad)
    for _, package in LIBRARIES:
        with pytest.raises(TypeError):
            package.datasets.wrap_dataset_for_transforms_v2([1, 2])
