"""Padding at the borders of the last dimensions."""

from __future__ import annotations

from ..._autocast import full_precision
from .._package import Tensor, ops, rl

_MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor, pad, mode: str = "constant", value: float | None = None) -> Tensor:
    """Add values at the borders; negative amounts cut off (mode "constant").

    Args:
        input (Tensor): any shape for "constant", else 1 to 3 padded dimensions after (N, C).
        pad: amounts before and after the last dimension, then the one before it, and so on.
        mode (str): "constant", "reflect", "replicate" or "circular".
        value (float): what to fill with in mode "constant". Default: 0.

    Example::

        >>> import rushlight as torch
        >>> torch.nn.functional.pad(torch.ones(1, 2), (1, 1))
        tensor([[0., 1., 1., 0.]])
    """
    if len(pad) % 2 != 0:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > input.dim() * 2:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return ops.constant_pad_nd(input, pad, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(pad) // 2
    if mode not in _MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if dims not in (1, 2, 3) or input.dim() not in (dims + 1, dims + 2):
        if input.dim() in (2, 3, 4, 5) and len(pad) in (2, 4, 6):
            raise NotImplementedError(
                f"Padding size {len(pad)} is not supported for {input.dim()}D input tensor."
            )
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
        )
    if mode == "reflect":
        _check_reflection(input, pad)
    step = _pad_dim if mode == "circular" else _pad_dim_in_full
    for i in range(dims):
        input = step(input, -1 - i, pad[2 * i], pad[2 * i + 1], mode)
    return input


def _check_reflection(input: Tensor, pad) -> None:
    for i in range(len(pad) // 2):
        dim, before, after = input.dim() - 1 - i, pad[2 * i], pad[2 * i + 1]
        if max(before, after) >= input.size(dim):
            raise RuntimeError(
                f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension {dim} of input "
                f"{list(input.shape)}"
            )


def _pad_dim(input: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    if before == 0 and after == 0:
        return input
    size = input.size(dim)
    if mode == "circular" and (before > size or after > size):
        raise RuntimeError("Padding value causes wrapping around more than once.")
    if mode == "circular" and (before < 0 or after < 0):
        # What is cut off does not come back on the other side.
        start, stop = max(0, -before), size - max(0, -after)
        input = input.narrow(dim, start, stop - start)
        before, after, size = max(0, before), max(0, after), stop - start
    index = rl.arange(-before, size + after, device=input.device)
    if mode == "replicate":
        index = index.clamp(0, size - 1)
    elif mode == "circular":
        index = index % size
    else:
        index = (size - 1) - ((size - 1) - index.abs()).abs()
    return input.index_select(dim, index)


_pad_dim_in_full = full_precision(_pad_dim)
