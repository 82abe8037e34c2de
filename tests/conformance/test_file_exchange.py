"""Checkpoints travel between PyTorch 2.13 and Rushlight, both ways and in both file formats."""

from __future__ import annotations

import io
import pathlib
from collections import Counter, OrderedDict

import pytest

import rushlight

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")


def bits(lib, t):
    """The values of a tensor as Python numbers, whichever library it belongs to."""
    if t.dtype == lib.bfloat16:
        t = t.float()
    return t.detach().tolist()


class Describe:
    """Turns an object into plain data: types, values, strides, who shares memory with whom."""

    def __init__(self, lib):
        self.lib = lib
        self.blocks = {}

    def __call__(self, x):
        lib = self.lib
        if isinstance(x, lib.Tensor):
            return self.tensor(x)
        if isinstance(x, lib.nn.Module):
            return ("module", type(x).__qualname__, x.training, self(dict(x.state_dict())), repr(x))
        if isinstance(x, lib.UntypedStorage):
            return ("untyped", self.block(x), bytes(x.tolist()))
        if lib.is_storage(x):
            return ("typed", self.block(x.untyped()), str(x.dtype), x.tolist())
        if isinstance(x, (dict, OrderedDict)):
            items = [(self(k), self(v)) for k, v in x.items()]
            return (type(x).__name__, items, self(getattr(x, "_metadata", None)))
        if isinstance(x, (list, tuple)):
            return (type(x).__name__, [self(v) for v in x])
        if isinstance(x, (set, frozenset)):
            return (type(x).__name__, sorted(map(repr, x)))
        return (type(x).__name__, repr(x))

    def block(self, storage):
        if not storage.nbytes():
            return ("empty",)
        return (self.blocks.setdefault(storage.data_ptr(), len(self.blocks)), storage.nbytes())

    def tensor(self, t):
        head = (type(t).__name__, str(t.dtype), str(t.device), tuple(t.shape), t.requires_grad)
        if t.device.type == "meta":
            return (*head, tuple(t.stride()))
        place = (tuple(t.stride()), t.storage_offset(), self.block(t.untyped_storage()))
        extra = {k: self(v) for k, v in t.__dict__.items() if k != "_is_param"}
        return (*head, *place, repr(bits(self.lib, t)), extra)


CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


for name in (
    "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128"
).split():
    CASES[f"dtype_{name}"] = lambda lib, name=name: lib.tensor([0, 1, 1, 0]).to(getattr(lib, name))


@case
def scalar(lib):
    return lib.tensor(2.5)


@case
def empty(lib):
    return [lib.zeros(0), lib.zeros(0, 3), lib.zeros(2, 0, 4, dtype=lib.int64)]


@case
def special_values(lib):
    return lib.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45])


@case
def transposed(lib):
    return lib.arange(6.0).reshape(2, 3).t()


@case
def strided_view(lib):
    return lib.arange(24.0).reshape(4, 6)[1:, ::2]


@case
def expanded(lib):
    return lib.arange(3.0).reshape(3, 1).expand(3, 4)


@case
def shared_storage(lib):
    x = lib.arange(10.0)
    return {"all": x, "head": x[:3], "tail": x[7:], "again": x, "other": lib.arange(10.0)}


@case
def same_object_twice(lib):
    x = lib.ones(2)
    return [x, x, {"x": x}]


@case
def requires_grad(lib):
    return lib.ones(3, requires_grad=True)


@case
def non_leaf(lib):
    return lib.ones(3, requires_grad=True) * 2


@case
def parameter(lib):
    return lib.nn.Parameter(lib.ones(2, 2))


@case
def frozen_parameter(lib):
    return lib.nn.Parameter(lib.ones(2, 2), requires_grad=False)


@case
def parameter_attributes(lib):
    p = lib.nn.Parameter(lib.ones(2))
    p.note = "kept"
    p.table = {"a": [1, 2]}
    return p


@case
def tensor_attributes(lib):
    t = lib.ones(2)
    t.note = ("kept", 1)
    return t


@case
def tied_parameters(lib):
    w = lib.nn.Parameter(lib.ones(2, 2))
    return OrderedDict(encoder=w, decoder=w)


@case
def meta(lib):
    return lib.zeros(2, 3, device="meta")


@case
def conjugate(lib):
    return lib.tensor([1 + 2j, 3 - 1j]).conj().resolve_conj()


@case
def python_values(lib):
    return [1, -1, 255, 65536, 2**31, 2**62, 2**80, -(2**70), 0.1, "", "text é ☃", True, None]


@case
def more_values(lib):
    return {"c": 1 + 2j, "b": b"\x00\xff", "a": bytearray(b"xy"), "s": {1, 2}, "t": (1, (2,), ())}


@case
def key_kinds(lib):
    return {1: "int", 2.5: "float", None: "none", (1, "a"): "tuple", b"x": "bytes"}


@case
def counter(lib):
    return Counter("abracadabra")


@case
def nested(lib):
    return {"a": [{"b": ({"c": lib.ones(1)}, [lib.zeros(2)])}], "d": OrderedDict(e=OrderedDict())}


@case
def long_list(lib):
    return list(range(5000))


@case
def long_text(lib):
    return "x" * 100_000


@case
def many_tensors(lib):
    return [lib.full((2,), float(i)) for i in range(400)]


@case
def shared_lists(lib):
    inner = [1, 2]
    return [inner, inner, (inner, inner)]


@case
def torch_values(lib):
    return {"size": lib.Size([1, 2]), "dtype": lib.float16, "device": lib.device("cpu")}


@case
def layout(lib):
    return lib.strided


@case
def typed_storage(lib):
    return lib.arange(4.0)._typed_storage()


@case
def state_dict(lib):
    lib.manual_seed(0)
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.ReLU(), lib.nn.Linear(4, 2)).state_dict()


@case
def batchnorm_state(lib):
    return lib.nn.BatchNorm2d(3).state_dict()


def trained(lib, make):
    lib.manual_seed(0)
    model = lib.nn.Linear(3, 2)
    optimizer = make(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        model(lib.ones(4, 3)).sum().backward()
        optimizer.step()
    return {
        "epoch": 3,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": 0.25,
    }


@case
def sgd_checkpoint(lib):
    return trained(lib, lambda p: lib.optim.SGD(p, lr=0.1, momentum=0.9))


@case
def adam_checkpoint(lib):
    return trained(lib, lambda p: lib.optim.Adam(p, lr=0.01))


@case
def adamw_checkpoint(lib):
    return trained(lib, lambda p: lib.optim.AdamW(p, lr=0.01))


@case
def scheduler_state(lib):
    optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1)
    return lib.optim.lr_scheduler.StepLR(optimizer, 3).state_dict()


@case
def rng_state(lib):
    lib.manual_seed(7)
    return lib.get_rng_state()


MODULES = {
    "linear": lambda nn: nn.Linear(3, 2),
    "conv": lambda nn: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU()),
    "lenet": lambda nn: nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2, stride=2),
        nn.Flatten(),
        nn.Linear(6 * 14 * 14, 10),
    ),
    "containers": lambda nn: nn.ModuleDict(
        {"a": nn.ModuleList([nn.Dropout(0.2), nn.Identity()]), "b": nn.Embedding(4, 3)}
    ),
    "norms": lambda nn: nn.Sequential(nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.InstanceNorm1d(4)),
    "lstm": lambda nn: nn.LSTM(3, 4, 2),
    "losses": lambda nn: nn.Sequential(nn.CrossEntropyLoss(), nn.MSELoss(), nn.BCEWithLogitsLoss()),
    "eval": lambda nn: nn.Sequential(nn.Dropout()).eval(),
}
# PyTorch refuses modules by default; these are read with weights_only=False there
WHOLE = {}
for name, make in MODULES.items():
    WHOLE[f"module_{name}"] = lambda lib, make=make: make(lib.nn)


def exchange(make, writer, reader, **options):
    for lib in (writer, reader):
        lib.manual_seed(0)
    written = make(writer)
    stream = io.BytesIO()
    writer.save(written, stream, **options)
    stream.seek(0)
    return written, stream


FORMATS = [(n, f) for n in CASES for f in (True, False)]
FORMAT_IDS = [f"{n}-{'zip' if f else 'stream'}" for n, f in FORMATS]


@pytest.mark.parametrize(("name", "new_format"), FORMATS, ids=FORMAT_IDS)
def test_pytorch_reads_ours(name, new_format):
    written, stream = exchange(
        CASES[name], rushlight, torch, _use_new_zipfile_serialization=new_format
    )
    assert Describe(torch)(torch.load(stream)) == Describe(rushlight)(written)


@pytest.mark.parametrize(("name", "new_format"), FORMATS, ids=FORMAT_IDS)
def test_we_read_pytorchs(name, new_format):
    written, stream = exchange(
        CASES[name], torch, rushlight, _use_new_zipfile_serialization=new_format
    )
    for options in ({}, {"weights_only": False}):
        stream.seek(0)
        assert Describe(rushlight)(rushlight.load(stream, **options)) == Describe(torch)(written)


@pytest.mark.parametrize("name", WHOLE)
def test_pytorch_reads_our_modules(name):
    written, stream = exchange(WHOLE[name], rushlight, torch)
    read = torch.load(stream, weights_only=False)
    assert Describe(torch)(read) == Describe(rushlight)(written)


@pytest.mark.parametrize("name", WHOLE)
def test_we_read_pytorchs_modules_by_default(name):
    written, stream = exchange(WHOLE[name], torch, rushlight)
    read = rushlight.load(stream)
    assert Describe(rushlight)(read) == Describe(torch)(written)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(protocol):
    make = CASES["adam_checkpoint"]
    for writer, reader in ((rushlight, torch), (torch, rushlight)):
        written, stream = exchange(make, writer, reader, pickle_protocol=protocol)
        read = reader.load(stream, weights_only=False)
        assert Describe(reader)(read) == Describe(writer)(written)


def test_mmap_reads_both(tmp_path):
    for writer, reader in ((rushlight, torch), (torch, rushlight), (rushlight, rushlight)):
        path = tmp_path / f"{writer.__name__}.pt"
        written = CASES["shared_storage"](writer)
        writer.save(written, path)
        read = reader.load(path, mmap=True)
        read_all = {k: bits(reader, v) for k, v in read.items()}
        assert read_all == {k: bits(writer, v) for k, v in written.items()}
        assert read["all"].data_ptr() == read["head"].data_ptr()


def test_pytorch_may_compute_offsets_in_our_files(tmp_path):
    """The archive is laid out as PyTorch's own writer lays it out, record by record."""
    from torch.utils.serialization import config

    path = tmp_path / "layout.pt"
    rushlight.save([rushlight.ones(n) for n in (3, 0, 16, 17, 1000)], path)
    before = config.load.calculate_storage_offsets
    config.load.calculate_storage_offsets = True
    try:
        read = torch.load(path, mmap=True)
    finally:
        config.load.calculate_storage_offsets = before
    assert [t.numel() for t in read] == [3, 0, 16, 17, 1000]
    assert all(bool((t == 1).all()) for t in read)


def test_archive_bytes_equal_pytorchs(tmp_path):
    """Apart from memo numbers in the pickle and the serialization id, the files are the same."""
    ours, theirs = tmp_path / "ours" / "x.pt", tmp_path / "theirs" / "x.pt"
    for path, lib in ((ours, rushlight), (theirs, torch)):
        path.parent.mkdir()
        lib.save(b"only bytes", path, _disable_byteorder_record=False)
    a, b = ours.read_bytes(), theirs.read_bytes()
    cut = a.index(b"x/.data/serialization_id")
    assert len(a) == len(b) and a[:cut] == b[:cut]


def test_file_without_checksums_is_refused_while_they_are_on(tmp_path):
    path = pathlib.Path(tmp_path) / "nocrc.pt"
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(torch.ones(3), path)
    finally:
        torch.serialization.set_crc32_options(True)
    with pytest.raises(rushlight.serialization.LoadError, match="CRC-32"):
        rushlight.load(path)
    rushlight.serialization.set_crc32_options(False)
    try:
        assert rushlight.load(path).tolist() == [1.0, 1.0, 1.0]
    finally:
        rushlight.serialization.set_crc32_options(True)
