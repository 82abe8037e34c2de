"""Functions that PyTorch keeps for old programs, or beside those of nn.functional."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import _C
from ._registry import function

Tensor = _C.Tensor
_ops = _C.ops


@function
def range_impl(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` to `end`, the end included. Deprecated: use `arange`.

    Args:
        start: first number. Default: 0.
        end: last number, or the bound that they do not pass.
        step: difference, not zero. Default: 1.
        dtype: element type; default: the default floating point type.

    Returns:
        Tensor of one dimension with floor((end - start) / step) + 1 numbers.

    Raises:
        RuntimeError: the step is zero or leads away from the end, or a bound is not finite.
    """
    if end is None:
        raise TypeError('range() missing 1 required positional arguments: "end"')
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces values in "
        "[start, end).",
        UserWarning,
        stacklevel=2,
    )
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    kind = dtype or (out.dtype if out is not None else _C.get_default_dtype())
    count = math.floor((end - start) / step) + 1
    wide = _C.float64 if kind.is_floating_point else _C.int64
    if wide is _C.int64:
        start, step = int(start), int(step)
    made = _ops._to_copy(start + step * _ops.arange(count, dtype=wide, device=device), dtype=kind)
    if out is not None:
        return out.resize_(made.shape).copy_(made)
    return made.requires_grad_() if requires_grad else made


@function
def kl_div(
    input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False
) -> Tensor:
    """The divergence of `nn.functional.kl_div`, with the reduction as a number: 0 none, 1 mean, 2 sum.

    The default is none: PyTorch's signature says mean, what it does is none.
    """
    from ..nn.functional import kl_div as divergence

    if not isinstance(reduction, int):
        raise TypeError(
            f"kl_div(): argument 'reduction' (position 3) must be int, not {type(reduction).__name__}\n"
            "torch.nn.functional.kl_div takes its name"
        )
    each = divergence(input, target, reduction="none", log_target=log_target)
    return each.mean() if reduction == 1 else each.sum() if reduction == 2 else each


@function
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolution along the first of three dimensions: time, batch, channels.

    Args:
        input: (time, batch, in channels).
        weight: (width of the kernel, in channels, out channels).
        bias: (out channels,).
        pad: zeros on both sides of time. Default: 0.

    Returns:
        Tensor (time + 2 pad - width + 1, batch, out channels).
    """
    if input.dim() != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.dim() != 3:
        raise RuntimeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
        )
    if bias.dim() != 1:
        raise RuntimeError("Bias must be 1-D")
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if weight.shape[2] != bias.shape[0]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    out = _ops.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1)


@function
def compiled_with_cxx11_abi() -> bool:
    """Whether the C++ library's newer layout of strings is in use: yes."""
    return True
