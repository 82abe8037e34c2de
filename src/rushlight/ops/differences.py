"""Numerical derivatives."""

from __future__ import annotations

from typing import Any

from .. import _C
from ._registry import function
from .shape import _wrap

Tensor = _C.Tensor
_ops = _C.ops


@function
def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> list[Tensor]:
    """Numerical derivatives along dimensions by second-order differences.

    Args:
        input: samples on a grid.
        spacing: step, one step for each dim, or coordinates for each dim. Default: 1.
        dim: dimension or dimensions. Default: all.
        edge_order: 1 or 2, order of the estimate at the ends. Default: 1.

    Returns:
        List of tensors of the input's shape.
    """
    dims = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    spacing = 1 if spacing is None else spacing
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    return [
        _derivative(input, _wrap(d, input.dim()), s, edge_order) for d, s in zip(dims, spacings)
    ]


def _derivative(x: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    n = x.shape[dim]
    if n < edge_order + 1:
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1"
        )

    def at(start: int, length: int) -> Tensor:
        return x.narrow(dim, start if start >= 0 else n + start, length)

    shape = [1] * x.dim()
    shape[dim] = -1
    if isinstance(spacing, Tensor) and spacing.dim() == 1:
        h = (spacing[1:] - spacing[:-1]).reshape(shape)
    else:
        h = _ops.full(
            (n - 1,),
            float(spacing),
            dtype=x.dtype if x.dtype.is_floating_point else _C.get_default_dtype(),
            device=x.device,
        ).reshape(shape)
    left, right = h.narrow(dim, 0, n - 2), h.narrow(dim, 1, n - 2)
    inner = (
        at(0, n - 2) * (-right / (left * (left + right)))
        + at(1, n - 2) * ((right - left) / (left * right))
        + at(2, n - 2) * (left / (right * (left + right)))
    )
    h0, h1 = h.narrow(dim, 0, 1), h.narrow(dim, n - 2, 1)
    if edge_order == 1:
        first, last = (at(1, 1) - at(0, 1)) / h0, (at(-1, 1) - at(-2, 1)) / h1
    else:
        a, b = h0, h.narrow(dim, 1, 1)
        first = (
            at(0, 1) * (-(2 * a + b) / (a * (a + b)))
            + at(1, 1) * ((a + b) / (a * b))
            + at(2, 1) * (-a / (b * (a + b)))
        )
        a, b = h.narrow(dim, n - 3, 1), h1
        last = (
            at(-3, 1) * (b / (a * (a + b)))
            + at(-2, 1) * (-(b + a) / (a * b))
            + at(-1, 1) * ((2 * b + a) / (b * (a + b)))
        )
    return _ops.cat([first, inner, last], dim)
