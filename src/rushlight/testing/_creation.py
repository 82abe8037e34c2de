"""Random inputs for tests."""

from __future__ import annotations

from typing import Any

from .. import _C

Tensor = _C.Tensor


def _bounds(dtype: Any, low: Any, high: Any) -> tuple[Any, Any]:
    if dtype is _C.bool:
        standard = (0, 2)
    elif not dtype.is_signed:
        standard = (0, 10)
    else:
        standard = (-9, 10) if not (dtype.is_floating_point or dtype.is_complex) else (-9, 9)
    low = standard[0] if low is None else low
    high = standard[1] if high is None else high
    if low != low or high != high:
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low > high or (low == high and not dtype.is_floating_point):
        raise ValueError(
            f"make_tensor: low must be weakly less than high, but got low={low} and high={high}"
        )
    return low, high


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of uniform random values.

    Args:
        shape: sizes, one by one or as a sequence.
        dtype: element type.
        device: where to put it.
        low, high: bounds, the upper one excluded for whole numbers. Default: -9 to 9 (10), 0 to 10 for uint8.
        requires_grad: record operations on it. Default: False.
        noncontiguous: leave gaps between elements. Default: False.
        exclude_zero: replace zeros by the smallest positive number. Default: False.
        memory_format: layout of the result.

    Returns:
        Tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.testing.make_tensor(2, 3, dtype=torch.float32, device="cpu").shape
        torch.Size([2, 3])
    """
    from .._dtypes import finfo

    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive"
        )
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    low, high = _bounds(dtype, low, high)
    if dtype.is_complex:
        real = _C.float64 if dtype is _C.complex128 else _C.float32
        parts = [_C.ops.empty(sizes, dtype=real).uniform_(low, high) for _ in range(2)]
        out = _C.ops.complex(*parts)
    elif dtype.is_floating_point:
        out = _C.ops.empty(sizes, dtype=_C.float64).uniform_(low, high).to(dtype)
    else:
        out = _C.ops.randint(int(low), max(int(high), int(low) + 1), sizes).to(dtype)
    if exclude_zero:
        smallest = finfo(dtype).tiny if dtype.is_floating_point or dtype.is_complex else 1
        out = out.masked_fill(out == 0, smallest)
    if noncontiguous and out.numel() > 1:
        out = out.repeat_interleave(2, -1)[..., ::2]
    elif memory_format is not None:
        out = out.contiguous(memory_format=memory_format)
    out = out.to(device)
    return out.requires_grad_(True) if requires_grad else out
