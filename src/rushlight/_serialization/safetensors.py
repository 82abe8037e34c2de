"""Reader of safetensors files: a JSON header and one block of bytes, each byte used exactly once."""

from __future__ import annotations

from typing import Any

from .errors import LoadError
from .source import Source

MAX_HEADER = 100_000_000
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}


def looks_like(source: Source) -> bool:
    """Whether a file may be in this format, judged by its first nine bytes."""
    if source.size < 10:
        return False
    head = bytes(source.read(0, 9))
    length = int.from_bytes(head[:8], "little")
    return length <= MAX_HEADER and length + 8 <= source.size and head[8:9] == b"{"


def read_file(source: Source, restore: Any) -> dict[str, Any]:
    """Read all tensors of a file, in the order of its header.

    Raises:
        LoadError: whatever the format does not allow.
    """
    try:
        return _read(source, restore)
    except LoadError as error:
        raise error.located(source.name) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise LoadError("the name appears twice in the header", record=key)
            seen.add(key)
    return result


def _header(source: Source) -> tuple[dict[str, Any], int]:
    import json

    if source.size < 8:
        raise LoadError(f"truncated: the file has {source.size} bytes, the header length needs 8")
    length = int.from_bytes(source.read(0, 8), "little")
    if length > MAX_HEADER:
        raise LoadError(f"the header claims {length} bytes (limit {MAX_HEADER})")
    if length < 2 or length + 8 > source.size:
        raise LoadError(f"the header claims {length} bytes, the file has {source.size}")
    raw = bytes(source.read(8, length))
    if raw[:1] != b"{":
        raise LoadError("the header does not begin with '{'")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise LoadError(f"the header is not UTF-8: {error}") from None
    except RecursionError:
        raise LoadError("the header is nested too deeply") from None
    except LoadError:
        raise
    except ValueError as error:
        raise LoadError(f"the header is not JSON: {error}") from None
    return header, 8 + length


def _plan(header: dict[str, Any], room: int) -> list[tuple[str, str, list[int], int, int]]:
    """Name, dtype, shape, begin and end of every tensor; the ranges fill the data part exactly."""
    from ..storage import _rl

    plan = []
    for name, entry in header.items():
        if name == "__metadata__":
            good = type(entry) is dict and all(type(v) is str for v in entry.values())
            if not good:
                raise LoadError("the metadata must map text to text", record=name)
            continue
        if type(entry) is not dict or not {"dtype", "shape", "data_offsets"} <= entry.keys():
            raise LoadError("the entry needs dtype, shape and data_offsets", record=name)
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if type(dtype) is not str or dtype not in _DTYPES:
            raise LoadError(f"dtype {dtype!r} is not supported", record=name)
        if type(shape) is not list or type(offsets) is not list or len(offsets) != 2:
            raise LoadError("shape and data_offsets must be lists, offsets of 2", record=name)
        for n in (*shape, *offsets):
            if type(n) is not int or not 0 <= n < 2**63:
                raise LoadError(f"{n!r} is not a size or an offset", record=name)
        begin, end = offsets
        nbytes = getattr(_rl(), _DTYPES[dtype]).itemsize
        for n in shape:
            nbytes *= n
        if end < begin or end - begin != nbytes or len(shape) > 64:
            raise LoadError(
                f"shape {shape} of {dtype} needs {nbytes} bytes, data_offsets {offsets} give "
                f"{end - begin}",
                record=name,
            )
        plan.append((name, dtype, shape, begin, end))
    at = 0
    for name, _, _, begin, end in sorted(plan, key=lambda p: (p[3], p[4])):
        if begin != at:
            what = "overlaps the one before" if begin < at else f"leaves a hole after byte {at}"
            raise LoadError(f"the tensor at byte {begin} {what}", record=name)
        at = end
    if at != room:
        raise LoadError(f"the tensors use {at} bytes of data, the file has {room}")
    return plan


def _read(source: Source, restore: Any) -> dict[str, Any]:
    from .. import _C
    from ..storage import UntypedStorage, _rl

    header, start = _header(source)
    plan = _plan(header, source.size - start)
    result = {}
    rl = _rl()
    for name, kind, shape, begin, end in plan:
        dtype = getattr(rl, _DTYPES[kind])
        if begin == end:
            result[name] = rl.empty(shape, dtype=dtype)
            continue
        storage = UntypedStorage(end - begin)
        source.read_into(start + begin, storage._memory())
        storage = restore(storage, "cpu")
        stride, step = [0] * len(shape), 1
        for d in range(len(shape) - 1, -1, -1):
            stride[d] = step
            step *= shape[d]
        result[name] = _C._from_storage(storage._bytes, dtype, 0, tuple(shape), tuple(stride))
    return result
