"""Reader of safetensors files: a JSON header and one block of bytes, each byte used exactly once."""

from __future__ import annotations

from typing import Any

from .errors import LoadError
from .source import Source, no_collection

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
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
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
        with no_collection():
            return _read(source, restore)
    except LoadError as error:
        raise error.located(source.name) from None


_KEYS = ("dtype", "shape", "data_offsets")


def _unique(pairs: list[tuple[str, Any]]) -> Any:
    """A JSON object; the common form of an entry becomes a tuple of its three values."""
    if len(pairs) == 3:
        (a, dtype), (b, shape), (c, offsets) = pairs
        if (a, b, c) == _KEYS:
            return (dtype, shape, offsets)
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
    if type(header) is tuple:
        header = dict(zip(_KEYS, header))
    return header, 8 + length


def _plan(header: dict[str, Any], room: int) -> list[tuple[int, int, str, Any, list[int]]]:
    """Begin, end, name, dtype and shape of every tensor; the ranges fill the data part exactly."""
    from ..storage import _rl

    dtypes = {code: getattr(_rl(), name) for code, name in _DTYPES.items()}
    widths = {code: dtype.itemsize for code, dtype in dtypes.items()}
    plan = []
    for name, entry in header.items():
        if name == "__metadata__":
            good = type(entry) is dict and all(type(v) is str for v in entry.values())
            if not good:
                raise LoadError("the metadata must map text to text", record=name)
            continue
        try:
            code, shape, offsets = entry if type(entry) is tuple else map(entry.get, _KEYS)
            nbytes = widths[code]
            begin, end = offsets
        except (TypeError, KeyError, ValueError, AttributeError):
            raise LoadError(_what_is_wrong(entry), record=name) from None
        if type(shape) is not list or type(offsets) is not list or len(shape) > 64:
            raise LoadError("shape and data_offsets must be lists", record=name)
        for n in shape:
            if type(n) is not int or not 0 <= n < 2**63:
                raise LoadError(
                    f"a size is no number or out of range ({type(n).__name__})", record=name
                )
            nbytes *= n
        good = type(begin) is int and type(end) is int and 0 <= begin <= end
        if not good or end - begin != nbytes:
            raise LoadError(
                f"shape {shape} of {code} needs {nbytes} bytes, data_offsets are {offsets}",
                record=name,
            )
        plan.append((begin, end, name, dtypes[code], shape))
    at = 0
    for begin, end, name, _, _ in sorted(plan, key=lambda p: p[:2]):
        if begin != at:
            what = "overlaps the one before" if begin < at else f"leaves a hole after byte {at}"
            raise LoadError(f"the tensor at byte {begin} {what}", record=name)
        at = end
    if at != room:
        raise LoadError(f"the tensors use {at} bytes of data, the file has {room}")
    return plan


def _what_is_wrong(entry: Any) -> str:
    if type(entry) is tuple:
        entry = dict(zip(_KEYS, entry))
    if type(entry) is not dict or not entry.keys() >= set(_KEYS):
        return "the entry needs dtype, shape and data_offsets"
    if type(entry["dtype"]) is not str:
        return "dtype is not text"
    if entry["dtype"] not in _DTYPES:
        return f"dtype {entry['dtype'][:40]!r} is not supported"
    return "data_offsets must be two numbers"


def _contiguous(shape: list[int]) -> tuple[int, ...]:
    stride, step = [0] * len(shape), 1
    for d in range(len(shape) - 1, -1, -1):
        stride[d] = step
        step *= shape[d]
    return tuple(stride)


def _read(source: Source, restore: Any) -> dict[str, Any]:
    from ..storage import UntypedStorage, _rl, tensor_over

    header, start = _header(source)
    plan = _plan(header, source.size - start)
    del header
    result = {}
    empty = _rl().empty
    for begin, end, name, dtype, shape in plan:
        if begin == end:
            result[name] = empty(shape, dtype=dtype)
            continue
        storage = UntypedStorage(end - begin)
        source.read_into(start + begin, storage._memory())
        storage = restore(storage, "cpu")
        result[name] = tensor_over(storage, dtype, 0, shape, _contiguous(shape))
    return result
