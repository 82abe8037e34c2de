"""Make the hostile checkpoint files that `load` must survive.

`cases()` yields them one by one; as a script it writes them into a folder:

    python tools/make_hostile_files.py DIR

Rows are the numbers of docs/design/files.md. Nothing here uses Rushlight or PyTorch: files are put
together from opcodes and zip headers, so that they can be wrong in every way.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REFUSE, LOAD = "refuse", "load"


class Case(NamedTuple):
    """A file and what must become of it."""

    row: int
    name: str
    data: bytes
    expect: str
    suffix: str = ".pt"


# --- pickles --------------------------------------------------------------------------------------

PROTO, STOP = b"\x80\x02", b"."


def g(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def s(text: str) -> bytes:
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def i(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def t(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def call(func: bytes, *args: bytes) -> bytes:
    return func + t(*args) + b"R"


def pkl(body: bytes) -> bytes:
    return PROTO + body + STOP


EMPTY_HOOKS = g("collections", "OrderedDict") + b")R"


def storage(numel: int = 4, key: str = "0", kind: str = "FloatStorage") -> bytes:
    return t(s("storage"), g("torch", kind), s(key), s("cpu"), i(numel)) + b"Q"


def tensor(
    store: bytes,
    size: tuple[int, ...] = (4,),
    stride: tuple[int, ...] = (1,),
    offset: int = 0,
    hooks: bytes = EMPTY_HOOKS,
) -> bytes:
    return call(
        g("torch._utils", "_rebuild_tensor_v2"),
        store,
        i(offset),
        t(*map(i, size)),
        t(*map(i, stride)),
        b"\x89",
        hooks,
    )


# --- archives -------------------------------------------------------------------------------------

DATA = struct.pack("<4f", 1, 2, 3, 4)


class Record(NamedTuple):
    """A zip entry; the fields say what the headers claim, whatever is true."""

    name: str
    data: bytes
    crc: int | None = None
    flags: int = 1 << 11
    method: int = 0
    local_name: str | None = None
    central_size: int | None = None
    full_size: int | None = None


def archive(records: list[Record], before: bytes = b"", after: bytes = b"") -> bytes:
    out, directory = before, b""
    for r in records:
        crc = zlib.crc32(r.data) if r.crc is None else r.crc
        full = len(r.data) if r.full_size is None else r.full_size
        size = full if r.central_size is None else r.central_size
        packed = len(r.data) if r.central_size is None else r.central_size
        name, local = r.name.encode(), (r.local_name or r.name).encode()
        directory += b"PK\x01\x02" + struct.pack(
            "<6H3I5H2I",
            *(0, 0, r.flags, r.method, 0, 0),
            *(crc, packed, size),
            *(len(name), 0, 0, 0, 0),
            *(0, len(out)),
        )
        directory += name
        head = struct.pack(
            "<5H3I2H", 0, r.flags, r.method, 0, 0, crc, len(r.data), full, len(local), 0
        )
        out += b"PK\x03\x04" + head + local + r.data
    at = len(out)
    end = struct.pack("<4H2IH", 0, 0, len(records), len(records), len(directory), at, 0)
    return out + directory + b"PK\x05\x06" + end + after


def records(body: bytes, **data: bytes) -> list[Record]:
    """The records of a checkpoint around a pickle and its storages (``_0=...``)."""
    result = [Record("archive/data.pkl", body), Record("archive/byteorder", b"little")]
    for key, raw in (data or {"_0": DATA}).items():
        result.append(Record(f"archive/data/{key[1:]}", raw))
    return [*result, Record("archive/version", b"3\n")]


def checkpoint(body: bytes, **data: bytes) -> bytes:
    return archive(records(pkl(body), **data))


GOOD = checkpoint(tensor(storage()))

# --- rows 1 to 10, 12 to 19: the pickle -----------------------------------------------------------


def code() -> Iterator[Case]:
    run = "touch HOSTILE_CODE_RAN"
    for module, name in (
        ("posix", "system"),
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("__builtin__", "eval"),
        ("subprocess", "Popen"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
    ):
        yield Case(1, f"reduce {module}.{name}", checkpoint(call(g(module, name), s(run))), REFUSE)
    stack_global = s("posix") + s("system") + b"\x93" + t(s(run)) + b"R"
    yield Case(2, "stack_global", checkpoint(stack_global), REFUSE)
    yield Case(2, "inst", checkpoint(b"(" + s(run) + b"iposix\nsystem\n"), REFUSE)
    yield Case(2, "obj", checkpoint(b"(" + g("posix", "system") + s(run) + b"o"), REFUSE)
    yield Case(2, "ext1", checkpoint(b"\x82\x01"), REFUSE)
    yield Case(2, "newobj_ex", checkpoint(g("torch", "Size") + b")}\x92"), REFUSE)
    yield Case(2, "next_buffer", checkpoint(b"\x97"), REFUSE)
    yield Case(2, "newobj", checkpoint(g("subprocess", "Popen") + t(s(run)) + b"\x81"), REFUSE)
    value = {"a": [1, 2.5, None, True], "b": (b"x", {1, 2}, frozenset([3])), "c": "text" * 100}
    for protocol in (2, 3, 4, 5):
        body = pickle.dumps(value, protocol=protocol)
        yield Case(2, f"data opcodes of protocol {protocol}", archive(records(body)), LOAD)
    for module, name in (
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch._utils", "__dict__"),
        ("torch.serialization", "load"),
        ("torch", "load"),
        ("torch.nn.modules.linear", "torch"),
        ("torch.nn.modules.container", "operator"),
        ("torch.nn.modules.module", "Module.__dict__"),
        ("torch.nn.modules.linear.Linear", "__init__"),
        ("rushlight.serialization", "load"),
    ):
        body = call(g(module, name), s("x"))
        yield Case(3, f"{module}.{name}", checkpoint(body), REFUSE)
    body = call(
        g("torch._tensor", "_rebuild_from_type_v2"),
        g("posix", "system"),
        g("torch", "Tensor"),
        t(s(run)),
        b"N",
    )
    yield Case(4, "_rebuild_from_type_v2(system)", checkpoint(body), REFUSE)
    for power in (36, 40):
        body = call(g("builtins", "bytearray"), i(2**power))
        yield Case(5, f"bytearray(2**{power})", checkpoint(body), REFUSE)


def structure() -> Iterator[Case]:
    good = tensor(storage())
    yield Case(6, "setitem on tensor", checkpoint(good + i(0) + i(1) + b"s"), REFUSE)
    yield Case(6, "setitems on tensor", checkpoint(good + b"(" + i(0) + i(1) + b"u"), REFUSE)
    yield Case(6, "append on tensor", checkpoint(good + i(0) + b"a"), REFUSE)
    yield Case(6, "setitem on storage", checkpoint(storage() + i(0) + i(1) + b"s"), REFUSE)
    yield Case(6, "build on storage", checkpoint(storage() + b"}b"), REFUSE)
    for field in range(4):
        parts = [s("storage"), g("torch", "FloatStorage"), s("0"), s("cpu"), i(4)]
        parts[field] = good
        body = tensor(t(*parts) + b"Q")
        yield Case(6, f"tensor as field {field} of a storage", checkpoint(body), REFUSE)
    hooks = g("torch.nn.modules.linear", "Linear") + b")\x81}" + s("_forward_hooks") + good + b"sb"
    yield Case(6, "tensor as hooks", checkpoint(hooks), REFUSE)
    metadata = call(g("collections", "OrderedDict")) + b"}" + good + b"Nsb"
    yield Case(6, "tensor as the name of metadata", checkpoint(metadata), REFUSE)
    state = call(
        g("torch._tensor", "_rebuild_from_type_v2"),
        g("torch._utils", "_rebuild_tensor_v2"),
        g("torch", "Tensor"),
        t(storage(), i(0), t(i(4)), t(i(1)), b"\x89", EMPTY_HOOKS),
        good,
    )
    yield Case(6, "tensor as state", checkpoint(state), REFUSE)
    yield Case(7, "numel 5 of 4", checkpoint(tensor(storage(5))), REFUSE)
    yield Case(7, "numel 3 of 4", checkpoint(tensor(storage(3), (3,))), REFUSE)
    for numel in (-1, -(2**62), 2**62, 2**64):
        yield Case(8, f"numel {numel}", checkpoint(tensor(storage(numel))), REFUSE)
    bad = {
        "past the end": tensor(storage(), (5,)),
        "offset past the end": tensor(storage(), (4,), (1,), 1),
        "negative offset": tensor(storage(), (1,), (1,), -1),
        "negative stride": tensor(storage(), (2,), (-1,), 3),
        "negative size": tensor(storage(), (-4,), (1,)),
        "size and stride lengths": tensor(storage(), (2, 2), (1,)),
        "stride past the end": tensor(storage(), (2, 2), (4, 1)),
        "65 dimensions": tensor(storage(), (1,) * 65, (1,) * 65),
    }
    for name, body in bad.items():
        yield Case(9, name, checkpoint(body), REFUSE)
    for name, size, stride in (
        ("size product", (2**33, 2**33), (1, 1)),
        ("stride product", (2, 2), (2**62, 2**62)),
        ("size of an empty tensor", (0, 2**40, 2**40), (1, 1, 1)),
        ("stride 2**63", (2,), (2**63,)),
    ):
        yield Case(10, name, checkpoint(tensor(storage(), size, stride)), REFUSE)
    body = tensor(storage(), (2**20, 2**20), (0, 0))
    yield Case(11, "stride-0 view of 2**40", checkpoint(body), REFUSE)
    body = t(tensor(storage()), tensor(storage(4, kind="IntStorage")))
    yield Case(12, "one key, two dtypes", checkpoint(body), REFUSE)
    for key in ("../../etc/passwd", "/etc/passwd", "..", "", "a/b", "0\n"):
        yield Case(13, f"key {key!r}", checkpoint(tensor(storage(key=key))), REFUSE)


def objects() -> Iterator[Case]:
    od = g("collections", "OrderedDict") + b")R"
    shadow = od + b"}" + s("items") + i(1) + b"sb"
    yield Case(14, "OrderedDict with items=1", checkpoint(shadow), REFUSE)
    meta = od + b"}" + s("_metadata") + i(1) + b"sb"
    yield Case(14, "OrderedDict with _metadata=1", checkpoint(meta), REFUSE)
    meta = od + b"}" + s("_metadata") + od + b"sb"
    yield Case(14, "OrderedDict with _metadata", checkpoint(meta), LOAD)
    yield Case(15, "backward_hooks=3", checkpoint(tensor(storage(), hooks=i(3))), REFUSE)
    deep = b"]" * 200_000 + b"a" * 199_999
    yield Case(16, "200,000 nested lists", checkpoint(deep), REFUSE)
    tuples = b")" + b"\x85" * 200_000
    yield Case(16, "200,000 nested tuples", checkpoint(tuples), REFUSE)
    key = b"}" + tuples + i(1) + b"s"
    yield Case(16, "200,000 nested tuples as a key", checkpoint(key), REFUSE)
    memo = b"]q\x00" + b"0]h\x00aq\x00" * 5000
    yield Case(16, "nested lists through the memo", checkpoint(memo), REFUSE)
    wide = i(1) + b"\x85q\x000" + b"h\x00h\x00\x86q\x000" * 40 + b"h\x00"
    yield Case(16, "shared tuple of 2**40 leaves", checkpoint(wide), LOAD)
    tuple_args = call(g("torch.serialization", "_get_layout"), wide)
    yield Case(16, "shared tuple as a layout", checkpoint(tuple_args), REFUSE)
    size = t(i(-1), wide)
    body = call(
        g("torch._utils", "_rebuild_tensor_v2"),
        *(storage(), i(0), size, t(i(1), i(1)), b"\x89", EMPTY_HOOKS),
    )
    yield Case(16, "shared tuple as a size", checkpoint(body), REFUSE)
    dtype = call(g("numpy", "dtype"), s("f8"), wide)
    yield Case(16, "shared tuple in a numpy dtype", checkpoint(dtype), REFUSE)
    name = g("torch.nn.modules.linear", "Linear") + b")\x81}" + wide + i(1) + b"sb"
    yield Case(16, "shared tuple as an attribute's name", checkpoint(name), REFUSE)
    wide_key = b"}" + wide + i(1) + b"s"
    yield Case(16, "shared tuple of 2**40 leaves as a key", checkpoint(wide_key), REFUSE)
    yield Case(17, "text claims 4 GiB", checkpoint(b"X\xff\xff\xff\xffabc"), REFUSE)
    yield Case(17, "text claims 2**63", checkpoint(b"\x8d" + b"\xff" * 7 + b"\x7f"), REFUSE)
    yield Case(17, "bytes claim 2**62", checkpoint(b"\x8e" + struct.pack("<Q", 2**62)), REFUSE)
    yield Case(17, "frame claims 2**62", checkpoint(b"\x95" + struct.pack("<Q", 2**62)), REFUSE)
    yield Case(18, "unknown memo", checkpoint(b"h\x07"), REFUSE)
    yield Case(18, "stack underflow", checkpoint(b"\x86"), REFUSE)
    yield Case(18, "append to nothing", checkpoint(i(1) + b"a"), REFUSE)
    yield Case(18, "no mark", checkpoint(b"t"), REFUSE)
    yield Case(18, "no STOP", archive(records(PROTO + b"]")), REFUSE)
    yield Case(18, "two values", checkpoint(b"]]"), REFUSE)
    yield Case(18, "empty pickle", archive(records(b"")), REFUSE)
    yield Case(18, "unknown opcode", checkpoint(b"\xff"), REFUSE)
    yield Case(18, "text is not UTF-8", checkpoint(b"X\x02\x00\x00\x00\xff\xfe"), REFUSE)
    yield Case(18, "key is a list", checkpoint(b"}]" + i(1) + b"s"), REFUSE)
    yield Case(18, "odd SETITEMS", checkpoint(b"}(" + i(1) + b"u"), REFUSE)
    for name in ("_rebuild_sparse_tensor", "_rebuild_qtensor", "_rebuild_nested_tensor"):
        body = call(g("torch._utils", name), s("torch.sparse_coo"), i(2**60))
        yield Case(19, name, checkpoint(body), REFUSE)
    linear = g("torch.nn.modules.linear", "Linear") + b")\x81}("
    for name, value in (
        ("forward", i(1)),
        ("__class__", g("torch", "Size")),
        ("_forward_hooks", b"]" + i(1) + b"a"),
        ("_parameters", b"]"),
        ("_modules", b"}" + s("a") + i(1) + b"s"),
        ("state_dict", b"N"),
    ):
        body = linear + s(name) + value + b"ub"
        yield Case(3, f"layer with {name}", checkpoint(body), REFUSE)


# --- rows 20 to 30: the archive -------------------------------------------------------------------


def zips() -> Iterator[Case]:
    body = pkl(tensor(storage(16 * 2**20), (4,)))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("archive/data.pkl", body)
        z.writestr("archive/data/0", bytes(64 * 2**20))
    yield Case(20, "zip bomb", stream.getvalue(), REFUSE)
    good = records(pkl(tensor(storage())))
    hostile = Record("archive/data.pkl", pkl(call(g("posix", "system"), s("true"))))
    yield Case(21, "data.pkl twice", archive([*good, hostile]), REFUSE)
    yield Case(21, "data.pkl twice, hostile first", archive([hostile, *good]), REFUSE)
    yield Case(22, "two roots", archive([*good, Record("other/data.pkl", b"")]), REFUSE)
    for name in ("archive/../../evil", "/etc/evil", "archive/a\\b", "archive/a\0b", "evil", "a//b"):
        yield Case(22, f"entry {name!r}", archive([*good, Record(name, b"")]), REFUSE)
    yield Case(23, "bytes before", archive(good, before=b"PK\x03\x04 and more"), REFUSE)
    yield Case(23, "script before", archive(good, before=b"#!/bin/sh\n"), REFUSE)
    yield Case(23, "bytes after", archive(good, after=b"more"), REFUSE)
    yield Case(23, "second archive after", archive(good) + archive(good), REFUSE)
    at = GOOD.index(DATA)
    for byte in (0, 7, 15):
        flipped = bytearray(GOOD)
        flipped[at + byte] ^= 0x10
        yield Case(24, f"bit of data byte {byte} flipped", bytes(flipped), REFUSE)
    at = GOOD.index(b"torch._utils")
    flipped = bytearray(GOOD)
    flipped[at] ^= 1
    yield Case(24, "bit of data.pkl flipped", bytes(flipped), REFUSE)
    head, tail = good[0], good[1:]
    yield Case(25, "encrypted", archive([head._replace(flags=1), *tail]), REFUSE)
    other = head._replace(local_name="archive/Data.pkl")
    yield Case(25, "two names", archive([other, *tail]), REFUSE)
    yield Case(25, "size 2 GiB", archive([*tail, head._replace(central_size=2**31)]), REFUSE)
    yield Case(25, "wrong method", archive([head._replace(method=12), *tail]), REFUSE)
    yield Case(25, "wrong CRC", archive([head._replace(crc=1), *tail]), REFUSE)
    yield Case(25, "size of one more", archive([head._replace(central_size=300), *tail]), REFUSE)
    overlap = bytearray(archive(good))
    first = overlap.index(b"PK\x01\x02")
    second = overlap.index(b"PK\x01\x02", first + 4)
    overlap[second + 42 : second + 46] = overlap[first + 42 : first + 46]
    yield Case(25, "two entries at one place", bytes(overlap), REFUSE)
    for record, value in (
        ("byteorder", b"middle"),
        ("byteorder", b"little\0"),
        ("version", b"999999999"),
        ("version", b"abc"),
        ("version", b""),
        (".format_version", b"-1"),
        (".storage_alignment", b"x"),
    ):
        name = f"archive/{record}"
        changed = [r for r in good if r.name != name] + [Record(name, value)]
        yield Case(27, f"{record} {value!r}", archive(changed), REFUSE)
    extra = [Record(f"archive/extra/{n}", b"") for n in range(70_000)]
    yield Case(28, "70,000 extra entries", _many(good + extra), REFUSE)
    script = [Record("archive/constants.pkl", pkl(b"]")), *good]
    yield Case(29, "TorchScript archive", archive(script), REFUSE)


def _many(entries: list[Record]) -> bytes:
    """As ``archive``, for more entries than 16 bits count (zip64) and without quadratic time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as z:
        for r in entries:
            z.writestr(r.name, r.data)
    return stream.getvalue()


MAGIC = pkl(i(0x1950A86A20F9469CFC6C))


def legacy(body: bytes, keys: bytes = b"](" + s("0") + b"e", after: bytes | None = None) -> bytes:
    info = b"}(" + s("protocol_version") + i(1001) + s("little_endian") + b"\x88u"
    data = struct.pack("<q", 4) + DATA if after is None else after
    return MAGIC + pkl(i(1001)) + pkl(info) + pkl(body) + pkl(keys) + data


def old_storage(numel: int = 4) -> bytes:
    return t(s("storage"), g("torch", "FloatStorage"), s("0"), s("cpu"), i(numel), b"N") + b"Q"


def legacies() -> Iterator[Case]:
    good = tensor(old_storage())
    yield Case(30, "legacy stream", legacy(good), LOAD)
    yield Case(29, "legacy system()", legacy(call(g("posix", "system"), s("true"))), REFUSE)
    system = pkl(call(g("posix", "system"), s("true")))
    yield Case(29, "legacy system() first", system, REFUSE)
    yield Case(29, "legacy system() as keys", legacy(good, keys=system[2:-1]), REFUSE)
    yield Case(30, "wrong length", legacy(good, after=struct.pack("<q", 3) + DATA), REFUSE)
    yield Case(30, "negative length", legacy(good, after=struct.pack("<q", -4) + DATA), REFUSE)
    yield Case(30, "huge length", legacy(good, after=struct.pack("<q", 2**62) + DATA), REFUSE)
    yield Case(30, "short data", legacy(good, after=struct.pack("<q", 4) + DATA[:7]), REFUSE)
    yield Case(30, "bytes after", legacy(good) + b"more", REFUSE)
    yield Case(30, "no keys", legacy(good, keys=b"]"), REFUSE)
    yield Case(30, "numel 2**60", legacy(tensor(old_storage(2**60))), REFUSE)
    yield Case(30, "wrong magic", pkl(i(12345)) + legacy(good)[len(MAGIC) :], REFUSE)
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        link = tarfile.TarInfo("storages")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        info = tarfile.TarInfo("pickle")
        info.size = len(system)
        tar.addfile(info, io.BytesIO(system))
    yield Case(29, "tar with symlinks", stream.getvalue(), REFUSE)
    yield Case(26, "empty file", b"", REFUSE)
    yield Case(26, "text", b"hello, this is no checkpoint\n", REFUSE)
    yield Case(26, "plain pickle", pickle.dumps({"a": 1}), REFUSE)
    yield Case(26, "html", b"<!DOCTYPE html><html></html>", REFUSE)


# --- rows 31 to 37: safetensors -------------------------------------------------------------------


def st(header: bytes | dict | list, data: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(dtype: str = "F32", shape=(4,), offsets=(0, 16)) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def safetensors() -> Iterator[Case]:
    def case(row: int, name: str, data: bytes, expect: str = REFUSE) -> Case:
        return Case(row, name, data, expect, ".safetensors")

    one = {"a": entry()}
    yield case(36, "one tensor", st(one, DATA), LOAD)
    yield case(31, "header length 0", st(b"", b"", 0))
    yield case(31, "7 bytes", b"\1\0\0\0\0\0\0")
    yield case(31, "header length 2**63", st(one, DATA, 2**63))
    yield case(31, "header length 100 MB + 1", st(one, DATA, 100_000_001))
    yield case(31, "header longer than the file", st(one, DATA, 5000))
    yield case(32, "list header", st([1, 2]))
    yield case(32, "invalid UTF-8", st(b'{"\xff\xfe": 1}'))
    yield case(32, "invalid JSON", st(b'{"a": '))
    yield case(32, "100,000 levels", st(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))
    bad = {
        "overlap": st({"a": entry(), "b": entry(offsets=(8, 24))}, DATA * 2),
        "hole": st({"a": entry(), "b": entry(offsets=(20, 36))}, DATA * 3),
        "hole before": st({"a": entry(offsets=(4, 20))}, DATA * 2),
        "trailing bytes": st(one, DATA + b"x"),
        "end before begin": st({"a": entry(offsets=(16, 0))}, DATA),
        "beyond the end": st({"a": entry(shape=(8,), offsets=(0, 32))}, DATA),
        "shape mismatch": st({"a": entry(shape=(3,))}, DATA),
        "shape overflow": st({"a": entry(shape=(2**33, 2**33))}, DATA),
        "negative shape": st({"a": entry(shape=(-4,))}, DATA),
        "two negative shapes": st({"a": entry(shape=(-2, -2))}, DATA),
        "shape 4.0": st(b'{"a":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}}', DATA),
        "shape true": st(b'{"a":{"dtype":"F32","shape":[true,4],"data_offsets":[0,16]}}', DATA),
        "three offsets": st({"a": entry(offsets=(0, 16, 16))}, DATA),
        "shape 2**64": st({"a": entry(shape=(2**64,))}, DATA),
        "no shape": st({"a": {"dtype": "F32", "data_offsets": [0, 16]}}, DATA),
    }
    for name, data in bad.items():
        yield case(33, name, data)
    yield case(34, "unknown dtype", st({"a": entry("F31")}, DATA))
    yield case(34, "metadata of numbers", st({"__metadata__": {"a": 1}, **one}, DATA))
    yield case(34, "metadata list", st({"__metadata__": [], **one}, DATA))
    text = json.dumps(entry())
    yield case(35, "name twice", st(f'{{"a":{text},"a":{text}}}'.encode(), DATA))
    yield case(35, "leading space", st(b" " + json.dumps(one).encode(), DATA))
    yield case(35, "unknown key", st({"a": {**entry(), "later": 1}}, DATA), LOAD)
    yield case(36, "empty name", st({"": entry()}, DATA), LOAD)
    yield case(36, "no elements", st({"a": entry(shape=(0, 3), offsets=(0, 0))}), LOAD)
    yield case(36, "scalar", st({"a": entry(shape=(), offsets=(0, 4))}, DATA[:4]), LOAD)
    yield case(36, "unaligned header", st(json.dumps(one).encode() + b" ", DATA), LOAD)
    yield case(36, "no tensors", st({}), LOAD)
    yield case(36, "metadata", st({"__metadata__": {"format": "pt"}, **one}, DATA), LOAD)
    many = {f"t{n}": entry(shape=(0,), offsets=(0, 0)) for n in range(100_000)}
    yield case(37, "100,000 empty tensors", st(many), LOAD)


def cases() -> Iterator[Case]:
    """All files."""
    for part in (code, structure, objects, zips, legacies, safetensors):
        yield from part()


def main(folder: str) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for n, case in enumerate(cases()):
        (target / f"row{case.row:02d}_{n:03d}_{case.expect}{case.suffix}").write_bytes(case.data)


if __name__ == "__main__":
    main(sys.argv[1])
