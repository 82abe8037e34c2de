"""Every hostile file of tools/make_hostile_files.py is refused, or loads where it is harmless."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import sys
from pathlib import Path

import pytest

import rushlight as torch
from rushlight.serialization import LoadError

TOOL = Path(__file__).parents[2] / "tools" / "make_hostile_files.py"


def load_tool():
    spec = importlib.util.spec_from_file_location("make_hostile_files", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


hostile = load_tool()
CASES = list(hostile.cases())


@pytest.fixture(autouse=True)
def no_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not os.path.exists("HOSTILE_CODE_RAN")


def names_place_and_reason(error, path):
    assert isinstance(error, RuntimeError) and isinstance(error, pickle.UnpicklingError)
    text = str(error)
    assert str(path) in text and error.reason and error.reason in text
    assert len(error.reason) <= 400
    assert "weights_only=False" not in text


@pytest.mark.parametrize("case", CASES, ids=[f"{c.row}-{c.name}" for c in CASES])
def test_file(case, tmp_path):
    path = tmp_path / f"file{case.suffix}"
    path.write_bytes(case.data)
    if case.expect == hostile.LOAD:
        torch.load(path)
        return
    with pytest.raises(LoadError) as caught:
        torch.load(path)
    names_place_and_reason(caught.value, path)


# in a stream more data may follow, and the format is told by the contents
IN_STREAMS = [c for c in CASES if c.suffix == ".pt" and c.name != "bytes after"][::5]


@pytest.mark.parametrize("case", IN_STREAMS, ids=[f"{c.row}-{c.name}" for c in IN_STREAMS])
def test_stream(case):
    stream = io.BytesIO(case.data)
    if case.expect == hostile.LOAD:
        torch.load(stream)
        return
    with pytest.raises(LoadError):
        torch.load(stream)


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (hostile.GOOD, ".pt"),
        (hostile.legacy(hostile.tensor(hostile.old_storage())), ".pt"),
        (hostile.st({"a": hostile.entry()}, hostile.DATA), ".safetensors"),
    ],
    ids=["archive", "stream", "safetensors"],
)
def test_truncated_at_every_length(data, suffix, tmp_path):
    path = tmp_path / f"cut{suffix}"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(LoadError):
            torch.load(path)
    path.write_bytes(data)
    torch.load(path)


def test_every_bit_of_an_archive_matters(tmp_path):
    """A flipped bit is refused, or changes nothing (fields that no reader uses)."""
    path = tmp_path / "flipped.pt"
    for at in range(len(hostile.GOOD)):
        flipped = bytearray(hostile.GOOD)
        flipped[at] ^= 1 << (at % 8)
        path.write_bytes(flipped)
        try:
            value = torch.load(path)
        except LoadError:
            continue
        assert value.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_deflated_one_gib_is_refused_before_it_is_read(tmp_path):
    case = next(c for c in CASES if c.name == "zip bomb")
    path = tmp_path / "bomb.pt"
    path.write_bytes(case.data)
    with pytest.raises(LoadError, match="compressed"):
        torch.load(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("numel 5 of 4", "5 elements"),
        ("past the end", "reach element 4, the storage has 4"),
        ("negative stride", "stride"),
        ("negative offset", "storage offset"),
        ("one key, two dtypes", "int32"),
        ("unknown memo", "memo entry 7"),
        ("text claims 4 GiB", "4294967295 bytes are claimed"),
        ("empty file", "empty"),
        ("text", "starts with b'hello"),
        ("bit of data byte 0 flipped", "CRC-32"),
        ("TorchScript archive", "TorchScript"),
        ("stride-0 view of 2**40", "times"),
        ("data.pkl twice", "twice"),
        ("name twice", "twice"),
        ("hole", "hole"),
    ],
)
def test_reason(name, text, tmp_path):
    case = next(c for c in CASES if c.name == name)
    path = tmp_path / f"file{case.suffix}"
    path.write_bytes(case.data)
    with pytest.raises(LoadError, match=text.replace("*", r"\*")):
        torch.load(path)


def test_shared_tuple_stays_shared(tmp_path):
    case = next(c for c in CASES if c.name == "shared tuple of 2**40 leaves")
    path = tmp_path / "shared.pt"
    path.write_bytes(case.data)
    value = torch.load(path)
    for _ in range(40):
        assert value[0] is value[1]
        value = value[0]
    assert value == (1,)
