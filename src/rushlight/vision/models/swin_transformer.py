"""Swin Transformer (https://arxiv.org/abs/2103.14030) and Swin Transformer V2 (https://arxiv.org/abs/2111.09883)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ... import Tensor, arange, cat, log, meshgrid, nn, ones, roll, stack, zeros
from ...nn import functional as F
from ..ops.misc import MLP, Permute
from ..ops.stochastic_depth import StochasticDepth
from ..transforms import InterpolationMode
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import initialise
from .vision_transformer import start_mlp

__all__ = [
    "SwinTransformer",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_S_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
]

# Images are (N, H, W, C) from the first layer to the last.


class PatchMerging(nn.Module):
    """Halve the size and double the channels; normalise before.

    Args:
        dim: channels of the input.
        norm_layer: called with a number of channels. Default: `nn.LayerNorm`.
    """

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def _neighbours(self, x: Tensor) -> Tensor:
        """The four pixels of each 2x2 square, as channels."""
        height, width = x.shape[-3:-1]
        x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        corners = [x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)]
        return cat(corners, -1)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduction(self.norm(self._neighbours(x)))


class PatchMergingV2(PatchMerging):
    """`PatchMerging` that normalises after."""

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm) -> None:
        nn.Module.__init__(self)
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.reduction(self._neighbours(x)))


def _to_windows(x: Tensor, height: int, width: int) -> Tensor:
    """(N, H, W, C) as windows (N * windows, height * width, C)."""
    n, rows, columns, channels = x.shape
    x = x.view(n, rows // height, height, columns // width, width, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height * width, channels)


def _from_windows(x: Tensor, size: tuple[int, ...], height: int, width: int) -> Tensor:
    """The inverse of `_to_windows`, of an image of the given (N, H, W, C)."""
    n, rows, columns, channels = size
    x = x.view(n, rows // height, columns // width, height, width, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(size)


def _parts_mask(x: Tensor, window: list[int], shift: list[int]) -> Tensor:
    """-100 between pixels of a window that the shift brought together from opposite ends of the image.

    Returns:
        (windows, height * width, height * width) for images (N, H, W, C) that windows fill.
    """
    rows, columns = x.shape[1:3]
    part = x.new_zeros((1, rows, columns, 1))
    for i, top in enumerate((-window[0], -shift[0])):
        part[:, top:] = 3.0 * (i + 1)
    for left in (-window[1], -shift[1]):
        part[:, :, left:] += 1.0
    part = _to_windows(part, *window).squeeze(2)
    return (part.unsqueeze(1) != part.unsqueeze(2)).to(x.dtype) * -100.0


class ShiftedWindowAttention(nn.Module):
    """Self-attention within windows of an image, with a learnt bias for each relative position.

    Args:
        dim: number of channels.
        window_size: height and width of a window.
        shift_size: rows and columns by which the windows are moved.
        num_heads: number of heads.
        qkv_bias, proj_bias: of the linear layers before and after. Default: True.
        attention_dropout, dropout: probabilities. Default: 0.

    Raises:
        ValueError: sizes that are no pairs.
    """

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self) -> None:
        """Make what the biases come from: here the biases themselves, (relative positions, heads)."""
        height, width = self.window_size
        table = zeros((2 * height - 1) * (2 * width - 1), self.num_heads)
        self.relative_position_bias_table = nn.Parameter(table)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self) -> None:
        """Make the buffer of the relative position's number for each pair of pixels."""
        height, width = self.window_size
        row = arange(height).repeat_interleave(width)
        column = arange(width).repeat(height)
        down = row.unsqueeze(1) - row + height - 1
        right = column.unsqueeze(1) - column + width - 1
        index = down * (2 * width - 1) + right
        self.register_buffer("relative_position_index", index.flatten())

    def _table(self) -> Tensor:
        """The biases, (relative positions, heads)."""
        return self.relative_position_bias_table

    def get_relative_position_bias(self) -> Tensor:
        """The biases of all pairs of pixels, (1, heads, pixels, pixels)."""
        pixels = math.prod(self.window_size)
        bias = self._table()[self.relative_position_index].view(pixels, pixels, -1)
        return bias.permute(2, 0, 1).contiguous().unsqueeze(0)

    def _qkv_bias(self) -> Tensor | None:
        return self.qkv.bias

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        return (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)

    def forward(self, x: Tensor) -> Tensor:
        _, rows, columns, channels = x.shape
        height, width = window = self.window_size
        x = F.pad(x, (0, 0, 0, -columns % width, 0, -rows % height))
        # One window in a direction: nothing to move there.
        shift = [0 if w >= s else by for w, s, by in zip(window, x.shape[1:3], self.shift_size)]
        if any(shift):
            x = roll(x, (-shift[0], -shift[1]), (1, 2))
        pixels = _to_windows(x, height, width)
        qkv = F.linear(pixels, self.qkv.weight, self._qkv_bias())
        qkv = qkv.view(*pixels.shape[:2], 3, self.num_heads, channels // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        scores = self._scores(query, key) + self.get_relative_position_bias()
        if any(shift):
            mask = _parts_mask(x, window, shift)
            apart = scores.view(-1, len(mask), *scores.shape[1:]) + mask.unsqueeze(1)
            scores = apart.view(scores.shape)
        weights = F.dropout(F.softmax(scores, -1), self.attention_dropout, self.training)
        y = self.proj((weights @ value).transpose(1, 2).reshape(pixels.shape))
        y = F.dropout(y, self.dropout, self.training)
        y = _from_windows(y, x.shape, height, width)
        if any(shift):
            y = roll(y, (shift[0], shift[1]), (1, 2))
        return y[:, :rows, :columns].contiguous()


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Attention by the cosine of query and key, with biases that a small network computes; arguments as before."""

    def __init__(self, dim: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(dim, *args, **kwargs)
        self.logit_scale = nn.Parameter(log(10 * ones((self.num_heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, self.num_heads, bias=False)
        )
        if self.qkv.bias is not None:
            nn.init.zeros_(self.qkv.bias[dim : 2 * dim])

    def define_relative_position_bias_table(self) -> None:
        """Make the buffer of the network's inputs, (1, 2 height - 1, 2 width - 1, 2)."""
        axes = []
        for size in self.window_size:
            # The sign of x times log2(1 + |x|) / log2(8), for x from -8 to 8 (section 3.3 of the paper).
            x = arange(1 - size, size, dtype=self.qkv.weight.dtype) / (size - 1) * 8
            axes.append(x.sign() * (x.abs() + 1.0).log2() / 3.0)
        grid = stack(meshgrid(*axes, indexing="ij"), -1)
        self.register_buffer("relative_coords_table", grid.unsqueeze(0))

    def _table(self) -> Tensor:
        return self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)

    def get_relative_position_bias(self) -> Tensor:
        """The biases of all pairs of pixels, (1, heads, pixels, pixels), between 0 and 16."""
        return 16 * super().get_relative_position_bias().sigmoid()

    def _qkv_bias(self) -> Tensor | None:
        if self.qkv.bias is None:
            return None
        query, key, value = self.qkv.bias.chunk(3)
        return cat([query, key * 0.0, value])

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        cosine = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        return cosine * self.logit_scale.clamp(max=math.log(100.0)).exp()


class SwinTransformerBlock(nn.Module):
    """Attention in windows and an MLP, each after normalisation and beside a shortcut.

    Args:
        dim: number of channels.
        num_heads, window_size, shift_size, attention_dropout: as of `ShiftedWindowAttention`.
        mlp_ratio: width of the MLP as a multiple of `dim`. Default: 4.
        dropout: probability after attention and in the MLP. Default: 0.
        stochastic_depth_prob: probability of leaving either out in training. Default: 0.
        norm_layer: called with a number of channels. Default: `nn.LayerNorm`.
        attn_layer: in place of `ShiftedWindowAttention`.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: list[int],
        shift_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
        attn_layer: Callable[..., nn.Module] = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim,
            window_size,
            shift_size,
            num_heads,
            attention_dropout=attention_dropout,
            dropout=dropout,
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        width = int(dim * mlp_ratio)
        self.mlp = MLP(dim, [width, dim], activation_layer=nn.GELU, dropout=dropout)
        start_mlp(self.mlp)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """`SwinTransformerBlock` that normalises after attention and MLP; arguments as before."""

    def __init__(
        self,
        *args: Any,
        attn_layer: Callable[..., nn.Module] = ShiftedWindowAttentionV2,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, attn_layer=attn_layer, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class SwinTransformer(nn.Module):
    """Patches, and stages of `SwinTransformerBlock` with `PatchMerging` between them.

    Args:
        patch_size: height and width in pixels.
        embed_dim: channels of the first stage; every stage doubles them.
        depths, num_heads: blocks and heads of the stages.
        window_size: height and width of a window in patches.
        mlp_ratio, dropout, attention_dropout: as of the blocks. Default: 4, 0 and 0.
        stochastic_depth_prob: of leaving out the last block in training; it grows from 0. Default: 0.1.
        num_classes: length of a row of the output. Default: 1000.
        norm_layer: called with a number of channels. Default: `nn.LayerNorm`.
        block: in place of `SwinTransformerBlock`. downsample_layer: in place of `PatchMerging`.

    Example:
        >>> from rushlight.vision.models import SwinTransformer
        >>> model = SwinTransformer([4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=10)
        >>> model(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        patch_size: list[int],
        embed_dim: int,
        depths: list[int],
        num_heads: list[int],
        window_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        block: Callable[..., nn.Module] | None = None,
        downsample_layer: Callable[..., nn.Module] = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        block = block or SwinTransformerBlock
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        size = tuple(patch_size)
        patches = nn.Conv2d(3, embed_dim, size, size)
        layers = [nn.Sequential(patches, Permute([0, 2, 3, 1]), norm_layer(embed_dim))]
        last = sum(depths) - 1
        done = 0
        dim = embed_dim
        for i, (depth, heads) in enumerate(zip(depths, num_heads)):
            if i > 0:
                layers.append(downsample_layer(dim, norm_layer))
                dim *= 2
            stage = []
            for j in range(depth):
                shift = [0 if j % 2 == 0 else w // 2 for w in window_size]
                stage.append(
                    block(
                        dim,
                        heads,
                        window_size=window_size,
                        shift_size=shift,
                        mlp_ratio=mlp_ratio,
                        dropout=dropout,
                        attention_dropout=attention_dropout,
                        stochastic_depth_prob=stochastic_depth_prob * done / last,
                        norm_layer=norm_layer,
                    )
                )
                done += 1
            layers.append(nn.Sequential(*stage))
        self.features = nn.Sequential(*layers)
        self.norm = norm_layer(dim)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(dim, num_classes)
        initialise(self, linear=partial(nn.init.trunc_normal_, std=0.02))

    def forward(self, x: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(x)))
        return self.head(self.flatten(self.avgpool(x)))


_imagenet = partial(imagenet, min_size=224, interpolation=InterpolationMode.BICUBIC)


class Swin_T_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("swin_t-704ceda3", 28_288_354, 81.474, 95.776, 224, 232)
    DEFAULT = IMAGENET1K_V1


class Swin_S_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("swin_s-5e29d889", 49_606_258, 83.196, 96.36, 224, 246)
    DEFAULT = IMAGENET1K_V1


class Swin_B_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("swin_b-68c6b09e", 87_768_224, 83.582, 96.64, 224, 238)
    DEFAULT = IMAGENET1K_V1


class Swin_V2_T_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet(
        "swin_v2_t-b137f0e2", 28_351_570, 82.072, 96.132, 256, 260, min_size=256
    )
    DEFAULT = IMAGENET1K_V1


class Swin_V2_S_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet(
        "swin_v2_s-637d8ceb", 49_737_442, 83.712, 96.816, 256, 260, min_size=256
    )
    DEFAULT = IMAGENET1K_V1


class Swin_V2_B_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet(
        "swin_v2_b-781e5279", 87_930_848, 84.112, 96.864, 256, 272, min_size=256
    )
    DEFAULT = IMAGENET1K_V1


def _swin(
    kwargs: dict[str, Any], window: int, width: int, depth: int, probability: float, **version: Any
) -> SwinTransformer:
    """Stages of 2, 2, `depth` and 2 blocks; a head for every 32 channels."""
    heads = [width // 32 << i for i in range(4)]
    kwargs.setdefault("stochastic_depth_prob", probability)
    return SwinTransformer(
        [4, 4], width, [2, 2, depth, 2], heads, [window, window], **version, **kwargs
    )


_V2 = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}


@builder(Swin_T_Weights)
def swin_t(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer, tiny."""
    return _swin(kwargs, 7, 96, 6, 0.2)


@builder(Swin_S_Weights)
def swin_s(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer, small."""
    return _swin(kwargs, 7, 96, 18, 0.3)


@builder(Swin_B_Weights)
def swin_b(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer, base."""
    return _swin(kwargs, 7, 128, 18, 0.5)


@builder(Swin_V2_T_Weights)
def swin_v2_t(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer V2, tiny."""
    return _swin(kwargs, 8, 96, 6, 0.2, **_V2)


@builder(Swin_V2_S_Weights)
def swin_v2_s(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer V2, small."""
    return _swin(kwargs, 8, 96, 18, 0.3, **_V2)


@builder(Swin_V2_B_Weights)
def swin_v2_b(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer V2, base."""
    return _swin(kwargs, 8, 128, 18, 0.5, **_V2)
