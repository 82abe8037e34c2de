"""MobileNet V2 (https://arxiv.org/abs/1801.04381)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import Tensor, nn
from ...nn import functional as F
from ..ops.misc import Conv2dNormActivation
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import _make_divisible, initialise, kaiming_fan_out, normal

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]


class InvertedResidual(nn.Module):
    """A depthwise convolution between two 1x1 ones that widen and narrow, beside a shortcut where shapes allow it.

    Args:
        inp, oup: channels of the input and output.
        stride: of the depthwise convolution, 1 or 2.
        expand_ratio: how many times wider it is than the input.
        norm_layer: called with a number of channels. Default: `nn.BatchNorm2d`.

    Raises:
        ValueError: another stride.
    """

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        self.stride = stride
        norm_layer = norm_layer or nn.BatchNorm2d
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        hidden = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1, **options))
        layers += [
            Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, **options),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm_layer(oup),
        ]
        self.use_res_connect = stride == 1 and inp == oup
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


# Rows: widening factor, channels, blocks, stride of the first block.
_SETTING = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
]


class MobileNetV2(nn.Module):
    """A convolution, `InvertedResidual` blocks, a 1x1 convolution.

    Args:
        num_classes: length of a row of the output. Default: 1000.
        width_mult: factor of all numbers of channels. Default: 1.0.
        inverted_residual_setting: rows of widening factor, channels, blocks, stride of the first block.
        round_nearest: numbers of channels are multiples of it. Default: 8.
        block: in place of `InvertedResidual`.
        norm_layer: called with a number of channels. Default: `nn.BatchNorm2d`.
        dropout: probability before the linear layer. Default: 0.2.

    Raises:
        ValueError: no rows, or rows of another length.

    Example:
        >>> from rushlight.vision.models import MobileNetV2
        >>> MobileNetV2(10, inverted_residual_setting=[[6, 16, 1, 2]])(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: list[list[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        setting = _SETTING if inverted_residual_setting is None else inverted_residual_setting
        if len(setting) == 0 or len(setting[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {setting}"
            )
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [Conv2dNormActivation(3, channels, stride=2, **options)]
        for factor, width, count, stride in setting:
            width = _make_divisible(width * width_mult, round_nearest)
            for i in range(count):
                features.append(
                    block(
                        channels,
                        width,
                        stride if i == 0 else 1,
                        expand_ratio=factor,
                        norm_layer=norm_layer,
                    )
                )
                channels = width
        features.append(Conv2dNormActivation(channels, self.last_channel, 1, **options))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes)
        )
        initialise(self, kaiming_fan_out, normal(0.01))

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


class MobileNet_V2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mobilenet_v2-b0353104", 3_504_872, 71.878, 90.286)
    IMAGENET1K_V2 = imagenet("mobilenet_v2-7ebf99e0", 3_504_872, 72.154, 90.822, 224, 232)
    DEFAULT = IMAGENET1K_V2


@builder(MobileNet_V2_Weights)
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNet V2."""
    return MobileNetV2(**kwargs)
