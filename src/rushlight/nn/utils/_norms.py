"""Weights as direction and length."""

from __future__ import annotations

from .._package import Tensor


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """2-norm over all dimensions but ``dim`` (kept with size 1); -1 for all of them."""
    if dim == -1:
        return v.norm(2)
    dims = [d for d in range(v.dim()) if d != dim]
    if not dims:
        return v.abs()
    return (v * v).sum(dims, keepdim=True).sqrt()


def scaled_direction(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """``v`` divided by its norm and multiplied by ``g``."""
    return v * (g / norm_except_dim(v, dim))
