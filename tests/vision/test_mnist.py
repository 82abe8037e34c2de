"""MNIST-like data sets: where files are looked for, what comes out, what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy
import pytest

import rushlight as torch
from rushlight.vision import datasets, transforms
from rushlight.vision.datasets import mnist

sys.path.insert(0, str(Path(__file__).parent))
import dataset_files as files  # noqa: E402


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_items(tmp_path, name, packed, train):
    images, labels = files.write_mnist(tmp_path / name / "raw", packed=packed)[
        "train" if train else "t10k"
    ]
    data = getattr(datasets, name)(str(tmp_path), train=train)
    assert len(data) == 7
    assert data.data.dtype is torch.uint8
    assert data.targets.dtype is torch.int64
    assert data.targets.tolist() == labels.tolist()
    image, label = data[3]
    assert (image.mode, image.size, type(label)) == ("L", (28, 28), int)
    numpy.testing.assert_array_equal(numpy.array(image), images[3])
    assert list(data.class_to_idx.items()) == [(c, i) for i, c in enumerate(data.classes)]
    assert len(data.classes) == 10


def test_one_part_is_enough(tmp_path):
    files.write_mnist(tmp_path / "MNIST" / "raw", parts=("t10k",))
    assert len(datasets.MNIST(tmp_path, train=False)) == 7
    with pytest.raises(RuntimeError, match="Dataset not found"):
        datasets.MNIST(tmp_path, train=True)


def test_transforms_and_repr(tmp_path):
    images, labels = files.write_mnist(tmp_path / "MNIST" / "raw")["t10k"]
    chain = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    data = datasets.MNIST(tmp_path, train=False, transform=chain, target_transform=abs)
    image, label = data[2]
    expected = (images[2].astype("float32") / 255 - numpy.float32(0.5)) / numpy.float32(0.5)
    numpy.testing.assert_array_equal(image.numpy()[0], expected)
    assert label == int(labels[2])
    assert repr(data).splitlines() == [  # as torchvision 0.28 prints it
        "Dataset MNIST",
        "    Number of datapoints: 7",
        f"    Root location: {tmp_path}",
        "    Split: Test",
        "    StandardTransform",
        "Transform: Compose(",
        "               ToTensor()",
        "               Normalize(mean=(0.5,), std=(0.5,))",
        "           )",
        "Target transform: <built-in function abs>",
    ]


def test_missing_files_say_where_they_belong(tmp_path):
    first = r"^Dataset not found\. You can use download=True to download it"
    with pytest.raises(RuntimeError, match=first) as e:
        datasets.MNIST(tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(e.value)


def test_contents_that_do_not_fit_are_refused(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    files.write_mnist(raw)
    labels = raw / "t10k-labels-idx1-ubyte"
    labels.write_bytes(files.idx(files.numbers(0, 5)))
    with pytest.raises(RuntimeError, match="expected .n, height, width. bytes and n labels"):
        datasets.MNIST(tmp_path, train=False)
    labels.write_bytes(bytes([0, 0, 8, 1, 0x80, 0, 0, 0]) + bytes(7))
    with pytest.raises(RuntimeError, match="the header claims.*delete the file and fetch it again"):
        datasets.MNIST(tmp_path, train=False)


@pytest.mark.parametrize("name", ["train_data", "train_labels", "test_data", "test_labels"])
def test_old_names_warn(tmp_path, name):
    files.write_mnist(tmp_path / "MNIST" / "raw")
    data = datasets.MNIST(tmp_path)
    new = "data" if name.endswith("data") else "targets"
    with pytest.warns(UserWarning, match=f"^{name} has been renamed {new}$"):
        assert getattr(data, name) is getattr(data, new)


def test_processed_files_of_old_versions_are_read(tmp_path):
    folder = tmp_path / "MNIST" / "processed"
    folder.mkdir(parents=True)
    for n, name in ((3, "training.pt"), (2, "test.pt")):
        torch.save((torch.zeros(n, 28, 28, dtype=torch.uint8), torch.arange(n)), folder / name)
    assert len(datasets.MNIST(tmp_path)) == 3
    assert datasets.MNIST(tmp_path, train=False)[1][1] == 1


@pytest.mark.parametrize(
    ("split", "count", "first"),
    [
        ("byclass", 62, "0"),
        ("bymerge", 47, "0"),
        ("balanced", 47, "0"),
        ("letters", 27, "N/A"),
        ("digits", 10, "0"),
        ("mnist", 10, "0"),
    ],
)
def test_emnist(tmp_path, split, count, first):
    files.write_emnist(tmp_path / "EMNIST" / "raw", split)
    data = datasets.EMNIST(tmp_path, split, train=False)
    assert (len(data), len(data.classes), data.classes[0]) == (5, count, first)
    assert data[4][0].size == (28, 28)


def test_emnist_refuses_other_splits(tmp_path):
    with pytest.raises(
        ValueError, match="Unknown value 'all' for argument split. Valid values are"
    ):
        datasets.EMNIST(tmp_path, "all")
    with pytest.raises(TypeError):
        datasets.EMNIST(tmp_path)


def test_qmnist(tmp_path):
    raw = tmp_path / "QMNIST" / "raw"
    images, labels = files.write_qmnist(raw, "train")
    data = datasets.QMNIST(tmp_path)
    assert data[2][1] == labels[2, 0] and "Split: train" in repr(data)
    row = datasets.QMNIST(tmp_path, compat=False)[2][1]
    assert row.tolist() == labels[2].tolist()
    files.write_qmnist(raw, "test", 10_003)
    assert len(datasets.QMNIST(tmp_path, "test10k")) == 10_000
    rest = datasets.QMNIST(tmp_path, what="test50k")
    assert len(rest) == 3 and len(datasets.QMNIST(tmp_path, train=False)) == 10_003
    with pytest.raises(ValueError, match="for argument what"):
        datasets.QMNIST(tmp_path, "extra")


def test_functions_of_the_module(tmp_path):
    images, labels = files.write_mnist(tmp_path)["train"]
    assert mnist.read_image_file(tmp_path / "train-images-idx3-ubyte").tolist() == images.tolist()
    found = mnist.read_label_file(tmp_path / "train-labels-idx1-ubyte")
    assert found.dtype is torch.int64 and found.tolist() == labels.tolist()
    with pytest.raises(ValueError, match="x should have 3 dimension instead of 1"):
        mnist.read_image_file(tmp_path / "train-labels-idx1-ubyte")
    assert mnist.get_int(b"\1\2") == 258


def test_debian_package_is_found(tmp_path):
    import os

    if not os.path.isdir("/usr/share/datasets/fashion-mnist"):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    data = datasets.FashionMNIST(tmp_path, train=False, download=True)
    assert tuple(data.data.shape) == (10000, 28, 28)
    assert data.targets[:5].tolist() == [9, 2, 1, 1, 6]
    assert torch.bincount(data.targets).tolist() == [1000] * 10
