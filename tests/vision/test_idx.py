"""The IDX reader: right numbers, and no trust in headers."""

from __future__ import annotations

import gzip
import struct
import tracemalloc

import numpy
import pytest

from rushlight.vision.datasets._idx import DTYPES, read_idx


def idx(array, code=8):
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(DTYPES[code]).tobytes()


@pytest.mark.parametrize("code", sorted(DTYPES))
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 28, 28)])
@pytest.mark.parametrize("zipped", [False, True])
def test_round_trip(tmp_path, code, shape, zipped):
    values = numpy.arange(numpy.prod(shape)).reshape(shape)
    data = idx(values, code)
    (tmp_path / "f").write_bytes(gzip.compress(data) if zipped else data)
    found = read_idx(tmp_path / "f")
    assert found.shape == shape
    assert found.dtype.isnative
    assert found.flags.writeable
    numpy.testing.assert_array_equal(found, values.astype(DTYPES[code]))


GOOD = idx(numpy.zeros((4, 3), numpy.uint8))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an IDX file"),
        (b"<html>not found</html>", "not an IDX file"),
        (b"\0\0\x07\x01\0\0\0\x01x", "not an IDX file"),
        (b"\0\0\x08\0", "0 dimensions"),
        (b"\0\0\x08\xff" + b"\0" * 2000, "255 dimensions"),
        (GOOD[:7], "truncated"),
        (GOOD[:-1], "the file has"),
        (GOOD + b"x", "the file has"),
        (bytes([0, 0, 8, 2]) + struct.pack(">2I", 1 << 31, 1 << 31), "the header claims"),
        (
            bytes([0, 0, 14, 3]) + struct.pack(">3I", 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
            "the header claims",
        ),
        (gzip.compress(GOOD)[:-9], "damaged gzip"),
        (gzip.compress(GOOD)[:20], "damaged gzip"),
        (gzip.compress(GOOD + b"x"), "more than the 12 bytes"),
        (gzip.compress(GOOD[:-1]), "truncated: 11 of 12"),
        (
            gzip.compress(bytes([0, 0, 8, 2]) + struct.pack(">2I", 1 << 31, 1 << 31)),
            "the header claims",
        ),
        (gzip.compress(bytes([0, 0, 8, 1]) + struct.pack(">I", 20_000)), "truncated: 0 of 20000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_bad_files_are_refused_without_allocating(tmp_path, data, reason):
    (tmp_path / "bad").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match=reason) as e:
        read_idx(tmp_path / "bad")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "bad" in str(e.value)
    assert peak < 4 << 20


def test_every_truncation_is_refused(tmp_path):
    for n in range(len(GOOD)):
        (tmp_path / "f").write_bytes(GOOD[:n])
        with pytest.raises(ValueError, match="f: "):
            read_idx(tmp_path / "f")
