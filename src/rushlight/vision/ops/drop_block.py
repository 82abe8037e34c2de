"""DropBlock (https://arxiv.org/abs/1810.12890): zero square blocks of feature maps at random."""

from __future__ import annotations

import math

from ... import Tensor, empty, nn
from ...nn.modules.module import Module

__all__ = ["DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d"]


def _drop_block(
    input: Tensor, p: float, block_size: int, inplace: bool, eps: float, training: bool, dims: int
) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != dims + 2:
        raise ValueError(f"input should be {dims + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    count, channels, *sizes = input.shape
    block_size = min(block_size, *sizes)
    if block_size % 2 == 0:
        raise ValueError(f"block size should be odd. Got {block_size} which is even.")
    # Centres of blocks lie where whole blocks fit; their rate makes the dropped share about p.
    centres = [size - block_size + 1 for size in sizes]
    rate = p * math.prod(sizes) / (block_size**dims * math.prod(centres))
    noise = empty((count, channels, *centres), dtype=input.dtype, device=input.device)
    half = block_size // 2
    dropped = nn.functional.pad(noise.bernoulli_(rate), [half] * (2 * dims), value=0)
    pool = nn.functional.max_pool2d if dims == 2 else nn.functional.max_pool3d
    kept = 1 - pool(dropped, kernel_size=block_size, stride=1, padding=half)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


def drop_block2d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-6,
    training: bool = True,
) -> Tensor:
    """Zero random square blocks of (N, C, H, W), and scale what stays.

    Args:
        input: the feature maps.
        p: share that is zeroed, about.
        block_size: odd side of the blocks, in pixels.
        inplace: change the input itself. eps: keeps the scale finite. training: False returns the input.

    Raises:
        ValueError: for another p, number of dimensions or an even block size.

    Example:
        >>> from rushlight.vision.ops import drop_block2d
        >>> drop_block2d(torch.ones(1, 1, 8, 8), 0.5, 3).shape
        torch.Size([1, 1, 8, 8])
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 2)


def drop_block3d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-6,
    training: bool = True,
) -> Tensor:
    """Zero random cubic blocks of (N, C, D, H, W); see `drop_block2d`.

    Example:
        >>> from rushlight.vision.ops import drop_block3d
        >>> drop_block3d(torch.ones(1, 1, 4, 8, 8), 0.5, 3).shape
        torch.Size([1, 1, 4, 8, 8])
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 3)


class DropBlock2d(Module):
    """`drop_block2d` as a layer, at work in training only.

    Args:
        p, block_size, inplace, eps: as of `drop_block2d`.

    Example:
        >>> from rushlight.vision.ops import DropBlock2d
        >>> DropBlock2d(0.1, 7)
        DropBlock2d(p=0.1, block_size=7, inplace=False)
    """

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """`drop_block3d` as a layer, at work in training only.

    Example:
        >>> from rushlight.vision.ops import DropBlock3d
        >>> DropBlock3d(0.1, 3).eval()(torch.ones(1, 1, 1, 1, 1)).item()
        1.0
    """

    def forward(self, input: Tensor) -> Tensor:
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
