"""Saving, loading, map_location, allowed classes."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight.serialization import LoadError


@pytest.fixture(autouse=True)
def no_safe_globals():
    """Classes allowed by other tests of this process do not count here."""
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()


def round_trip(obj, **options):
    stream = io.BytesIO()
    torch.save(obj, stream)
    stream.seek(0)
    return torch.load(stream, **options)


class Point:
    def __init__(self, x):
        self.x = x


class Slotted:
    __slots__ = ("a",)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(2, 2)

    def forward(self, x):
        return self.fc(x)


# --- where files are --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.pt", "net.pkl", "noending", "two.dots.pth", "sp ace é.pt"])
def test_paths(name, tmp_path):
    for path in (tmp_path / name, str(tmp_path / name)):
        torch.save({"a": torch.ones(2)}, path)
        assert torch.load(path)["a"].tolist() == [1, 1]
    assert os.listdir(tmp_path) == [name]


def test_root_folder_is_the_file_name(tmp_path):
    torch.save(1, tmp_path / "model.v2.pt")
    assert "model.v2/data.pkl" in zipfile.ZipFile(tmp_path / "model.v2.pt").namelist()


def test_records_are_aligned_and_valid_zip(tmp_path):
    path = tmp_path / "x.pt"
    torch.save([torch.ones(n) for n in (1, 0, 5, 100)], path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        raw = path.read_bytes()
        for info in archive.infolist():
            names, extra = raw[info.header_offset + 26 :][:2], raw[info.header_offset + 28 :][:2]
            at = info.header_offset + 30 + int.from_bytes(names, "little")
            assert (at + int.from_bytes(extra, "little")) % 64 == 0


def test_open_files(tmp_path):
    with open(tmp_path / "x.pt", "wb") as f:
        torch.save(torch.arange(3), f)
    with open(tmp_path / "x.pt", "rb") as f:
        assert torch.load(f).tolist() == [0, 1, 2]


def test_stream_that_only_writes():
    class Sink:
        data = b""

        def write(self, piece):
            self.data += bytes(piece)

    sink = Sink()
    torch.save(torch.arange(3), sink)
    assert torch.load(io.BytesIO(sink.data)).tolist() == [0, 1, 2]


def test_archive_after_other_bytes_in_a_stream():
    stream = io.BytesIO()
    stream.write(b"head")
    torch.save(torch.arange(3), stream)
    stream.seek(4)
    assert torch.load(stream).tolist() == [0, 1, 2]


def test_bad_arguments(tmp_path):
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like"):
        torch.save(1, 3)
    with pytest.raises(AttributeError, match="only torch.load from a file that is seekable"):
        torch.load(3)
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "missing.pt")
    with pytest.raises(IsADirectoryError):
        torch.load(tmp_path)
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        torch.save(1, tmp_path / "no" / "x.pt")
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        torch.save(1, tmp_path / "x.pt")
        torch.load(tmp_path / "x.pt", pickle_module=pickle, weights_only=True)
    with pytest.raises(ValueError, match="file path in order to use the mmap"):
        torch.load(io.BytesIO((tmp_path / "x.pt").read_bytes()), mmap=True)


def test_old_format_has_no_mmap(tmp_path):
    torch.save(torch.ones(2), tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    assert torch.load(tmp_path / "x.pt").tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(tmp_path / "x.pt", mmap=True)


# --- what is kept -----------------------------------------------------------------------------------


def test_sharing_and_strides():
    x = torch.arange(12.0).reshape(3, 4)
    read = round_trip({"x": x, "t": x.t(), "row": x[1], "again": x})
    assert read["x"] is read["again"]
    assert read["t"].stride() == (1, 4)
    read["x"][1, 0] = 100.0
    assert read["row"][0].item() == 100.0 and read["t"][0, 1].item() == 100.0


def test_saving_a_view_saves_its_storage_once(tmp_path):
    x = torch.zeros(1000)
    torch.save([x[:1], x[1:2]], tmp_path / "x.pt")
    assert 4000 < (tmp_path / "x.pt").stat().st_size < 6500


def test_one_memory_with_two_dtypes_is_refused():
    x = torch.zeros(4)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        torch.save([x, x.view(torch.int32)], io.BytesIO())


def test_view_repeated_too_often_is_saved_as_values():
    x = torch.ones(1).expand(1 << 19)
    read = round_trip(x)
    assert read.shape == x.shape and read.stride() == (1,)


def test_state_dict_metadata():
    state = Net().state_dict()
    read = round_trip(state)
    assert type(read) is OrderedDict and read._metadata == state._metadata


def test_storages():
    x = torch.arange(3.0)
    read = round_trip([x, x.untyped_storage().nbytes()])
    assert read[1] == 12
    storage = round_trip(x.untyped_storage())
    assert isinstance(storage, torch.UntypedStorage) and storage.nbytes() == 12


def test_numpy_values():
    numpy = pytest.importorskip("numpy")
    value = {"acc": numpy.float64(0.5), "n": numpy.int64(3), "a": numpy.arange(6).reshape(2, 3)}
    read = round_trip(value)
    assert read["acc"] == 0.5 and type(read["acc"]) is numpy.float64 and read["n"] == 3
    assert (read["a"] == value["a"]).all() and read["a"].dtype == value["a"].dtype
    with pytest.raises(LoadError):
        round_trip(numpy.array([object()], dtype=object))


def test_skip_data(tmp_path):
    with torch.serialization.skip_data():
        torch.save(torch.ones(100), tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt").shape == (100,)


# --- where storages go ------------------------------------------------------------------------------


def test_map_location():
    x = torch.arange(3.0)
    for where in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, {"cpu": "cpu"}):
        assert round_trip(x, map_location=where).tolist() == [0, 1, 2]
    for where in ("meta", torch.device("meta"), {"cpu": "meta"}):
        read = round_trip(x, map_location=where)
        assert read.device.type == "meta" and read.shape == (3,)


def test_map_location_function_sees_storage_and_tag():
    seen = []

    def where(storage, location):
        seen.append((location, storage.nbytes()))
        return storage

    assert round_trip(torch.arange(3.0), map_location=where).tolist() == [0, 1, 2]
    assert seen == [("cpu", 12)]
    assert round_trip(torch.ones(1), map_location=lambda s, tag: None).tolist() == [1]


def test_map_location_of_another_type():
    with pytest.raises(TypeError, match="map_location must be"):
        round_trip(torch.ones(1), map_location=3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_file_from_a_cuda_device(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(torch.ones(2), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        torch.load(path)
    assert torch.load(path, map_location="cpu").tolist() == [1, 1]


def test_registered_package():
    torch.serialization.register_package(
        5,
        lambda storage: None,
        lambda storage, tag: storage if tag == "elsewhere" else None,
    )
    assert round_trip(torch.ones(1), map_location="elsewhere").tolist() == [1]
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        round_trip(torch.ones(1), map_location="nowhere")


def test_mmap(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"a": torch.arange(1000.0), "b": torch.zeros(0)}, path)
    read = torch.load(path, mmap=True)
    before = path.read_bytes()
    read["a"][0] = 5.0
    assert read["a"].sum().item() == sum(range(1000)) + 5
    assert path.read_bytes() == before
    del read
    with torch.serialization.set_default_mmap_options(__import__("mmap").MAP_SHARED):
        torch.load(path, mmap=True)["a"][0] = 7.0
    torch.serialization.set_crc32_options(False)
    try:
        assert torch.load(path)["a"][0].item() == 7.0
    finally:
        torch.serialization.set_crc32_options(True)


# --- classes ----------------------------------------------------------------------------------------


def test_library_layers_load_by_default():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.BatchNorm1d(3))
    read = round_trip(model.eval())
    assert repr(read) == repr(model) and not read.training
    x = torch.ones(4, 2)
    assert read(x).tolist() == model(x).tolist()


def test_a_refused_stream_stays_free():
    stream = io.BytesIO()
    torch.save(Point(3), stream)
    stream.seek(0)
    with pytest.raises(LoadError) as refused:
        torch.load(stream)
    stream.truncate(0)  # would raise BufferError while somebody holds its buffer
    assert refused.value is not None and stream.getvalue() == b""


def test_user_classes():
    with pytest.raises(LoadError, match="Unsupported global: GLOBAL .*Net was not an allowed"):
        round_trip(Net())
    with pytest.raises(pickle.UnpicklingError, match="add_safe_globals"):
        round_trip(Point(3))
    assert round_trip(Point(3), weights_only=False).x == 3
    assert repr(round_trip(Net(), weights_only=False)) == repr(Net())
    with torch.serialization.safe_globals([Point, Net]):
        assert round_trip(Point(3)).x == 3
        assert repr(round_trip(Net())) == repr(Net())
        assert set(torch.serialization.get_safe_globals()) == {Point, Net}
    assert torch.serialization.get_safe_globals() == []
    torch.serialization.add_safe_globals([(Point, f"{__name__}.Point")])
    assert round_trip(Point(3)).x == 3
    torch.serialization.clear_safe_globals()
    with pytest.raises(LoadError):
        round_trip(Point(3))


def test_slots_of_allowed_classes():
    value = Slotted()
    value.a = torch.ones(1)
    with torch.serialization.safe_globals([Slotted]):
        assert round_trip(value).a.tolist() == [1]


def test_unsafe_globals_in_checkpoint(tmp_path):
    torch.save({"p": Point(1), "m": torch.nn.Linear(1, 1)}, tmp_path / "x.pt")
    names = torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "x.pt")
    assert names == [f"{__name__}.Point"]


def test_environment_forces_either_mode(monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(LoadError):
        round_trip(Point(3), weights_only=False)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="Only one of"):
        round_trip(Point(3))
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    with pytest.warns(UserWarning, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected"):
        assert round_trip(Point(3)).x == 3


# --- copies and plain pickles -------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickle(protocol):
    x = torch.arange(6.0).reshape(2, 3).t()
    p = torch.nn.Parameter(torch.ones(2))
    x.note = "kept"
    y, q, size = pickle.loads(pickle.dumps([x, p, x.shape], protocol=protocol))
    assert y.tolist() == x.tolist() and y.stride() == x.stride() and y.note == "kept"
    assert type(q) is torch.nn.Parameter and q.requires_grad
    assert type(size) is torch.Size and size == (3, 2)
    for dtype in (torch.float32, torch.bfloat16, torch.bool):
        assert pickle.loads(pickle.dumps(dtype, protocol=protocol)) is dtype


def _double(x):
    return x * 2


# Python 3.12 and later warn of any fork beside other threads, here the engine's.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_tensors_travel_between_processes(method):
    import multiprocessing

    with multiprocessing.get_context(method).Pool(1) as pool:
        a, b = pool.map(_double, [torch.arange(3.0), torch.ones(2, dtype=torch.int64)])
    assert a.tolist() == [0, 2, 4] and b.tolist() == [2, 2] and b.dtype is torch.int64


def test_deepcopy():
    import copy

    x = torch.arange(4.0, requires_grad=True)
    (x * 2).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.is_leaf and y.grad.tolist() == [2] * 4 and y.grad is not x.grad
    base = torch.zeros(4)
    a, b = copy.deepcopy([base, base[1:]])
    a[1] = 3
    assert b[0].item() == 3 and base[1].item() == 0
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)
    assert copy.deepcopy(torch.zeros(2, device="meta")).device.type == "meta"


def test_copy_shares_memory():
    import copy

    x = torch.zeros(3)
    y = copy.copy(x)
    y[0] = 1
    assert x[0].item() == 1 and y is not x


# --- safetensors --------------------------------------------------------------------------------------


def test_safetensors_written_by_the_library(tmp_path):
    numpy = pytest.importorskip("numpy")
    library = pytest.importorskip("safetensors.numpy")
    values = {
        "a": numpy.arange(6, dtype="float32").reshape(2, 3),
        "b": numpy.arange(3, dtype="int64"),
        "h": numpy.ones(2, dtype="float16"),
        "e": numpy.zeros((0, 3), dtype="float32"),
        "s": numpy.array(2.5, dtype="float32"),
        "t": numpy.array([True, False]),
    }
    path = tmp_path / "x.safetensors"
    library.save_file(values, path, {"format": "pt"})
    read = torch.load(path)
    assert sorted(read) == sorted(values)
    for name, value in values.items():
        assert read[name].tolist() == value.tolist() and read[name].shape == value.shape
        assert str(read[name].dtype) == f"torch.{value.dtype}"


def test_safetensors_library_under_run(rushlight_run, tmp_path):
    pytest.importorskip("safetensors")
    done = rushlight_run(
        """
        import torch
        from safetensors.torch import load_file, save_file

        values = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3, dtype=torch.bfloat16)}
        save_file(values, "x.safetensors")
        for read in (torch.load("x.safetensors"), load_file("x.safetensors")):
            print(sorted((k, str(v.dtype), v.tolist()) for k, v in read.items()))
        """.replace("\n        ", "\n")
    )
    expected = [("a", "torch.float32", [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])]
    expected += [("b", "torch.bfloat16", [1.0, 1.0, 1.0])]
    assert done.stdout == f"{expected}\n" * 2, done.stderr
