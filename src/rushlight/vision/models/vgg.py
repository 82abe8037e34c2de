"""VGG: stacks of 3x3 convolutions (https://arxiv.org/abs/1409.1556)."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ... import Tensor, nn
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import initialise, kaiming_fan_out, normal

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]


def _stages(*depths: int) -> list[Any]:
    """Output channels of the convolutions, "M" for a pooling."""
    widths = (64, 128, 256, 512, 512)
    return [size for width, depth in zip(widths, depths) for size in (*[width] * depth, "M")]


# The configurations by the letters of the paper's table 1.
cfgs = {
    "A": _stages(1, 1, 2, 2, 2),
    "B": _stages(2, 2, 2, 2, 2),
    "D": _stages(2, 2, 3, 3, 3),
    "E": _stages(2, 2, 4, 4, 4),
}


class VGG(nn.Module):
    """A stack of convolutions and three linear layers.

    Args:
        features: maps the image (N, 3, H, W) to (N, 512, h, w).
        num_classes: length of a row of the output. Default: 1000.
        init_weights: give all layers new starting values. Default: True.
        dropout: probability after the first two linear layers. Default: 0.5.
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialise(self, kaiming_fan_out, normal(0.01))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def make_layers(cfg: list[Any], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions of a configuration.

    Args:
        cfg: output channels of the convolutions, "M" for a pooling.
        batch_norm: normalise after each convolution. Default: False.
    """
    layers: list[nn.Module] = []
    channels = 3
    for size in cfg:
        if size == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(channels, size, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(size))
        layers.append(nn.ReLU(inplace=True))
        channels = size
    return nn.Sequential(*layers)


_imagenet = partial(imagenet, min_size=32)


class VGG11_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg11-8a719046", 132_863_336, 69.02, 88.628)
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg11_bn-6002323d", 132_868_840, 70.37, 89.81)
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg13-19584684", 133_047_848, 69.928, 89.246)
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg13_bn-abd245e5", 133_053_736, 71.586, 90.374)
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg16-397923af", 138_357_544, 71.592, 90.382)
    IMAGENET1K_FEATURES = _imagenet(
        "vgg16_features-amdegroot-88682ab5",
        138_357_544,
        math.nan,
        math.nan,
        mean=(0.48235, 0.45882, 0.40784),
        std=(0.00392156862745098, 0.00392156862745098, 0.00392156862745098),
        categories=None,
    )
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg16_bn-6c64b313", 138_365_992, 73.36, 91.516)
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg19-dcbb9e9d", 143_667_240, 72.376, 90.876)
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vgg19_bn-c79401a0", 143_678_248, 74.218, 91.842)
    DEFAULT = IMAGENET1K_V1


def _builder(enum: type[WeightsEnum]) -> Any:
    # Starting values would be overwritten by the file's.
    return builder(enum, adapt=lambda kwargs, weights: kwargs.update(init_weights=False))


@_builder(VGG11_Weights)
def vgg11(**kwargs: Any) -> VGG:
    """VGG of 11 layers."""
    return VGG(make_layers(cfgs["A"]), **kwargs)


@_builder(VGG11_BN_Weights)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG of 11 layers with batch normalisation."""
    return VGG(make_layers(cfgs["A"], batch_norm=True), **kwargs)


@_builder(VGG13_Weights)
def vgg13(**kwargs: Any) -> VGG:
    """VGG of 13 layers."""
    return VGG(make_layers(cfgs["B"]), **kwargs)


@_builder(VGG13_BN_Weights)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG of 13 layers with batch normalisation."""
    return VGG(make_layers(cfgs["B"], batch_norm=True), **kwargs)


@_builder(VGG16_Weights)
def vgg16(**kwargs: Any) -> VGG:
    """VGG of 16 layers."""
    return VGG(make_layers(cfgs["D"]), **kwargs)


@_builder(VGG16_BN_Weights)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG of 16 layers with batch normalisation."""
    return VGG(make_layers(cfgs["D"], batch_norm=True), **kwargs)


@_builder(VGG19_Weights)
def vgg19(**kwargs: Any) -> VGG:
    """VGG of 19 layers."""
    return VGG(make_layers(cfgs["E"]), **kwargs)


@_builder(VGG19_BN_Weights)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG of 19 layers with batch normalisation."""
    return VGG(make_layers(cfgs["E"], batch_norm=True), **kwargs)
