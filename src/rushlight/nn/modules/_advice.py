"""What to do about a layer's complaint, where its input tells: words for a note below the error."""

from __future__ import annotations

from math import isqrt, prod
from typing import Any

from .._package import Tensor

__all__ = ["advice"]


def advice(module: Any, error: Exception, args: tuple) -> str | None:
    """A sentence for the error that `module` raised on `args`; None where there is nothing to add."""
    text = str(error)
    if isinstance(error, TypeError) and "must be Tensor, not" in text:
        return "make a tensor of it first: torch.as_tensor(x)"
    x = args[0] if args else None
    if not isinstance(x, Tensor):
        return None
    for kind in type(module).__mro__:
        rule = _RULES.get(kind.__name__)
        if rule is not None:
            return rule(module, text, x)
    return None


def _linear(module: Any, text: str, x: Tensor) -> str | None:
    if "shapes cannot be multiplied" not in text or x.shape[-1] == module.in_features:
        return None
    flat = prod(x.shape[1:]) == module.in_features
    what = "; flatten it first: x.flatten(1)" if flat and x.ndim > 2 else ""
    return (
        f"Linear(in_features={module.in_features}): the input's last size is {x.shape[-1]} "
        f"(input {[*x.shape]}){what}"
    )


def _convolution(module: Any, text: str, x: Tensor) -> str | None:
    channels, dims = module.in_channels, len(module.kernel_size)
    if "channels, but got" in text and x.ndim == dims + 2 and x.shape[-1] == channels:
        order = ", ".join(map(str, (0, dims + 1, *range(1, dims + 1))))
        return f"the channels of the input {[*x.shape]} seem to come last: x.permute({order})"
    if text.startswith("Expected") and dims == 2 and x.ndim == 2:
        side = isqrt(x.shape[1] // channels)
        if channels * side * side == x.shape[1] > 0:
            return f"square pictures as rows? x.reshape(-1, {channels}, {side}, {side})"
    return None


def _batch_norm(module: Any, text: str, x: Tensor) -> str | None:
    if "more than 1 value per channel" not in text:
        return None
    return (
        "one sample has no variance: use model.eval() for single samples, drop_last=True in the DataLoader where the "
        "last batch is left with one"
    )


def _embedding(module: Any, text: str, x: Tensor) -> str | None:
    return "indices are whole numbers: x.long()" if "scalar types: Long, Int" in text else None


_RULES = {
    "Linear": _linear,
    "_ConvNd": _convolution,
    "_BatchNorm": _batch_norm,
    "Embedding": _embedding,
}
