"""MNIST-like data sets: where files are looked for, what comes out, what is refused."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading

import numpy
import pytest

import rushlight as torch
from rushlight.vision import datasets, transforms
from rushlight.vision.datasets._download import download


def write(folder, images, labels, part="t10k", zipped=False, count=None):
    folder.mkdir(parents=True, exist_ok=True)
    n = len(images) if count is None else count
    pack = gzip.compress if zipped else bytes
    ending = ".gz" if zipped else ""
    header = bytes([0, 0, 8, 3]) + b"".join(d.to_bytes(4, "big") for d in (n, *images.shape[1:]))
    (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(header + images.tobytes()))
    header = bytes([0, 0, 8, 1]) + len(labels).to_bytes(4, "big")
    (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(header + labels.tobytes()))


@pytest.fixture
def numbers():
    rng = numpy.random.default_rng(3)
    return rng.integers(0, 256, (7, 28, 28), dtype="uint8"), rng.integers(0, 10, 7, dtype="uint8")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("train", [False, True])
def test_items(tmp_path, numbers, zipped, train):
    images, labels = numbers
    write(tmp_path / "MNIST" / "raw", images, labels, "train" if train else "t10k", zipped)
    data = datasets.MNIST(str(tmp_path), train=train)
    assert len(data) == 7
    assert data.data.dtype is torch.uint8
    assert data.targets.dtype is torch.int64
    assert data.targets.tolist() == labels.tolist()
    image, label = data[3]
    assert (image.mode, image.size, type(label)) == ("L", (28, 28), int)
    numpy.testing.assert_array_equal(numpy.array(image), images[3])
    assert data.class_to_idx["7 - seven"] == 7


def test_transforms_and_repr(tmp_path, numbers):
    images, labels = numbers
    write(tmp_path / "MNIST" / "raw", images, labels)
    chain = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    data = datasets.MNIST(tmp_path, train=False, transform=chain, target_transform=lambda t: -t)
    image, label = data[2]
    expected = (images[2].astype("float32") / 255 - numpy.float32(0.5)) / numpy.float32(0.5)
    numpy.testing.assert_array_equal(image.numpy()[0], expected)
    assert label == -int(labels[2])
    assert repr(data).splitlines()[:5] == [
        "Dataset MNIST",
        "    Number of datapoints: 7",
        f"    Root location: {tmp_path}",
        "    Split: Test",
        "    StandardTransform",
    ]


def test_missing_files_say_where_they_belong(tmp_path):
    with pytest.raises(RuntimeError, match="Dataset not found. You can use download=True") as e:
        datasets.MNIST(tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(e.value)


def test_contents_that_do_not_fit_are_refused(tmp_path, numbers):
    images, labels = numbers
    write(tmp_path / "MNIST" / "raw", images, labels[:5])
    with pytest.raises(RuntimeError, match="expected .n, height, width. bytes and n labels"):
        datasets.MNIST(tmp_path, train=False)
    write(tmp_path / "MNIST" / "raw", images, labels, count=1 << 31)
    with pytest.raises(RuntimeError, match="the header claims"):
        datasets.MNIST(tmp_path, train=False)


@pytest.fixture
def server(tmp_path):
    """A web server on this machine that answers with what `served` holds."""
    served: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = served.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            """Silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{s.server_port}", served
        s.shutdown()


def test_download_checks_and_falls_back(tmp_path, server):
    url, served = server
    body = b"the right bytes"
    served.update({"/wrong": b"<html>", "/right": body})
    digest = hashlib.sha256(body).hexdigest()
    path = tmp_path / "folder" / "file"
    download([f"{url}/absent", f"{url}/wrong", f"{url}/right"], str(path), digest, 100, "advice")
    assert path.read_bytes() == body
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_failed_download_keeps_the_old_file_and_gives_every_reason(tmp_path, server):
    url, served = server
    served.update({"/wrong": b"<html>", "/long": b"x" * 200})
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError) as e:
        download(
            [f"{url}/absent", f"{url}/wrong", f"{url}/long", "file:///etc/passwd"],
            str(path),
            "0" * 64,
            100,
            "Do this.",
        )
    for part in ("404", "the SHA-256 is", "at most 100", "only http and https", "Do this."):
        assert part in str(e.value)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_data_set_downloads_what_is_missing(tmp_path, server, numbers, monkeypatch):
    url, served = server
    write(tmp_path / "web", *numbers, part="train", zipped=True)
    write(tmp_path / "web", *numbers, part="t10k", zipped=True)
    resources = []
    for p in sorted(
        (tmp_path / "web").iterdir(), key=lambda p: (p.name.startswith("t1"), "labels" in p.name)
    ):
        served["/" + p.name] = p.read_bytes()
        resources.append((p.name, hashlib.sha256(p.read_bytes()).hexdigest()))
    monkeypatch.setattr(datasets.MNIST, "mirrors", (url + "/",))
    monkeypatch.setattr(datasets.MNIST, "resources", tuple(resources))
    assert len(datasets.MNIST(tmp_path / "root", download=True)) == 7
    served.clear()
    assert len(datasets.MNIST(tmp_path / "root", train=False, download=True)) == 7


def test_debian_package_is_found(tmp_path):
    import os

    if not os.path.isdir("/usr/share/datasets/fashion-mnist"):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    data = datasets.FashionMNIST(tmp_path, train=False)
    assert tuple(data.data.shape) == (10000, 28, 28)
    assert data.targets[:5].tolist() == [9, 2, 1, 1, 6]
    assert torch.bincount(data.targets).tolist() == [1000] * 10
