"""The examples run with a few steps, and print what they print under PyTorch 2.13."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "programs"
FASHION = Path("/usr/share/datasets/fashion-mnist")
PROGRAMS = ROOT / "tests" / "examples" / "programs"


def run(path, *args, cwd):
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "run", str(path), *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("quickstart", ROOT / "examples" / "quickstart.py"),
        ("dummy_model", PROGRAMS / "dummy_model.py"),
        ("data_loader", PROGRAMS / "data_loader.py"),
    ],
)
def test_prints_what_pytorch_prints(tmp_path, name, path):
    expected = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert run(path, cwd=tmp_path).splitlines() == expected.splitlines()


@pytest.mark.parametrize("name", ["char_rnn", "attention_weights", "custom_function"])
def test_example_of_few_steps_prints_what_pytorch_prints(tmp_path, name):
    expected = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    out = run(ROOT / "examples" / f"{name}.py", "--steps", "20", cwd=tmp_path)
    assert out.splitlines() == expected.splitlines()


def test_fine_tuning_prints_what_pytorch_prints_and_resumes(tmp_path):
    expected = (GOLDEN / "finetune_resnet.txt").read_text(encoding="utf-8").splitlines()
    program = ROOT / "examples" / "finetune_resnet.py"
    assert run(program, "--steps", "3", "--lr", "1e-5", cwd=tmp_path).splitlines() == expected
    again = run(program, "--steps", "3", "--lr", "1e-5", "--resume", cwd=tmp_path).splitlines()
    assert again == [expected[0], expected[-1]]  # no step is left to do; the model is the same


def test_fine_tuning_from_the_weights_of_another_model(tmp_path):
    (tmp_path / "other.py").write_text(
        "import torch, torchvision\ntorch.manual_seed(1)\n"
        "torch.save(torchvision.models.resnet18(num_classes=7).state_dict(), 'other.pth')\n"
    )
    run(tmp_path / "other.py", cwd=tmp_path)
    out = run(
        ROOT / "examples" / "finetune_resnet.py",
        "--steps",
        "1",
        "--weights",
        "other.pth",
        cwd=tmp_path,
    )
    assert out.splitlines()[1] == "120 of 122 tensors loaded; new: fc.weight, fc.bias"


def test_tensorboard_example_writes_a_log(tmp_path):
    pytest.importorskip("tensorboardX")
    out = run(ROOT / "examples" / "tensorboard.py", "--steps", "20", cwd=tmp_path)
    assert out.splitlines()[-1].endswith("wrote 1 file to runs/example")
    (log,) = (tmp_path / "runs" / "example").iterdir()
    assert log.stat().st_size > 1000


def test_data_loader_order_does_not_depend_on_workers(tmp_path):
    source = (PROGRAMS / "data_loader.py").read_text(encoding="utf-8")
    assert "num_workers=2" in source
    (tmp_path / "program.py").write_text(
        source.replace("num_workers=2", "num_workers=0"), encoding="utf-8"
    )
    expected = (GOLDEN / "data_loader.txt").read_text()
    assert run(tmp_path / "program.py", cwd=tmp_path) == expected


@pytest.fixture
def small_fashion_mnist(tmp_path):
    """Files in the data set's format with 300 random images each, for machines without the real ones."""
    import numpy

    folder = tmp_path / "data" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    rng = numpy.random.default_rng(0)
    for part in ("train", "t10k"):
        header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (300, 28, 28))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + rng.bytes(300 * 784))
        labels = rng.integers(0, 10, 300, dtype="uint8").tobytes()
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1]) + (300).to_bytes(4, "big") + labels
        )
    return tmp_path


def test_lenet_fashion_mnist(small_fashion_mnist):
    out = run(
        ROOT / "examples" / "lenet_fashion_mnist.py",
        *("--epochs", "1", "--max-batches", "2", "--save-model", "lenet.pt"),
        cwd=small_fashion_mnist,
    )
    assert out.startswith("epoch 1: loss ")
    assert (small_fashion_mnist / "lenet.pt").stat().st_size > 60_000 * 4
