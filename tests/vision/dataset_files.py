"""Tiny copies of the files of well-known data sets, and classes that accept them (the digests are adjusted)."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy

NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def pixels(seed: int, *shape: int) -> numpy.ndarray:
    return numpy.random.default_rng(seed).integers(0, 256, shape, dtype="uint8")


def numbers(seed: int, n: int, classes: int = 10) -> numpy.ndarray:
    return numpy.random.default_rng(seed + 1000).integers(0, classes, n)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


# --- MNIST and its relatives ----------------------------------------------------------------------


def idx(array: numpy.ndarray, code: int = 8, kind: str = "u1") -> bytes:
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(kind).tobytes()


def write_mnist(
    folder: Path,
    n: int = 7,
    parts: tuple[str, ...] = ("train", "t10k"),
    packed: bool = False,
    seed: int = 0,
) -> dict[str, tuple[numpy.ndarray, numpy.ndarray]]:
    """Files in the place of `MNIST/raw`, plain or gzipped; what is in each part."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for k, part in enumerate(parts):
        images, labels = pixels(seed + k, n, 28, 28), numbers(seed + k, n)
        for kind, data in (("images-idx3", idx(images)), ("labels-idx1", idx(labels))):
            name = f"{part}-{kind}-ubyte" + (".gz" if packed else "")
            (folder / name).write_bytes(gzip.compress(data, mtime=0) if packed else data)
        found[part] = images, labels
    return found


def write_emnist(folder: Path, split: str, n: int = 5) -> None:
    parts = ("train", "test")
    write_mnist(folder, n, tuple(f"emnist-{split}-{part}" for part in parts))


def write_qmnist(folder: Path, what: str, n: int = 6) -> tuple[numpy.ndarray, numpy.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    stem = "xnist" if what == "nist" else f"qmnist-{what}"
    images, labels = pixels(3, n, 28, 28), numbers(3, n * 8, 1000).reshape(n, 8)
    (folder / f"{stem}-images-idx3-ubyte").write_bytes(idx(images))
    (folder / f"{stem}-labels-idx2-int").write_bytes(idx(labels, 12, ">i4"))
    return images, labels


# --- CIFAR ----------------------------------------------------------------------------------------


class Python2Pickle:
    """Pickles dicts as Python 2 wrote them (protocol 2), byte for byte."""

    def __init__(self) -> None:
        self.memo = 0

    def put(self) -> bytes:
        self.memo += 1
        return b"q" + bytes([self.memo]) if self.memo < 256 else b"r" + struct.pack("<I", self.memo)

    def text(self, value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode() + self.put()

    def number(self, value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    def value(self, value: Any) -> bytes:
        if isinstance(value, (int, numpy.integer)):
            return self.number(int(value))
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, numpy.ndarray):
            return self.array(value)
        head = b"]" + self.put() + b"("
        return head + b"".join(self.value(item) for item in value) + b"e"

    def array(self, value: numpy.ndarray) -> bytes:
        shape = b"".join(self.number(n) for n in value.shape)
        raw = value.tobytes()
        return b"".join(
            [
                b"cnumpy.core.multiarray\n_reconstruct\n" + self.put() + b"cnumpy\nndarray\n",
                self.put() + b"K\0\x85" + b"U\1b\x87R" + self.put() + b"(K\1" + shape + b"\x86",
                b"cnumpy\ndtype\n" + self.put() + b"U\2u1K\0K\1\x87R" + self.put(),
                b"(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb",
                b"\x89T" + struct.pack("<I", len(raw)) + raw + b"tb",
            ]
        )

    def dump(self, value: dict[str, Any]) -> bytes:
        head = b"\x80\x02}" + self.put() + b"("
        items = [self.text(key) + self.value(item) for key, item in value.items()]
        return head + b"".join(items) + b"u."


def python2(value: dict[str, Any]) -> bytes:
    return Python2Pickle().dump(value)


def cifar10_meta() -> bytes:
    """The file `batches.meta` of CIFAR-10 itself: its MD5 is the published one."""
    return python2({"num_cases_per_batch": 10000, "label_names": NAMES, "num_vis": 3072})


def write_cifar(root: Path, cls: Any, n: int = 4) -> Any:
    """Batches in the place of a CIFAR class; a subclass that knows their digests."""
    fine = "100" in cls.__name__
    folder = root / cls.base_folder
    folder.mkdir(parents=True)
    lists: dict[str, list[list[str]]] = {}
    for kind in ("train_list", "test_list"):
        lists[kind] = []
        for k, (name, _) in enumerate(getattr(cls, kind)):
            data, labels = pixels(len(name) + k, n, 3072), list(numbers(k, n))
            keys = ("fine_labels", "coarse_labels") if fine else ("labels",)
            names = [f"{i}.png" for i in range(n)]
            batch = {"batch_label": name, **dict.fromkeys(keys, labels), "data": data}
            (folder / name).write_bytes(python2({**batch, "filenames": names}))
            lists[kind].append([name, md5(folder / name)])
    if fine:
        meta = python2(
            {"fine_label_names": [f"f{i}" for i in range(100)], "coarse_label_names": ["c"]}
        )
    else:
        meta = cifar10_meta()
    path = folder / cls.meta["filename"]
    path.write_bytes(meta)
    attributes = {**lists, "meta": {**cls.meta, "md5": md5(path)}, "__module__": cls.__module__}
    return type(cls.__name__, (cls,), attributes)


# --- others ---------------------------------------------------------------------------------------


def write_svhn(root: Path, cls: Any, split: str = "train", n: int = 6) -> Any:
    from scipy.io import savemat

    root.mkdir(parents=True, exist_ok=True)
    url, name, _ = cls.split_list[split]
    labels = numpy.arange(10, 10 - n, -1, dtype="uint8").reshape(n, 1)
    savemat(root / name, {"X": pixels(5, 32, 32, 3, n), "y": labels}, do_compression=True)
    # The file begins with the time it was written at; the sum must not depend on that.
    with open(root / name, "r+b") as f:
        f.write(b"MATLAB 5.0 MAT-file".ljust(116))
    split_list = {**cls.split_list, split: [url, name, md5(root / name)]}
    return type(cls.__name__, (cls,), {"split_list": split_list, "__module__": cls.__module__})


def write_stl10(root: Path, cls: Any, n: int = 12) -> Any:
    folder = root / cls.base_folder
    folder.mkdir(parents=True)
    for k, name in enumerate(("train", "test", "unlabeled")):
        (folder / f"{name}_X.bin").write_bytes(pixels(k, n, 3, 96, 96).tobytes())
        if name != "unlabeled":
            (folder / f"{name}_y.bin").write_bytes((numbers(k, n) + 1).astype("u1").tobytes())
    (folder / "class_names.txt").write_text("\n".join(NAMES) + "\n")
    (folder / "fold_indices.txt").write_text("".join(f"{k} {k + 1} \n" for k in range(10)))
    lists = {
        kind: [[name, md5(folder / name)] for name, _ in getattr(cls, kind)]
        for kind in ("train_list", "test_list")
    }
    return type(cls.__name__, (cls,), {**lists, "__module__": cls.__module__})


def write_usps(root: Path, n: int = 5) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(("usps.bz2", "usps.t.bz2")):
        values = pixels(k, n, 256) / 127.5 - 1
        labels = numbers(k, n) + 1
        lines = [
            f"{label} " + " ".join(f"{i + 1}:{v:.6f}" for i, v in enumerate(row)) + " "
            for label, row in zip(labels, values)
        ]
        (root / name).write_bytes(bz2.compress("\n".join(lines).encode() + b"\n"))


def write_image_folder(root: Path, classes: tuple[str, ...] = ("cat", "dog"), n: int = 3) -> None:
    from PIL import Image

    for k, name in enumerate(classes):
        (root / name / "more").mkdir(parents=True)
        for i in range(n):
            place = root / name / ("more" if i == 1 else "")
            image = pixels(10 * k + i, 9, 8, 3) if i else pixels(10 * k, 9, 8)
            Image.fromarray(image).save(place / f"{i}.{('png', 'bmp', 'PPM')[i % 3]}")
    (root / classes[0] / "notes.txt").write_text("no image")


def tar_of(files: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def png(seed: int) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels(seed, 6, 5, 3)).save(out, "PNG")
    return out.getvalue()


def write_imagenet(root: Path, module: Any) -> None:
    """The three archives, tiny; `module.ARCHIVE_META` is given their digests by the caller."""
    from scipy.io import savemat

    root.mkdir(parents=True, exist_ok=True)
    fields = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")
    rows = [
        (1, "n01", "tench, Tinca tinca", "a fish", 0),
        (2, "n02", "goldfish", "another", 0),
        (3, "n00", "animal", "above them", 2),
    ]
    synsets = numpy.array([tuple(row) for row in rows], dtype=[(name, object) for name in fields])
    mat = io.BytesIO()
    savemat(mat, {"synsets": synsets.reshape(-1, 1)})
    top = "ILSVRC2012_devkit_t12/data"
    devkit = {
        f"{top}/meta.mat": mat.getvalue(),
        f"{top}/ILSVRC2012_validation_ground_truth.txt": b"2\n1\n2\n",
    }
    train = {f"{w}.tar": tar_of({f"{w}_{i}.png": png(i) for i in range(2)}) for w in ("n01", "n02")}
    val = {f"ILSVRC2012_val_{i}.png": png(10 + i) for i in range(3)}
    for part, data in (
        ("devkit", tar_of(devkit, "w:gz")),
        ("train", tar_of(train)),
        ("val", tar_of(val)),
    ):
        (root / module.ARCHIVE_META[part][0]).write_bytes(data)
