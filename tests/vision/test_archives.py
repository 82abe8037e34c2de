"""Archives are unpacked as tar and unzip unpack them, or refused: none leads out of its folder or fills the disk."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import lzma
import os
import pathlib
import re
import stat
import sys
import tarfile
import tracemalloc
import zipfile

import pytest

from rushlight.vision.datasets import _extract, utils

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "make_hostile_archives.py"


def load_tool():
    spec = importlib.util.spec_from_file_location("make_hostile_archives", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


hostile = load_tool()
CASES = list(hostile.archives())


@pytest.mark.parametrize("case", CASES, ids=[f"{c.name}{c.suffix}" for c in CASES])
def test_hostile_archive(case, tmp_path, monkeypatch):
    monkeypatch.setattr(_extract, "SMALL", 4 << 20)
    (tmp_path / "secret").write_text("kept")
    archive = tmp_path / f"file{case.suffix}"
    archive.write_bytes(case.data)
    tracemalloc.start()
    with pytest.raises(RuntimeError) as caught:
        utils.extract_archive(archive, tmp_path / "target")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(archive) in str(caught.value)
    # the path has the case's name in it
    assert re.search(case.reason, str(caught.value).replace(str(archive), ""))
    assert peak < 16 << 20
    # nothing beside the target, and in it no link, no device and nothing half written
    assert {p.name for p in tmp_path.iterdir()} <= {"secret", archive.name, "target"}
    assert not list(pathlib.Path("/tmp").glob("ESCAPED"))
    assert (tmp_path / "secret").stat().st_nlink == 1
    total = 0
    for place, folders, files in os.walk(tmp_path / "target"):
        for name in folders + files:
            mode = os.lstat(os.path.join(place, name)).st_mode
            assert stat.S_ISDIR(mode) or stat.S_ISREG(mode)
            total += os.lstat(os.path.join(place, name)).st_size
            assert not name.endswith(".part") and ".tmp." not in name
    assert total <= max(4 << 20, 20 * len(case.data)) + (1 << 16)


CONTENTS = {"a.txt": b"first", "folder/b.bin": bytes(range(256)) * 300, "folder/deep/empty": b""}


def packed(suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            z.mkdir("folder") if hasattr(z, "mkdir") else z.writestr("folder/", b"")
            for name, data in CONTENTS.items():
                z.writestr(name, data)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w") as t:
        top = tarfile.TarInfo("./folder")
        top.type = tarfile.DIRTYPE
        t.addfile(top)
        for name, data in CONTENTS.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mode = len(data), 0o4777
            t.addfile(info, io.BytesIO(data))
    compress = {"gz": gzip.compress, "tgz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    compress |= {"tbz": bz2.compress, "tbz2": bz2.compress}
    return compress.get(suffix.rpartition(".")[2], bytes)(out.getvalue())


@pytest.mark.parametrize(
    "suffix", [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".zip"]
)
def test_every_kind_is_unpacked(suffix, tmp_path):
    archive = tmp_path / f"data{suffix}"
    archive.write_bytes(packed(suffix))
    for _ in range(2):  # the second time over what is there
        assert utils.extract_archive(archive, tmp_path / "there") == tmp_path / "there"
    for name, data in CONTENTS.items():
        path = tmp_path / "there" / name
        assert path.read_bytes() == data
        assert path.stat().st_mode & 0o7022 == 0  # neither set-user-id nor writable for others
    assert len([p for p in (tmp_path / "there").rglob("*") if p.is_file()]) == 3
    assert utils.extract_archive(str(archive), remove_finished=True) == str(tmp_path)
    assert not archive.exists() and (tmp_path / "folder" / "b.bin").exists()


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
@pytest.mark.parametrize("first", [0, 5])
def test_any_flipped_byte_is_refused_or_harmless(suffix, first, tmp_path):
    good, archive = packed(suffix), tmp_path / f"data{suffix}"
    step = max(11, len(good) // 200)
    for i in range(first, len(good), step):
        damaged = bytearray(good)
        damaged[i] ^= 0xFF
        archive.write_bytes(damaged)
        try:
            utils.extract_archive(archive, tmp_path / "there")
        except RuntimeError as e:
            assert str(archive) in str(e)
    assert {p.name for p in tmp_path.iterdir()} <= {archive.name, "there"}
    assert not any(p.is_symlink() for p in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_one_compressed_file(suffix, pack, tmp_path):
    source = tmp_path / f"a.b{suffix}"
    source.write_bytes(pack(b"text" * 1000))
    assert utils.extract_archive(str(source)) == str(tmp_path / "a.b")
    assert utils.extract_archive(source, tmp_path / "other") == tmp_path / "other" / "a.b"
    assert (
        (tmp_path / "a.b").read_bytes()
        == (tmp_path / "other" / "a.b").read_bytes()
        == b"text" * 1000
    )
    assert utils._decompress(source, tmp_path / "c", remove_finished=True) == tmp_path / "c"
    assert not source.exists()


def test_links_that_are_there_already_are_not_followed(tmp_path):
    archive = tmp_path / "data.tar"
    archive.write_bytes(packed(".tar"))
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "target"
    target.mkdir()
    (target / "a.txt").symlink_to(outside / "stolen")
    (target / "folder").symlink_to(outside)
    with pytest.raises(RuntimeError, match="'folder' is there and is not a folder"):
        utils.extract_archive(archive, target)
    (target / "folder").unlink()
    utils.extract_archive(archive, target)
    assert not list(outside.iterdir())
    assert (target / "a.txt").read_bytes() == b"first" and not (target / "a.txt").is_symlink()


def test_the_target_itself_may_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    archive = tmp_path / "data.zip"
    archive.write_bytes(packed(".zip"))
    utils.extract_archive(archive, tmp_path / "root")
    assert (tmp_path / "disk" / "a.txt").read_bytes() == b"first"


def test_limits_may_be_set(tmp_path, monkeypatch):
    archive = tmp_path / "data.tar"
    archive.write_bytes(packed(".tar"))
    with pytest.raises(RuntimeError, match="more than 2 entries"):
        utils.extract_archive(archive, tmp_path / "a", max_files=2)
    with pytest.raises(RuntimeError, match="grows beyond 1000 bytes.*max_bytes="):
        utils.extract_archive(archive, tmp_path / "b", max_bytes=1000)
    bomb = tmp_path / "zeros.gz"
    bomb.write_bytes(gzip.compress(bytes(5 << 20), 1))
    monkeypatch.setattr(_extract, "SMALL", 4 << 20)
    with pytest.raises(RuntimeError, match="grows beyond"):
        utils.extract_archive(bomb)
    utils.extract_archive(bomb, max_bytes=5 << 20)
    assert (tmp_path / "zeros").stat().st_size == 5 << 20


@pytest.mark.parametrize(
    ("name", "reason"),
    [("archive", "has no suffixes"), ("a.rar", "Unknown compression or archive type: '.rar'")],
)
def test_unknown_kinds(name, reason, tmp_path):
    with pytest.raises(RuntimeError, match=reason):
        utils.extract_archive(tmp_path / name)
    with pytest.raises(RuntimeError, match="Couldn't detect a compression from suffix .zip"):
        utils._decompress(tmp_path / "a.zip")


def test_a_name_of_a_file_may_come_twice_in_a_tar(tmp_path):
    """As when a file was appended anew: the later one counts."""
    archive = tmp_path / "a.tar"
    archive.write_bytes(hostile.tar(hostile.file("x", b"old"), hostile.file("x", b"new")))
    utils.extract_archive(archive)
    assert (tmp_path / "x").read_bytes() == b"new"
