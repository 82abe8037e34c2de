"""CIFAR, SVHN, STL-10, USPS, ImageNet, folders of images: what comes out, and what is refused."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy
import pytest

import rushlight as torch
from rushlight import vision
from rushlight.vision import datasets
from rushlight.vision.datasets import cifar, folder, imagenet, utils

sys.path.insert(0, str(Path(__file__).parent))
import dataset_files as files  # noqa: E402

TOOL = Path(__file__).parents[2] / "tools" / "make_hostile_archives.py"
spec = importlib.util.spec_from_file_location("make_hostile_archives", TOOL)
assert spec is not None and spec.loader is not None
hostile = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = hostile
spec.loader.exec_module(hostile)

NOT_FOUND = r"^Dataset not found or corrupted\. You can use download=True to download it"


# --- CIFAR ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
@pytest.mark.parametrize("train", [True, False])
def test_cifar(tmp_path, name, train):
    cls = files.write_cifar(tmp_path, getattr(datasets, name))
    data = cls(tmp_path, train=train)
    stored = cls.train_list if train else cls.test_list
    expected = numpy.concatenate(
        [files.pixels(len(part) + k, 4, 3, 32, 32) for k, (part, _) in enumerate(stored)]
    )
    assert data.data.shape == (len(expected), 32, 32, 3) and type(data.data) is numpy.ndarray
    numpy.testing.assert_array_equal(data.data.transpose(0, 3, 1, 2), expected)
    assert data.targets == [int(v) for k in range(len(stored)) for v in files.numbers(k, 4)]
    image, label = data[1]
    assert (image.mode, image.size, type(label)) == ("RGB", (32, 32), int)
    numpy.testing.assert_array_equal(numpy.array(image), data.data[1])
    assert f"Split: {'Train' if train else 'Test'}" in repr(data)
    assert data.class_to_idx[data.classes[7]] == 7


def test_the_meta_file_of_cifar10_itself(tmp_path):
    """Put together here, and recognised by the MD5 that its authors published."""
    path = tmp_path / "batches.meta"
    path.write_bytes(files.cifar10_meta())
    assert files.md5(path) == datasets.CIFAR10.meta["md5"]
    assert cifar.read_batch(path) == {
        "num_cases_per_batch": 10000,
        "label_names": files.NAMES,
        "num_vis": 3072,
    }


def test_cifar_that_is_missing_or_damaged(tmp_path):
    with pytest.raises(RuntimeError, match=NOT_FOUND):
        datasets.CIFAR10(tmp_path)
    cls = files.write_cifar(tmp_path, datasets.CIFAR10)
    with pytest.raises(RuntimeError, match=NOT_FOUND):
        datasets.CIFAR10(tmp_path)  # these are not the published files
    (tmp_path / cls.base_folder / "batches.meta").unlink()
    with pytest.raises(RuntimeError, match="^Dataset metadata file not found or corrupted."):
        cls(tmp_path)


BATCHES = list(hostile.batches())


@pytest.mark.parametrize("case", BATCHES, ids=[c.name for c in BATCHES])
def test_hostile_batch(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cls = files.write_cifar(tmp_path, datasets.CIFAR10)
    for listed in cls.train_list:
        listed[1] = None  # the check of the digests is off
    (tmp_path / cls.base_folder / "data_batch_2").write_bytes(case.data)
    with pytest.raises(RuntimeError, match=case.reason) as caught:
        cls(tmp_path)
    assert "data_batch_2" in str(caught.value) and "add_safe_globals" not in str(caught.value)
    assert not (tmp_path / "HOSTILE_CODE_RAN").exists()


def test_a_hostile_meta_file(tmp_path):
    cls = files.write_cifar(tmp_path, datasets.CIFAR10)
    path = tmp_path / cls.base_folder / "batches.meta"
    path.write_bytes(files.python2({"label_names": 5}))
    cls.meta = {**cls.meta, "md5": None}
    with pytest.raises(RuntimeError, match="expected 'label_names', a list of names"):
        cls(tmp_path)


# --- SVHN, STL-10, USPS ---------------------------------------------------------------------------


def test_svhn(tmp_path):
    pytest.importorskip("scipy", reason="the files are MATLAB's")
    cls = files.write_svhn(tmp_path, datasets.SVHN, "test")
    data = cls(tmp_path, split="test")
    assert data.labels.tolist() == [0, 9, 8, 7, 6, 5] and data.labels.dtype == "int64"
    numpy.testing.assert_array_equal(data.data, files.pixels(5, 32, 32, 3, 6).transpose(3, 2, 0, 1))
    image, label = data[0]
    numpy.testing.assert_array_equal(numpy.array(image), files.pixels(5, 32, 32, 3, 6)[..., 0])
    assert (label, type(label)) == (0, int) and "Split: test" in repr(data)
    with pytest.raises(RuntimeError, match=NOT_FOUND):
        cls(tmp_path, split="extra")
    with pytest.raises(ValueError, match="Valid values are {'train', 'test', 'extra'}"):
        cls(tmp_path, split="all")


def test_svhn_that_is_no_matlab_file(tmp_path):
    scipy_io = pytest.importorskip("scipy.io", reason="the files are MATLAB's")

    class SVHN(datasets.SVHN):
        split_list = {"train": ["", "train_32x32.mat", None]}

    path = tmp_path / "train_32x32.mat"
    for data in (b"", b"no matrix", b"\0" * 200, b"MATLAB 5.0" + b" " * 200):
        path.write_bytes(data)
        with pytest.raises(RuntimeError, match="train_32x32.mat: (not a readable|no variable)"):
            SVHN(tmp_path)
    scipy_io.savemat(path, {"X": numpy.zeros((2, 2))})
    with pytest.raises(RuntimeError, match="no variable 'y'"):
        SVHN(tmp_path)
    scipy_io.savemat(path, {"X": numpy.zeros((2, 2)), "y": [1]})
    with pytest.raises(RuntimeError, match="expected bytes of shape"):
        SVHN(tmp_path)


def test_what_is_missing_names_the_extra(tmp_path, monkeypatch):
    files.write_mnist(tmp_path / "MNIST" / "raw")
    data = datasets.MNIST(tmp_path)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "rushlight\[vision\]"'):
        data[0]

    class SVHN(datasets.SVHN):
        split_list = {"train": ["", "t", None]}

    (tmp_path / "t").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match=r'scipy.*pip install "rushlight\[vision\]"'):
        SVHN(tmp_path)


def test_stl10(tmp_path):
    cls = files.write_stl10(tmp_path, datasets.STL10)
    parts = {split: cls(str(tmp_path), split) for split in cls.splits}
    assert [len(parts[s]) for s in ("train", "test", "unlabeled", "train+unlabeled")] == [
        12,
        12,
        12,
        24,
    ]
    train = parts["train"]
    numpy.testing.assert_array_equal(train.labels, files.numbers(0, 12))
    stored = files.pixels(0, 12, 3, 96, 96)  # channels, columns, rows
    numpy.testing.assert_array_equal(numpy.array(train[5][0]), stored[5].transpose(2, 1, 0))
    assert train.classes == files.NAMES and type(train[0][1]) is int
    assert parts["unlabeled"][3][1] == -1 and parts["train+unlabeled"].labels[-1] == -1
    numpy.testing.assert_array_equal(cls(tmp_path, folds=9).data, train.data[[9, 10]])
    for folds, reason in (
        (10, r"in the range \[0, 10\), but got 10"),
        ("1", "Expected type None or int"),
    ):
        with pytest.raises(ValueError, match=reason):
            cls(tmp_path, folds=folds)
    with pytest.raises(RuntimeError, match=NOT_FOUND):
        datasets.STL10(tmp_path)


def test_stl10_with_files_that_do_not_fit(tmp_path):
    cls = files.write_stl10(tmp_path, datasets.STL10)
    cls.test_list = [[name, None] for name, _ in cls.test_list]
    path = tmp_path / cls.base_folder / "test_X.bin"
    path.write_bytes(bytes(100))
    with pytest.raises(RuntimeError, match="100 bytes are no whole number of images"):
        cls(tmp_path, "test")
    path.write_bytes(bytes(3 * 96 * 96))
    with pytest.raises(RuntimeError, match="1 images, but 12 labels"):
        cls(tmp_path, "test")


def test_usps(tmp_path):
    import bz2

    files.write_usps(tmp_path)
    data = datasets.USPS(tmp_path, train=False)
    assert data.targets == files.numbers(1, 5).tolist()
    # six digits in the file: off by one at most, where truncation falls between
    wrong = data.data.reshape(5, 256).astype(int) - files.pixels(1, 5, 256)
    assert abs(wrong).max() <= 1 and data.data.dtype == "uint8"
    assert (data[0][0].mode, data[0][0].size) == ("L", (16, 16))
    with pytest.raises(FileNotFoundError):
        datasets.USPS(tmp_path / "nowhere")
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(b"1 1:x 2:0\n"))
    with pytest.raises(RuntimeError, match="not a USPS file"):
        datasets.USPS(tmp_path)


def test_usps_bomb(tmp_path, monkeypatch):
    import bz2

    from rushlight.vision.datasets import _extract

    monkeypatch.setattr(_extract, "SMALL", 1 << 20)
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(b"1" * (3 << 20), 1))
    with pytest.raises(RuntimeError, match="more than 1048576 bytes of text"):
        datasets.USPS(tmp_path)


# --- ImageNet -------------------------------------------------------------------------------------


@pytest.fixture
def imagenet_root(tmp_path, monkeypatch):
    pytest.importorskip("scipy", reason="the development kit has a MATLAB file")
    files.write_imagenet(tmp_path, imagenet)
    sums = {
        part: (name, files.md5(tmp_path / name))
        for part, (name, _) in imagenet.ARCHIVE_META.items()
    }
    monkeypatch.setattr(imagenet, "ARCHIVE_META", sums)
    return tmp_path


def test_imagenet(imagenet_root):
    train = datasets.ImageNet(str(imagenet_root))
    assert train.wnids == ["n01", "n02"] and train.wnid_to_idx == {"n01": 0, "n02": 1}
    assert train.classes == [("tench", "Tinca tinca"), ("goldfish",)]
    assert train.class_to_idx == {"tench": 0, "Tinca tinca": 0, "goldfish": 1}
    assert train.targets == [0, 0, 1, 1]
    assert f"Root location: {imagenet_root}\n    Split: train" in repr(train)
    val = datasets.ImageNet(imagenet_root, split="val")
    assert [(os.path.relpath(p, imagenet_root), t) for p, t in val.imgs] == [
        ("val/n01/ILSVRC2012_val_1.png", 0),
        ("val/n02/ILSVRC2012_val_0.png", 1),
        ("val/n02/ILSVRC2012_val_2.png", 1),
    ]
    assert numpy.array(val[0][0]).tolist() == files.pixels(11, 6, 5, 3).tolist()
    for path in imagenet_root.glob("*.tar*"):
        path.unlink()
    assert len(datasets.ImageNet(imagenet_root)) == 4  # once unpacked, the archives may go


def test_imagenet_without_its_archives(imagenet_root):
    (imagenet_root / "ILSVRC2012_img_val.tar").write_bytes(b"")
    with pytest.raises(RuntimeError, match="^The archive ILSVRC2012_img_val.tar is not present"):
        datasets.ImageNet(imagenet_root, "val")
    with pytest.raises(RuntimeError, match="^The meta file meta.bin is not present in the root"):
        imagenet.load_meta_file(imagenet_root / "train")
    with pytest.raises(ValueError, match="for argument split"):
        datasets.ImageNet(imagenet_root, "test")


# --- folders --------------------------------------------------------------------------------------


def test_image_folder(tmp_path):
    files.write_image_folder(tmp_path)
    data = datasets.ImageFolder(str(tmp_path), target_transform=lambda t: -t)
    names = [os.path.relpath(path, tmp_path) for path, _ in data.imgs]
    assert names == [
        "cat/0.png",
        "cat/2.PPM",
        "cat/more/1.bmp",
        "dog/0.png",
        "dog/2.PPM",
        "dog/more/1.bmp",
    ]
    assert data.targets == [0, 0, 0, 1, 1, 1] and data.samples is data.imgs
    assert (data.classes, data.class_to_idx) == (["cat", "dog"], {"cat": 0, "dog": 1})
    image, label = data[4]
    assert (image.mode, image.size, label) == ("RGB", (8, 9), -1)
    assert numpy.array(image).tolist() == files.pixels(12, 9, 8, 3).tolist()
    grey = numpy.array(data[0][0])
    assert (grey == files.pixels(0, 9, 8)[..., None]).all()
    assert data.extensions == datasets.folder.IMG_EXTENSIONS


def test_the_program_may_choose_the_library_that_opens_images(tmp_path, monkeypatch):
    import types

    files.write_image_folder(tmp_path)
    module = types.ModuleType("accimage")
    module.Image = lambda path: ("opened", os.path.basename(path))
    monkeypatch.setitem(sys.modules, "accimage", module)
    vision.set_image_backend("accimage")
    try:
        assert vision.get_image_backend() == "accimage"
        assert datasets.ImageFolder(tmp_path)[0] == (("opened", "0.png"), 0)
    finally:
        vision.set_image_backend("PIL")
    assert datasets.ImageFolder(tmp_path)[0][0].mode == "RGB"
    with pytest.raises(ValueError, match="Invalid backend 'cv2'. Options are 'PIL' and 'accimage'"):
        vision.set_image_backend("cv2")


def test_folders_of_other_files(tmp_path):
    files.write_image_folder(tmp_path)
    texts = datasets.DatasetFolder(
        tmp_path, lambda path: Path(path).read_text(), (".txt",), allow_empty=True
    )
    assert len(texts) == 1 and texts[0] == ("no image", 0) and texts.classes == ["cat", "dog"]
    chosen = datasets.ImageFolder(tmp_path, is_valid_file=lambda p: p.endswith("0.png"))
    assert len(chosen) == 2 and chosen.extensions is None

    class OnlyDogs(datasets.ImageFolder):
        def find_classes(self, directory):
            return ["dog"], {"dog": 0}

    assert OnlyDogs(tmp_path).targets == [0, 0, 0]


def test_folders_that_are_empty_or_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="^Couldn't find any class folder in"):
        datasets.ImageFolder(tmp_path)
    files.write_image_folder(tmp_path)
    (tmp_path / "empty").mkdir()
    text = "^Found no valid file for the classes empty. Supported extensions are: .jpg, .jpeg"
    with pytest.raises(FileNotFoundError, match=text):
        datasets.ImageFolder(tmp_path)
    assert datasets.ImageFolder(tmp_path, allow_empty=True).classes == ["cat", "dog", "empty"]
    for options in ({}, {"extensions": ".png", "is_valid_file": bool}):
        with pytest.raises(ValueError, match="cannot be None or not None at the same time"):
            folder.make_dataset(tmp_path, **options)
    with pytest.raises(ValueError, match="must have at least one entry"):
        folder.make_dataset(tmp_path, {}, ".png")
    with pytest.raises(ValueError, match="class_to_idx parameter cannot be None"):
        datasets.DatasetFolder.make_dataset(tmp_path, None)
    with pytest.raises(FileNotFoundError):
        datasets.ImageFolder(tmp_path / "nowhere")


def test_a_link_to_a_folder_above_is_not_followed_for_ever(tmp_path):
    files.write_image_folder(tmp_path)
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    (tmp_path / "cat" / "dogs").symlink_to(tmp_path / "dog")
    assert datasets.ImageFolder(tmp_path).targets == [0] * 6 + [1] * 3


IMAGES = list(hostile.images())


@pytest.mark.filterwarnings("ignore:Image size")  # Pillow warns before we refuse
@pytest.mark.parametrize("case", IMAGES, ids=[c.name for c in IMAGES])
def test_hostile_image(case, tmp_path):
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / f"image{case.suffix}"
    path.write_bytes(case.data)
    with pytest.raises(Exception, match=case.reason) as caught:
        datasets.ImageFolder(tmp_path)[0]
    if hasattr(caught.value, "add_note"):
        assert str(path) in "".join(caught.value.__notes__)


def test_a_cut_jpeg_is_refused_and_named(tmp_path):
    from PIL import Image

    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "x.jpg"
    Image.fromarray(files.pixels(0, 64, 64, 3)).save(path)
    path.write_bytes(path.read_bytes()[:-800])
    with pytest.raises(OSError, match="truncated") as caught:
        datasets.ImageFolder(tmp_path)[0]
    if hasattr(caught.value, "add_note"):
        assert str(path) in "".join(caught.value.__notes__)


# --- FakeData, the base class ---------------------------------------------------------------------


def test_fake_data():
    data = datasets.FakeData(3, (3, 6, 5), 4, random_offset=10)
    torch.manual_seed(5)
    image, label = data[2]
    after = torch.rand(1)
    torch.manual_seed(12)
    values = torch.randn(3, 6, 5)
    assert label == int(torch.randint(0, 4, (1,))) and type(label) is int
    expected = (values * 255).to(torch.uint8).permute(1, 2, 0)
    assert numpy.array(image).tolist() == expected.tolist()
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)  # the stream of the program is not disturbed
    with pytest.raises(IndexError, match="FakeData index out of range"):
        data[3]
    assert repr(data) == "Dataset FakeData\n    Number of datapoints: 3"


def test_base_class():
    with pytest.raises(ValueError, match="^Only transforms or transform/target_transform can be"):
        datasets.VisionDataset("x", transforms=max, transform=abs)
    base = datasets.VisionDataset("~/x", transforms=max)
    assert base.root == os.path.expanduser("~/x") and base.transforms is max
    with pytest.raises(NotImplementedError):
        base[0]
    with pytest.raises(NotImplementedError):
        len(base)
    both = datasets.vision.StandardTransform(abs, str)
    assert both(-2, 3) == (2, "3")
    assert repr(both).splitlines()[1] == "Transform: <built-in function abs>"


def test_small_functions(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b").mkdir()
    assert utils.list_dir(tmp_path) == ["b"]
    assert utils.list_files(tmp_path, (".txt",), prefix=True) == [str(tmp_path / "a.txt")]
    assert utils.check_integrity(tmp_path / "a.txt", "9dd4e461268c8034f5c8564e155c67a6")
    assert not utils.check_integrity(tmp_path / "a.txt", "0" * 32)
    assert not utils.check_integrity(tmp_path / "b")
    assert utils.iterable_to_str([1, "b"]) == "'1', 'b'"
    with pytest.raises(
        ValueError, match="Expected type str for argument x, but got type <class 'int'>."
    ):
        utils.verify_str_arg(1, "x")
    with pytest.raises(ValueError, match="^mine$"):
        utils.verify_str_arg("a", "x", ("b",), "mine")
    assert folder.is_image_file("x/Y.WEBP") and not folder.is_image_file("x.txt")
