"""Data sets side by side with torchvision: the same items, attributes, texts and errors from the same files."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest

from rushlight.vision import datasets as ours
from rushlight.vision import transforms as our_transforms

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "vision"))
import dataset_files as files  # noqa: E402
import listed_dataset_files as listed  # noqa: E402
from torchvision_reference import reference  # noqa: E402

torchvision = reference()
theirs = torchvision.datasets


def described(value: Any) -> Any:
    """Class, dtype, shape and contents, without naming the library."""
    if hasattr(value, "getpixel"):
        return ("image", value.mode, value.size, value.tobytes())
    if hasattr(value, "numpy"):
        array = value.numpy()
        return ("tensor", str(array.dtype), array.shape, array.tobytes())
    if isinstance(value, numpy.ndarray):
        return ("array", str(value.dtype), value.shape, value.strides, value.tobytes())
    if isinstance(value, dict):
        return type(value).__name__, {k: described(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [described(v) for v in value]
    return type(value).__name__, value


ATTRIBUTES = (
    "data targets labels classes class_to_idx samples imgs root train split what folds extensions wnids "
    "wnid_to_idx raw_folder processed_folder url filename size num_classes image_size categories "
    "annotation_categories index y bin_classes bin_class_to_idx images masks annotations attr_names identity bbox "
    "landmarks_align attr target_type background target_folder _labels _image_files _samples _images _segs"
).split()


def observed(data: Any) -> dict[str, Any]:
    found = {name: described(getattr(data, name)) for name in ATTRIBUTES if hasattr(data, name)}
    found["length"] = len(data)
    found["items"] = [described(data[i]) for i in range(min(len(data), 4))]
    found["repr"] = repr(data)
    return found


class Written:
    """One tree of files, and how to open it with either library."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.classes = {id(lib): self.write(lib) for lib in (theirs, ours)}

    def write(self, lib: Any) -> dict[str, Any]:
        root = self.root
        first = lib is theirs
        where = root if first else root.with_name("second")
        found = {
            name: files.write_cifar(where, getattr(lib, name)) for name in ("CIFAR10", "CIFAR100")
        }
        found["STL10"] = files.write_stl10(where, lib.STL10)
        for split in ("train", "test"):
            base = found.get("SVHN", lib.SVHN)
            found["SVHN"] = files.write_svhn(where, base, split)
        if first:
            for name in ("MNIST", "FashionMNIST", "KMNIST"):
                files.write_mnist(root / name / "raw")
            for split in lib.EMNIST.splits:
                files.write_emnist(root / "EMNIST" / "raw", split)
            for what in ("train", "test", "nist"):
                files.write_qmnist(root / "QMNIST" / "raw", what)
            files.write_usps(root)
            files.write_image_folder(root / "pets")
        return found

    def open(self, lib: Any, name: str, **options: Any) -> Any:
        cls = self.classes[id(lib)].get(name, getattr(lib, name))
        if name == "FakeData":
            return cls(**options)
        folder = self.root / "pets" if name == "ImageFolder" else self.root
        return cls(str(folder), **options)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    pytest.importorskip("scipy", reason="SVHN's files are MATLAB's")
    return Written(tmp_path_factory.mktemp("data") / "first")


CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {"train": t}) for name in ("MNIST", "FashionMNIST", "KMNIST") for t in (True, False)),
    *((name, {"train": t}) for name in ("CIFAR10", "CIFAR100", "USPS") for t in (True, False)),
    *(("EMNIST", {"split": s, "train": False}) for s in ours.EMNIST.splits),
    *(("QMNIST", {"what": w, "compat": w != "nist"}) for w in ("train", "test", "test10k", "nist")),
    ("QMNIST", {"train": False}),
    *(("SVHN", {"split": s}) for s in ("train", "test")),
    *(("STL10", {"split": s}) for s in ours.STL10.splits),
    ("STL10", {"split": "train+unlabeled", "folds": 3}),
    ("ImageFolder", {}),
    ("ImageFolder", {"is_valid_file": lambda path: path.endswith("png")}),
    ("FakeData", {"size": 5, "image_size": (3, 7, 6), "num_classes": 3}),
    ("FakeData", {"size": 4, "image_size": (1, 7, 6), "random_offset": 9}),
]


@pytest.mark.parametrize(
    ("name", "options"), CASES, ids=[f"{n} {list(o.values())}" for n, o in CASES]
)
@pytest.mark.parametrize("changed", [False, True], ids=["plain", "transformed"])
def test_same_contents(written, name, options, changed):
    results = []
    for lib, transforms in ((theirs, torchvision.transforms), (ours, our_transforms)):
        more = {}
        if changed:
            chain = transforms.Compose([transforms.ToTensor()])
            more = {"transform": chain, "target_transform": abs}
            if name == "FakeData":
                more["target_transform"] = lambda t: t * 2
        results.append(observed(written.open(lib, name, **options, **more)))
    expected, found = results
    if changed and name == "FakeData":
        expected["repr"], found["repr"] = (re.sub(r"0x\w+", "", r["repr"]) for r in results)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == value, key


@pytest.mark.parametrize(
    ("name", "options"), listed.OPENED, ids=[f"{n} {list(o.values())}" for n, o in listed.OPENED]
)
def test_same_contents_of_listed_files(tmp_path, name, options):
    attributes = listed.WRITERS[name](tmp_path)
    expected, found = (
        observed(listed.adjusted(getattr(lib, name), attributes)(str(tmp_path), **options))
        for lib in (theirs, ours)
    )
    assert found == expected


@pytest.mark.parametrize("name", ["train_data", "train_labels", "test_data", "test_labels"])
def test_same_warnings(written, name):
    texts = []
    for lib in (theirs, ours):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            getattr(written.open(lib, "MNIST"), name)
        texts.append([(w.category, str(w.message), w.filename) for w in caught])
    assert texts[1][0][:2] == texts[0][0][:2] and len(texts[0]) == len(texts[1])


BAD: list[tuple[str, Any]] = [
    ("MNIST", lambda lib, root: lib.MNIST(root)),
    ("EMNIST", lambda lib, root: lib.EMNIST(root, "digits")),
    ("EMNIST split", lambda lib, root: lib.EMNIST(root, "all")),
    ("EMNIST no split", lambda lib, root: lib.EMNIST(root, split=3)),
    ("QMNIST", lambda lib, root: lib.QMNIST(root)),
    ("QMNIST what", lambda lib, root: lib.QMNIST(root, what="some")),
    ("CIFAR10", lambda lib, root: lib.CIFAR10(root)),
    ("SVHN", lambda lib, root: lib.SVHN(root)),
    ("SVHN split", lambda lib, root: lib.SVHN(root, "some")),
    ("STL10", lambda lib, root: lib.STL10(root)),
    ("STL10 split", lambda lib, root: lib.STL10(root, "some")),
    ("STL10 folds", lambda lib, root: lib.STL10(root, folds=11)),
    ("STL10 folds kind", lambda lib, root: lib.STL10(root, folds="1")),
    ("USPS", lambda lib, root: lib.USPS(root)),
    ("ImageNet", lambda lib, root: lib.ImageNet(root)),
    ("ImageNet split", lambda lib, root: lib.ImageNet(root, "some")),
    ("ImageFolder", lambda lib, root: lib.ImageFolder(root)),
    ("ImageFolder missing", lambda lib, root: lib.ImageFolder(root + "/no")),
    ("ImageFolder empty", lambda lib, root: lib.ImageFolder(root + "/with")),
    *(
        (
            name,
            lambda lib, root, name=name: getattr(lib, name)(
                root, **(dict(download=False) if name == "SEMEION" else {})
            ),
        )
        for name in listed.WRITERS
    ),
    ("pets of another kind", lambda lib, root: lib.OxfordIIITPet(root, target_types="x")),
    ("VOC year", lambda lib, root: lib.VOCDetection(root, "2013")),
    ("VOC set", lambda lib, root: lib.VOCDetection(root, image_set="test")),
    ("Imagenette size", lambda lib, root: lib.Imagenette(root, size="1px")),
    ("cars", lambda lib, root: lib.StanfordCars(root, download=True)),
    ("CelebA split", lambda lib, root: lib.CelebA(root, "no")),
    ("make_dataset", lambda lib, root: lib.folder.make_dataset(root + "/with")),
    ("make_dataset none", lambda lib, root: lib.folder.make_dataset(root, {}, ".x")),
    ("FakeData", lambda lib, root: lib.FakeData(2)[2]),
    ("both", lambda lib, root: lib.VisionDataset(root, transforms=1, transform=2)),
    ("archive", lambda lib, root: lib.utils.extract_archive(root + "/x.rar")),
    ("archive without", lambda lib, root: lib.utils.extract_archive(root + "/x")),
    ("decompress", lambda lib, root: lib.utils._decompress(root + "/x.tar")),
    ("argument", lambda lib, root: lib.utils.verify_str_arg(3)),
    ("argument named", lambda lib, root: lib.utils.verify_str_arg("a", "b", ["c", "d"])),
]


@pytest.mark.parametrize(("name", "call"), BAD, ids=[name for name, _ in BAD])
def test_same_errors(tmp_path, name, call):
    """The class, and the first line up to where our help begins."""
    (tmp_path / "with" / "a").mkdir(parents=True)
    with pytest.raises(Exception) as expected:
        call(theirs, str(tmp_path))
    with pytest.raises(type(expected.value)) as found:
        call(ours, str(tmp_path))
    assert str(found.value).startswith(str(expected.value))


def test_tables_are_the_same():
    """Where files come from, what they are called and how they are checked."""
    names = (
        "mirrors resources training_file test_file classes url md5 splits classes_split_dict subsets base_folder "
        "filename tgz_md5 train_list test_list meta split_list class_names_file folds_list_file md5_checksum zips_md5 "
        "download_url_prefix file_list _file_dict _splits_map _URL _MD5 _RESOURCES _ARCHIVES _WNID_TO_CLASS"
    ).split()
    for cls in ours.__all__:
        mine, reference_class = getattr(ours, cls), getattr(theirs, cls)
        for name in names:
            if hasattr(reference_class, name):
                assert getattr(mine, name) == getattr(reference_class, name), (cls, name)
    assert ours.imagenet.ARCHIVE_META == theirs.imagenet.ARCHIVE_META
    assert ours.voc.DATASET_YEAR_DICT == theirs.voc.DATASET_YEAR_DICT
    assert ours.folder.IMG_EXTENSIONS == theirs.folder.IMG_EXTENSIONS


def test_imagenet(tmp_path, monkeypatch):
    roots = []
    for lib, name in ((theirs, "theirs"), (ours, "ours")):
        root = tmp_path / name
        files.write_imagenet(root, lib.imagenet)
        sums = {k: (n, files.md5(root / n)) for k, (n, _) in lib.imagenet.ARCHIVE_META.items()}
        monkeypatch.setattr(lib.imagenet, "ARCHIVE_META", sums)
        for split in ("train", "val"):
            lib.ImageNet(str(root), split)
        roots.append(root)
    for split in ("train", "val"):  # each reads what the other has unpacked
        expected = observed(theirs.ImageNet(str(roots[1]), split))
        found = observed(ours.ImageNet(str(roots[1]), split))
        assert found == expected
        assert len(ours.ImageNet(str(roots[0]), split)) == expected["length"]
    trees = [sorted(str(p.relative_to(root)) for p in root.rglob("*")) for root in roots]
    assert trees[0] == trees[1]


def test_signatures():
    import inspect

    def of(function: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(function).parameters.values()
        return [
            (p.name, getattr(p.default, "__name__", p.default))
            for p in parameters
            if p.kind is not p.KEYWORD_ONLY
        ]

    for name in ours.__all__:
        assert of(getattr(ours, name)) == of(getattr(theirs, name)), name
    functions = {
        "utils": "download_url download_and_extract_archive extract_archive check_integrity calculate_md5 check_md5 "
        "list_dir list_files download_file_from_google_drive verify_str_arg iterable_to_str",
        "folder": "has_file_allowed_extension is_image_file find_classes make_dataset pil_loader default_loader",
        "mnist": "get_int read_sn3_pascalvincent_tensor read_label_file read_image_file",
        "imagenet": "load_meta_file parse_devkit_archive parse_train_archive parse_val_archive",
    }
    for module, names in functions.items():
        for name in names.split():
            mine, other = (getattr(getattr(lib, module), name) for lib in (ours, theirs))
            assert of(mine) == of(other), name
