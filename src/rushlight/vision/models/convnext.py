"""ConvNeXt (https://arxiv.org/abs/2201.03545)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import Tensor, full, nn
from ..ops.misc import Conv2dNormActivation, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import initialise

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A 7x7 depthwise convolution and two linear layers over the channels, scaled, beside a shortcut.

    Args:
        dim: number of channels.
        layer_scale: starting value of the scales.
        stochastic_depth_prob: probability of leaving the layers out in training.
        norm_layer: called with a number of features. Default: layer normalisation with eps 1e-6.
    """

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(full((dim, 1, 1), float(layer_scale)))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        result = self.stochastic_depth(self.layer_scale * self.block(input))
        result += input
        return result


class CNBlockConfig:
    """The sizes of one stage.

    Args:
        input_channels: of its blocks.
        out_channels: of the convolution after them, which halves the size; None leaves it out.
        num_layers: number of blocks.
    """

    def __init__(self, input_channels: int, out_channels: int | None, num_layers: int) -> None:
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({sizes})"


class ConvNeXt(nn.Module):
    """Patches of 4x4 pixels and four stages of `CNBlock`.

    Args:
        block_setting: the sizes of the stages.
        stochastic_depth_prob: of leaving out the last block in training; it grows from 0. Default: 0.
        layer_scale: starting value of the blocks' scales. Default: 1e-6.
        num_classes: length of a row of the output. Default: 1000.
        block: in place of `CNBlock`.
        norm_layer: called with a number of channels. Default: `LayerNorm2d` with eps 1e-6.
        kwargs: ignored.

    Raises:
        ValueError: no stages.
        TypeError: stages are no `CNBlockConfig`.

    Example:
        >>> from rushlight.vision.models.convnext import CNBlockConfig, ConvNeXt
        >>> ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=10)(
        ...     torch.zeros(1, 3, 32, 32)
        ... ).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        block_setting: list[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not isinstance(block_setting, Sequence) or not all(
            isinstance(cnf, CNBlockConfig) for cnf in block_setting
        ):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block = block or CNBlock
        norm_layer = norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers: list[nn.Module] = [
            Conv2dNormActivation(
                3,
                block_setting[0].input_channels,
                4,
                stride=4,
                padding=0,
                norm_layer=norm_layer,
                activation_layer=None,
                bias=True,
            )
        ]
        last = sum(cnf.num_layers for cnf in block_setting) - 1.0
        done = 0
        for cnf in block_setting:
            channels = cnf.input_channels
            stage = []
            for _ in range(cnf.num_layers):
                stage.append(block(channels, layer_scale, stochastic_depth_prob * done / last))
                done += 1
            layers.append(nn.Sequential(*stage))
            if cnf.out_channels is not None:
                halve = nn.Conv2d(channels, cnf.out_channels, 2, stride=2)
                layers.append(nn.Sequential(norm_layer(channels), halve))
                channels = cnf.out_channels
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            norm_layer(channels), nn.Flatten(1), nn.Linear(channels, num_classes)
        )
        fill = partial(nn.init.trunc_normal_, std=0.02)
        initialise(self, fill, fill)

    def _forward_impl(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


_imagenet = partial(imagenet, min_size=32)


class ConvNeXt_Tiny_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("convnext_tiny-983f1562", 28_589_128, 82.52, 96.146, 224, 236)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Small_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("convnext_small-0c510722", 50_223_688, 83.616, 96.65, 224, 230)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Base_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("convnext_base-6075fbad", 88_591_464, 84.062, 96.87, 224, 232)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Large_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("convnext_large-ea097f82", 197_767_336, 84.414, 96.976, 224, 232)
    DEFAULT = IMAGENET1K_V1


def _convnext(
    width: int, depth: int, stochastic_depth_prob: float, kwargs: dict[str, Any]
) -> ConvNeXt:
    """Stages of 3, 3, `depth` and 3 blocks with channels that double from `width`."""
    depths = (3, 3, depth, 3)
    setting = [
        CNBlockConfig(width << i, None if i == 3 else width << i + 1, depths[i]) for i in range(4)
    ]
    kwargs.setdefault("stochastic_depth_prob", stochastic_depth_prob)
    return ConvNeXt(setting, **kwargs)


@builder(ConvNeXt_Tiny_Weights)
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, tiny."""
    return _convnext(96, 9, 0.1, kwargs)


@builder(ConvNeXt_Small_Weights)
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, small."""
    return _convnext(96, 27, 0.4, kwargs)


@builder(ConvNeXt_Base_Weights)
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, base."""
    return _convnext(128, 27, 0.5, kwargs)


@builder(ConvNeXt_Large_Weights)
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, large."""
    return _convnext(192, 27, 0.5, kwargs)
