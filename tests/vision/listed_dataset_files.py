"""Tiny copies of data sets that are folders of images with lists of labels. Images are PNG, whatever they are called."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from dataset_files import md5, pixels, png


def put(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def mat(path: Path, **variables: Any) -> None:
    from scipy.io import savemat

    out = io.BytesIO()
    savemat(out, variables)
    put(path, out.getvalue())


def labels_png(seed: int) -> bytes:
    """A picture of classes: palette mode, as VOC has them."""
    from PIL import Image

    image = Image.fromarray(pixels(seed, 6, 5) % 3)
    image = image.convert("P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def caltech101(root: Path) -> None:
    base = root / "caltech101"
    for k, name in enumerate(("BACKGROUND_Google", "Faces", "accordion")):
        for i in (1, 2):
            put(base / "101_ObjectCategories" / name / f"image_{i:04d}.jpg", png(10 * k + i))
            folder = {"Faces": "Faces_2"}.get(name, name)
            outline = numpy.arange(6.0).reshape(2, 3) + k + i
            mat(base / "Annotations" / folder / f"annotation_{i:04d}.mat", obj_contour=outline)


def caltech256(root: Path) -> None:
    for k, name in enumerate(("001.ak47", "002.american-flag")):
        folder = root / "caltech256" / "256_ObjectCategories" / name
        put(folder / "notes.txt", "no image")
        for i in range(1, 3 + k):
            put(folder / f"{k + 1:03d}_{i:04d}.jpg", png(10 * k + i))


def pets(root: Path) -> None:
    base = root / "oxford-iiit-pet"
    rows = [("Abyssinian_1", 1, 1, 1), ("american_bulldog_10", 2, 2, 1), ("Abyssinian_7", 1, 1, 1)]
    for k, (name, *_) in enumerate(rows):
        put(base / "images" / f"{name}.jpg", png(k))
        put(base / "annotations" / "trimaps" / f"{name}.png", labels_png(k))
    text = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    put(base / "annotations" / "trainval.txt", text)
    put(base / "annotations" / "test.txt", text.splitlines()[1] + "\n")


def flowers(root: Path) -> dict[str, Any]:
    base = root / "flowers-102"
    for i in range(1, 7):
        put(base / "jpg" / f"image_{i:05d}.jpg", png(i))
    mat(base / "imagelabels.mat", labels=numpy.array([[77, 77, 1, 102, 5, 5]], "uint8"))
    ids = {"trnid": [6, 2, 4], "valid": [1, 3], "tstid": [5, 1]}
    mat(base / "setid.mat", **{k: numpy.array([v], "uint16") for k, v in ids.items()})
    names = {"image": "102flowers.tgz", "label": "imagelabels.mat", "setid": "setid.mat"}
    sums = {k: (n, md5(base / n) if (base / n).exists() else "") for k, n in names.items()}
    return {"_file_dict": sums}


ANNOTATION = """<annotation><folder>VOC2012</folder><size><width>5</width><height>6</height></size>
<object><name>dog</name><bndbox><xmin>1</xmin><ymax>4</ymax></bndbox></object>{more}<empty/></annotation>"""


def voc(root: Path) -> None:
    for year, sets in (("2012", ("train", "val")), ("2007", ("train", "test"))):
        base = root / "VOCdevkit" / f"VOC{year}"
        for k in range(3):
            put(base / "JPEGImages" / f"{year}_{k}.jpg", png(k))
            put(base / "SegmentationClass" / f"{year}_{k}.png", labels_png(k))
            more = "<object><name>cat</name><part>a</part><part>b</part></object>" * (k % 2)
            put(base / "Annotations" / f"{year}_{k}.xml", ANNOTATION.format(more=more))
        for kind in ("Segmentation", "Main"):
            for n, name in enumerate(sets):
                ids = "".join(f"{year}_{k}\n" for k in range(3 - n))
                put(base / "ImageSets" / kind / f"{name}.txt", ids)


def food(root: Path) -> None:
    lists = {"waffles": ["waffles/1", "waffles/2"], "apple_pie": ["apple_pie/3"]}
    for split in ("train", "test"):
        put(root / "food-101" / "meta" / f"{split}.json", json.dumps(lists))
    for k, name in enumerate(name for names in lists.values() for name in names):
        put(root / "food-101" / "images" / f"{name}.jpg", png(k))


def textures(root: Path) -> None:
    base = root / "dtd" / "dtd"
    names = ["woven/woven_1.jpg", "banded/banded_2.jpg", "woven/woven_3.jpg"]
    for k, name in enumerate(names):
        put(base / "images" / name, png(k))
    put(base / "labels" / "train1.txt", "\n".join(names) + "\n")
    put(base / "labels" / "val10.txt", names[1] + "\n")


def folders(*parts: str, classes: tuple[str, ...], ending: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        for k, name in enumerate(classes):
            for i in range(2):
                put(root.joinpath(*parts, name, f"{i}{ending}"), png(10 * k + i))

    return write


def cars(root: Path) -> None:
    base = root / "stanford_cars"
    kind = [("class", object), ("fname", object)]
    rows = numpy.array([(numpy.uint8(2), "1.jpg"), (numpy.uint8(1), "2.jpg")], dtype=kind)
    mat(base / "devkit" / "cars_train_annos.mat", annotations=rows)
    mat(base / "cars_test_annos_withlabels.mat", annotations=rows)
    names = numpy.array(["AM General Hummer", "Acura RL"], dtype=object)
    mat(base / "devkit" / "cars_meta.mat", class_names=names)
    for split in ("train", "test"):
        for k in (1, 2):
            put(base / f"cars_{split}" / f"{k}.jpg", png(k))


def semeion(root: Path) -> dict[str, Any]:
    bits = pixels(1, 4, 256) % 2
    classes = numpy.eye(10, dtype=int)[[3, 0, 9, 3]]
    rows = [
        " ".join(f"{v}.0000" for v in b) + " " + " ".join(map(str, c))
        for b, c in zip(bits, classes)
    ]
    put(root / "semeion.data", " \n".join(rows) + " \n")
    return {"md5_checksum": md5(root / "semeion.data")}


def omniglot(root: Path) -> dict[str, Any]:
    base = root / "omniglot-py"
    for k, alphabet in enumerate(("Latin", "Greek")):
        for c in (1, 2):
            for i in (1, 2):
                folder = base / "images_background" / alphabet / f"character{c:02d}"
                put(folder / f"{c:04d}_{i:02d}.png", png(100 * k + 10 * c + i))
    put(base / "images_background.zip", "the archive")
    return {
        "zips_md5": {
            "images_background": md5(base / "images_background.zip"),
            "images_evaluation": "",
        }
    }


def celeba(root: Path) -> dict[str, Any]:
    base = root / "celeba"
    names = [f"{i:06d}.jpg" for i in range(1, 5)]
    for k, name in enumerate(names):
        put(base / "img_align_celeba" / name, png(k))

    def table(rows: numpy.ndarray, head: str = "") -> str:
        lines = [f"{name}  " + "  ".join(map(str, row)) for name, row in zip(names, rows)]
        return (f"{len(names)}\n{head}\n" if head else "") + "\n".join(lines) + "\n"

    attributes = " ".join(f"A{i}" for i in range(40))
    put(
        base / "list_attr_celeba.txt",
        table(pixels(1, 4, 40) % 2 * 2 - numpy.int64(1), attributes + " "),
    )
    put(base / "identity_CelebA.txt", table(pixels(2, 4, 1)))
    put(base / "list_bbox_celeba.txt", table(pixels(3, 4, 4), "image_id x_1 y_1 width height"))
    put(base / "list_landmarks_align_celeba.txt", table(pixels(4, 4, 10), "lefteye_x and others"))
    put(base / "list_eval_partition.txt", table(numpy.array([[0], [2], [0], [1]])))
    listed = [("", md5(path), path.name) for path in sorted(base.glob("*.txt"))]
    return {"file_list": [("", "", "img_align_celeba.zip"), *listed]}


WRITERS: dict[str, Callable[[Path], Any]] = {
    "Caltech101": caltech101,
    "Caltech256": caltech256,
    "OxfordIIITPet": pets,
    "Flowers102": flowers,
    "VOCSegmentation": voc,
    "VOCDetection": voc,
    "Food101": food,
    "DTD": textures,
    "EuroSAT": folders("eurosat", "2750", classes=("Forest", "River"), ending=".jpg"),
    "Country211": folders("country211", "valid", classes=("AD", "ZW"), ending=".jpg"),
    "Imagenette": folders(
        "imagenette2-160", "val", classes=("n01440764", "n03888257"), ending=".JPEG"
    ),
    "StanfordCars": cars,
    "SEMEION": semeion,
    "Omniglot": omniglot,
    "CelebA": celeba,
}

# (data set, options): what each library is asked to open.
OPENED: list[tuple[str, dict[str, Any]]] = [
    ("Caltech101", {}),
    ("Caltech101", {"target_type": ["category", "annotation"]}),
    ("Caltech256", {}),
    ("OxfordIIITPet", {}),
    ("OxfordIIITPet", {"split": "test", "target_types": "binary-category"}),
    ("OxfordIIITPet", {"target_types": ["category", "segmentation"]}),
    ("OxfordIIITPet", {"target_types": []}),
    *(("Flowers102", {"split": split}) for split in ("train", "val", "test")),
    ("VOCSegmentation", {}),
    ("VOCSegmentation", {"year": "2007", "image_set": "test"}),
    ("VOCDetection", {"image_set": "val"}),
    ("VOCDetection", {"year": "2007"}),
    ("Food101", {}),
    ("Food101", {"split": "test"}),
    ("DTD", {}),
    ("DTD", {"split": "val", "partition": 10}),
    ("EuroSAT", {}),
    ("Country211", {"split": "valid"}),
    ("Imagenette", {"split": "val", "size": "160px"}),
    ("StanfordCars", {}),
    ("StanfordCars", {"split": "test"}),
    ("SEMEION", {"download": False}),
    ("Omniglot", {}),
    ("CelebA", {}),
    ("CelebA", {"split": "all", "target_type": ["attr", "identity", "bbox", "landmarks"]}),
    ("CelebA", {"split": "All", "target_type": []}),
]


def adjusted(cls: Any, attributes: dict[str, Any] | None) -> Any:
    """The class with the digests of the files that were written."""
    return type(cls.__name__, (cls,), {**(attributes or {}), "__module__": cls.__module__})
