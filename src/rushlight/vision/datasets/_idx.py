"""Reader of IDX files, the format of MNIST and its relatives, plain or gzipped.

A file is a header - two zero bytes, a type, the number of dimensions, each dimension as a big-endian uint32 - and the
numbers. Nothing is allocated on the word of the header alone: it must agree with the size of the file, which for
gzip can only be bounded beforehand, so there the body is read piece by piece.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import Any

DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
MAX_DIMENSIONS = 8
# deflate cannot shrink data by more than 1032 : 1.
DEFLATE_LIMIT = 1032
PIECE = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> Any:
    """Read an IDX file.

    Args:
        path: the file; gzipped if it starts with gzip's signature, whatever its name.

    Returns:
        A writable numpy array in native byte order.

    Raises:
        ValueError: if the file is not what its header says, naming the file and the reason.
        OSError: if it cannot be opened.
    """
    path = os.fspath(path)
    size = os.path.getsize(path)
    with open(path, "rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            return _parse(raw, path, size, exact=True)
        try:
            with gzip.GzipFile(fileobj=raw) as body:
                return _parse(body, path, size * DEFLATE_LIMIT, exact=False)
        except (EOFError, zlib.error, gzip.BadGzipFile) as e:
            raise ValueError(f"{path}: damaged gzip file: {e}") from e


def _parse(f: Any, path: str, size: int, exact: bool) -> Any:
    import numpy

    head = f.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in DTYPES:
        raise ValueError(f"{path}: not an IDX file: it starts with {head!r}")
    ndim = head[3]
    if not 1 <= ndim <= MAX_DIMENSIONS:
        raise ValueError(f"{path}: {ndim} dimensions, expected 1 to {MAX_DIMENSIONS}")
    dims = f.read(4 * ndim)
    if len(dims) < 4 * ndim:
        raise ValueError(
            f"{path}: truncated: the header ends after {4 + len(dims)} of {4 + 4 * ndim} bytes"
        )
    shape = struct.unpack(f">{ndim}I", dims)
    dtype = numpy.dtype(DTYPES[head[2]])
    expected = math.prod(shape) * dtype.itemsize
    available = size - 4 - 4 * ndim
    if expected > available or (exact and expected != available):
        raise ValueError(
            f"{path}: the header claims {expected} bytes of numbers (shape {shape}), "
            f"the file has {'' if exact else 'at most '}{available}"
        )
    data = _read_exactly(f, expected, path)
    return numpy.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_exactly(f: Any, expected: int, path: str) -> bytearray:
    data = bytearray()
    while len(data) < expected:
        piece = f.read(min(PIECE, expected - len(data)))
        if not piece:
            raise ValueError(f"{path}: truncated: {len(data)} of {expected} bytes of numbers")
        data += piece
    if f.read(1):
        raise ValueError(
            f"{path}: more than the {expected} bytes of numbers that the header claims"
        )
    return data
