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


@function
def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Distances between every row of x1 and every row of x2.

    Args:
        x1: tensor (..., P, M).
        x2: tensor (..., R, M); the leading dimensions broadcast.
        p: order of the norm, from 0 to inf. Default: 2.
        compute_mode: whether Euclidean distances may come from a matrix product, which is faster and less exact
            for rows close to each other: "use_mm_for_euclid_dist_if_necessary" (default; from 26 rows on),
            "use_mm_for_euclid_dist" or "donot_use_mm_for_euclid_dist".

    Returns:
        Tensor (..., P, R).

    Example:
        >>> import rushlight as torch
        >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[5., 0.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.dtype.is_floating_point:
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {_type_word(x)}"
            )
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    modes = (
        "use_mm_for_euclid_dist_if_necessary",
        "use_mm_for_euclid_dist",
        "donot_use_mm_for_euclid_dist",
    )
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    many = x1.shape[-2] > 25 or x2.shape[-2] > 25
    if p == 2 and (compute_mode == modes[1] or (compute_mode == modes[0] and many)):
        return _product_distances(x1, x2)
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


def _product_distances(x1: Tensor, x2: Tensor) -> Tensor:
    """Euclidean distances as |a|^2 + |b|^2 - 2 ab; equal rows have gradient 0."""
    center = x1.detach().mean(-2, keepdim=True)  # smaller numbers cancel less
    a, b = x1 - center, x2 - center
    lengths = (a * a).sum(-1).unsqueeze(-1) + (b * b).sum(-1).unsqueeze(-2)
    square = lengths - 2 * (a @ b.transpose(-1, -2))
    positive = square > 0
    return _C.ops.where(positive, square, 1.0).sqrt() * positive


def _type_word(x: Tensor) -> str:
    return x.type().removeprefix("torch.").removesuffix("Tensor")
