"""Reductions of neighbouring rows."""

from __future__ import annotations

from typing import Any

from .. import _C
from ._registry import function

Tensor = _C.Tensor
_ops = _C.ops

_EMPTY = {"sum": 0.0, "mean": float("nan"), "prod": 1.0, "max": float("-inf"), "min": float("inf")}


@function
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Any = None,
    indices: Any = None,
    offsets: Any = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Any = None,
) -> Tensor:
    """Reduce segments of neighbours along a dimension.

    Args:
        data: floating point tensor.
        reduce: "sum", "mean", "max", "min" or "prod".
        lengths: how long the segments are: (..., segments), the leading sizes those of `data`.
        offsets: where they begin, and the end of the last: (..., segments + 1); give one of the two.
        axis: the dimension, the last one of `lengths`. Default: 0.
        unsafe: do not check that the lengths add up. Default: False.
        initial: a value that every segment starts from; that of an empty segment. Default: none.

    Returns:
        Tensor of the shape of `data` with `axis` replaced by the segments.

    Example:
        >>> import rushlight as torch
        >>> torch.segment_reduce(torch.arange(6.0), "sum", lengths=torch.tensor([2, 0, 4]))
        tensor([ 1.,  0., 14.])
    """
    name = {"amax": "max", "amin": "min"}.get(reduce, reduce)
    if name not in _EMPTY:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if not data.dtype.is_floating_point:
        kind = {"int64": "Long", "int32": "Int", "bool": "Bool"}
        word = str(data.dtype).removeprefix("torch.")
        raise NotImplementedError(
            f"\"_segment_reduce_cpu\" not implemented for '{kind.get(word, word)}'"
        )
    given = lengths if lengths is not None else offsets
    if given.dtype not in (_C.int32, _C.int64):
        raise NotImplementedError(
            f"segment_reduce(): lengths and offsets are int32 or int64, got {given.dtype}"
        )
    bounds = _bounds(data, lengths, offsets, axis, unsafe)
    lead = bounds.dim() - 1
    flat = data.flatten(0, lead - 1) if lead else data.unsqueeze(0)
    rows = bounds.reshape(-1, bounds.shape[-1]).tolist()
    out = [
        _ops.stack([_one(row[a:b], name, initial) for a, b in zip(ends, ends[1:])])
        if len(ends) > 1
        else row[:0]
        for row, ends in zip(flat.unbind(), rows)
    ]
    made = _ops.stack(out)
    return made.reshape(tuple(data.shape[:lead]) + tuple(made.shape[1:]))


def _bounds(data: Tensor, lengths: Any, offsets: Any, axis: int, unsafe: bool) -> Tensor:
    """The segments as offsets, (..., segments + 1)."""
    given = lengths if lengths is not None else offsets
    if axis != given.dim() - 1:
        raise RuntimeError(
            "segment_reduce(): Expected axis to be the last dimension of "
            f"{'lengths' if lengths is not None else 'offsets'} but got {axis}."
        )
    if lengths is None:
        return offsets
    if not unsafe:
        if (lengths < 0).any():
            raise RuntimeError("lengths contains negative value!")
        if not (lengths.sum(-1) == data.shape[axis]).all():
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1) when !unsafe."
            )
    zero = _ops.zeros((*lengths.shape[:-1], 1), dtype=lengths.dtype)
    return _ops.cat([zero, lengths.cumsum(-1)], -1)


def _one(rows: Tensor, name: str, initial: Any) -> Tensor:
    """One segment (length, ...) to one row; extremes share their gradient as `amax` does."""
    if not len(rows):
        value = _EMPTY[name] if initial is None else initial
        return _ops.full(tuple(rows.shape[1:]), value, dtype=rows.dtype)
    if name == "prod":
        result = rows.prod(0)
    else:
        result = getattr(rows, {"max": "amax", "min": "amin"}.get(name, "sum"))(0)
    if initial is not None:
        start = _ops.full((), initial, dtype=rows.dtype)
        if name in ("sum", "mean"):
            result = result + start
        elif name == "prod":
            result = result * start
        else:
            better = result >= start if name == "max" else result <= start
            result = _ops.where(better, result, start)
    return result / len(rows) if name == "mean" else result
