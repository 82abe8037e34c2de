"""MobileNet V3 (https://arxiv.org/abs/1905.02244)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import Tensor, nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import _make_divisible, initialise, kaiming_fan_out, normal

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]


class InvertedResidualConfig:
    """The sizes of one block.

    Args:
        input_channels, expanded_channels, out_channels: of its convolutions, before `width_mult`.
        kernel: height and width of the depthwise convolution.
        use_se: with a `SqueezeExcitation`.
        activation: "HS" for hardswish, "RE" for ReLU.
        stride, dilation: of the depthwise convolution.
        width_mult: factor of all numbers of channels.
    """

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The multiple of 8 nearest to the product."""
        return _make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """A depthwise convolution between two 1x1 ones that widen and narrow, beside a shortcut where shapes allow it.

    Args:
        cnf: the sizes.
        norm_layer: called with a number of channels.
        se_layer: called with the numbers of channels outside and inside.

    Raises:
        ValueError: a stride other than 1 and 2.
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[..., nn.Module] = partial(
            SqueezeExcitation, scale_activation=nn.Hardsigmoid
        ),
    ) -> None:
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer)
        activation = nn.Hardswish if cnf.use_hs else nn.ReLU
        width = cnf.expanded_channels
        layers: list[nn.Module] = []
        if width != cnf.input_channels:
            layers.append(conv(cnf.input_channels, width, 1, activation_layer=activation))
        layers.append(
            conv(
                width,
                width,
                cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=width,
                activation_layer=activation,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(width, _make_divisible(width // 4, 8)))
        layers.append(conv(width, cnf.out_channels, 1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """A convolution, `InvertedResidual` blocks, a 1x1 convolution, two linear layers.

    Args:
        inverted_residual_setting: the sizes of the blocks.
        last_channel: features between the linear layers.
        num_classes: length of a row of the output. Default: 1000.
        block: in place of `InvertedResidual`.
        norm_layer: called with a number of channels. Default: batch normalisation with eps 0.001, momentum 0.01.
        dropout: probability before the last layer. Default: 0.2.
        kwargs: ignored.

    Raises:
        ValueError: no blocks.
        TypeError: blocks are no `InvertedResidualConfig`.
    """

    def __init__(
        self,
        inverted_residual_setting: list[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not isinstance(setting, Sequence) or not all(
            isinstance(cnf, InvertedResidualConfig) for cnf in setting
        ):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.Hardswish)
        last = setting[-1].out_channels
        self.features = nn.Sequential(
            conv(3, setting[0].input_channels, stride=2),
            *[block(cnf, norm_layer) for cnf in setting],
            conv(last, 6 * last, 1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialise(self, kaiming_fan_out, normal(0.01))

    def _forward_impl(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


# Rows as the arguments of InvertedResidualConfig, then what the last three rows vary: channels ("tail") are halved
# by `reduced_tail`, and `dilated` sets their dilation.
_LARGE = [
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
]
_SMALL = [
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2),
    (96, 5, 576, 96, True, "HS", 1),
    (96, 5, 576, 96, True, "HS", 1),
]


def _mobilenet_v3(
    rows: list[tuple],
    last_channel: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **kwargs: Any,
) -> MobileNetV3:
    """A model of these blocks.

    Args:
        rows: arguments of `InvertedResidualConfig` up to the stride.
        last_channel: features between the linear layers.
        width_mult: factor of all numbers of channels.
        reduced_tail: halve the channels that the last three blocks add.
        dilated: let the last three blocks dilate by 2 (the first of them in place of its stride).
    """
    setting = []
    for i, (entering, kernel, width, leaving, *rest) in enumerate(rows, 3 - len(rows)):
        if reduced_tail and i >= 0:
            leaving //= 2
            if i > 0:
                entering, width = entering // 2, width // 2
        dilation = 2 if dilated and i >= 0 else 1
        setting.append(
            InvertedResidualConfig(
                entering, kernel, width, leaving, *rest, dilation=dilation, width_mult=width_mult
            )
        )
    last = InvertedResidualConfig.adjust_channels(last_channel // (1 + reduced_tail), width_mult)
    return MobileNetV3(setting, last, **kwargs)


class MobileNet_V3_Large_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mobilenet_v3_large-8738ca79", 5_483_032, 74.042, 91.34)
    IMAGENET1K_V2 = imagenet("mobilenet_v3_large-5c1a4163", 5_483_032, 75.274, 92.566, 224, 232)
    DEFAULT = IMAGENET1K_V2


class MobileNet_V3_Small_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mobilenet_v3_small-047dcff4", 2_542_856, 67.668, 87.402)
    DEFAULT = IMAGENET1K_V1


@builder(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """MobileNet V3, the large one."""
    return _mobilenet_v3(_LARGE, 1280, **kwargs)


@builder(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """MobileNet V3, the small one."""
    return _mobilenet_v3(_SMALL, 1024, **kwargs)
