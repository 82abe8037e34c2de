"""A program as people write it, run by `rushlight run`: three data sets of torchvision, a loader with two workers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy
import pytest

from rushlight.vision import datasets

sys.path.insert(0, str(Path(__file__).parent))
import dataset_files as files  # noqa: E402

PROGRAM = """
import json
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset
from torchvision import datasets, transforms

def main():
    for kind in ("train_list", "test_list"):
        setattr(datasets.CIFAR10, kind, json.load(open(kind)))
    chain = transforms.Compose([transforms.ToTensor()])
    fashion = datasets.FashionMNIST("./data", train=True, transform=chain, download=True)
    cifar = datasets.CIFAR10(root="data", train=False, transform=chain, download=True)
    pets = datasets.ImageFolder("data/pets", transform=chain)
    print(fashion)
    print(cifar.classes[3], pets.classes, fashion.class_to_idx["Bag"])
    for name, data in (("fashion", fashion), ("cifar", cifar), ("pets", pets)):
        loader = DataLoader(data, batch_size=3, num_workers=2, WORKERS)
        total, labels, shapes = torch.zeros((), dtype=torch.float64), [], []
        for images, targets in loader:
            total += images.double().sum() * 255
            labels += targets.tolist()
            shapes.append(list(images.shape))
        print(name, round(total.item()), labels, shapes)
    torch.manual_seed(1)
    both = ConcatDataset([Subset(fashion, [0, 1]), Subset(fashion, [5])])
    print(sorted(y.item() for _, y in DataLoader(both, shuffle=True)))

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "workers",
    [
        "",
        "multiprocessing_context='spawn', persistent_workers=True",
    ],
)
def test_program(rushlight_run, tmp_path, workers):
    data = tmp_path / "data"
    images, labels = files.write_mnist(data / "FashionMNIST" / "raw", packed=True)["train"]
    made = files.write_cifar(data, datasets.CIFAR10)
    for kind in ("train_list", "test_list"):
        (tmp_path / kind).write_text(json.dumps(getattr(made, kind)))
    files.write_image_folder(data / "pets")
    done = rushlight_run(PROGRAM.replace("WORKERS", workers))
    assert done.returncode == 0, done.stderr
    cifar = files.pixels(len("test_batch"), 4, 3072)
    colour = [files.pixels(10 * k + i, 9, 8, 3) for k in (0, 1) for i in (1, 2)]
    grey = [files.pixels(10 * k, 9, 8) for k in (0, 1)]
    pets = sum(int(a.sum()) for a in colour) + 3 * sum(int(a.sum()) for a in grey)
    first = labels.tolist()
    assert done.stdout.splitlines() == [
        "Dataset FashionMNIST",
        "    Number of datapoints: 7",
        "    Root location: ./data",
        "    Split: Train",
        "    StandardTransform",
        "Transform: Compose(",
        "               ToTensor()",
        "           )",
        "cat ['cat', 'dog'] 8",
        f"fashion {numpy.sum(images, dtype=int)} {first} [[3, 1, 28, 28], [3, 1, 28, 28], [1, 1, 28, 28]]",
        f"cifar {numpy.sum(cifar, dtype=int)} {files.numbers(0, 4).tolist()} [[3, 3, 32, 32], [1, 3, 32, 32]]",
        f"pets {pets} [0, 0, 0, 1, 1, 1] [[3, 3, 9, 8], [3, 3, 9, 8]]",
        str(sorted([first[0], first[1], first[5]])),
    ]
    assert done.stderr == ""
