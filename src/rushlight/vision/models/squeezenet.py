"""SqueezeNet: few parameters by 1x1 convolutions (https://arxiv.org/abs/1602.07360)."""

from __future__ import annotations

from typing import Any

from ... import Tensor, cat, nn
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import initialise

__all__ = [
    "SqueezeNet",
    "SqueezeNet1_0_Weights",
    "SqueezeNet1_1_Weights",
    "squeezenet1_0",
    "squeezenet1_1",
]


class Fire(nn.Module):
    """A narrow 1x1 convolution, and a 1x1 and a 3x3 one of its result side by side.

    Args:
        inplanes: channels of the input.
        squeeze_planes: channels of the narrow convolution.
        expand1x1_planes, expand3x3_planes: channels of the other two.
    """

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        ones = self.expand1x1_activation(self.expand1x1(x))
        threes = self.expand3x3_activation(self.expand3x3(x))
        return cat([ones, threes], 1)


# Version -> output channels and size of the first convolution, then half the output channels of the `Fire`
# modules (their first convolution has an eighth of the output), with "M" for a pooling.
_VERSIONS: dict[str, tuple] = {
    "1_0": (96, 7, ["M", 64, 64, 128, "M", 128, 192, 192, 256, "M", 256]),
    "1_1": (64, 3, ["M", 64, 64, "M", 128, 128, "M", 192, 192, 256, 256]),
}


class SqueezeNet(nn.Module):
    """A convolution, eight `Fire` modules, and a convolution in place of a linear layer.

    Args:
        version: "1_0", or "1_1" with less than half the arithmetic. Default: "1_0".
        num_classes: length of a row of the output. Default: 1000.
        dropout: probability before the last convolution. Default: 0.5.

    Raises:
        ValueError: another version.
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        channels, kernel, stack = _VERSIONS[version]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, kernel, stride=2), nn.ReLU(inplace=True)]
        for half in stack:
            if half == "M":
                layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            else:
                layers.append(Fire(channels, half // 4, half, half))
                channels = 2 * half
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        initialise(
            self,
            lambda weight: (
                nn.init.normal_(weight, 0.0, 0.01)
                if weight is last.weight
                else nn.init.kaiming_uniform_(weight)
            ),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).flatten(1)


class SqueezeNet1_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("squeezenet1_0-b66bff10", 1_248_424, 58.092, 80.42, min_size=21)
    DEFAULT = IMAGENET1K_V1


class SqueezeNet1_1_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("squeezenet1_1-b8a52dc0", 1_235_496, 58.178, 80.624, min_size=17)
    DEFAULT = IMAGENET1K_V1


@builder(SqueezeNet1_0_Weights)
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0."""
    return SqueezeNet("1_0", **kwargs)


@builder(SqueezeNet1_1_Weights)
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1."""
    return SqueezeNet("1_1", **kwargs)
