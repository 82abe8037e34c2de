"""EfficientNet (https://arxiv.org/abs/1905.11946) and EfficientNet V2 (https://arxiv.org/abs/2104.00298)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

from ... import Tensor, nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ..transforms import InterpolationMode
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import _make_divisible, initialise, kaiming_fan_out

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]


@dataclass
class _MBConvConfig:
    """The sizes of one stage: `num_layers` blocks, the first with the stride and the change of channels."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Callable[..., nn.Module]

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """The multiple of 8 nearest to the product."""
        return _make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """The sizes of one stage of `MBConv`.

    Args:
        expand_ratio: how many times wider the depthwise convolution is than the input.
        kernel, stride: of the depthwise convolution.
        input_channels, out_channels: before `width_mult`.
        num_layers: number of blocks, before `depth_mult`.
        width_mult, depth_mult: factors of channels and blocks. Default: 1.0.
        block: in place of `MBConv`.
    """

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            self.adjust_depth(num_layers, depth_mult),
            block or MBConv,
        )

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """The product, rounded up."""
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """The sizes of one stage of `FusedMBConv`; arguments as of `MBConvConfig`."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            input_channels,
            out_channels,
            num_layers,
            block or FusedMBConv,
        )


class _Block(nn.Module):
    """Layers beside a shortcut where shapes allow it; in training the layers are left out at random."""

    def __init__(
        self, cnf: _MBConvConfig, layers: list[nn.Module], stochastic_depth_prob: float
    ) -> None:
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Block):
    """A 1x1 convolution that widens, a depthwise one, squeeze-excitation, a 1x1 convolution that narrows.

    Args:
        cnf: the sizes.
        stochastic_depth_prob: probability of leaving the layers out in training.
        norm_layer: called with a number of channels.
        se_layer: called with the numbers of channels outside and inside, and `activation`.

    Raises:
        ValueError: a stride other than 1 and 2.
    """

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[..., nn.Module] = SqueezeExcitation,
    ) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        entering = cnf.input_channels
        width = cnf.adjust_channels(entering, cnf.expand_ratio)
        layers: list[nn.Module] = []
        if width != entering:
            layers.append(conv(entering, width, 1))
        layers += [
            conv(width, width, cnf.kernel, cnf.stride, groups=width),
            se_layer(width, max(1, entering // 4), activation=partial(nn.SiLU, inplace=True)),
            conv(width, cnf.out_channels, 1, activation_layer=None),
        ]
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Block):
    """`MBConv` with one full convolution in place of the first two, without squeeze-excitation.

    Args:
        cnf: the sizes.
        stochastic_depth_prob: probability of leaving the layers out in training.
        norm_layer: called with a number of channels.

    Raises:
        ValueError: a stride other than 1 and 2.
    """

    def __init__(
        self,
        cnf: FusedMBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module],
    ) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        entering = cnf.input_channels
        width = cnf.adjust_channels(entering, cnf.expand_ratio)
        if width == entering:
            layers = [conv(entering, cnf.out_channels, cnf.kernel, cnf.stride)]
        else:
            layers = [
                conv(entering, width, cnf.kernel, cnf.stride),
                conv(width, cnf.out_channels, 1, activation_layer=None),
            ]
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """A convolution, stages of `MBConv` or `FusedMBConv`, a 1x1 convolution.

    Args:
        inverted_residual_setting: the sizes of the stages.
        dropout: probability before the linear layer.
        stochastic_depth_prob: of leaving out the last block in training; it grows from 0. Default: 0.2.
        num_classes: length of a row of the output. Default: 1000.
        norm_layer: called with a number of channels. Default: `nn.BatchNorm2d`.
        last_channel: channels of the last convolution. Default: four times its input's.

    Raises:
        ValueError: no stages.
        TypeError: stages are no `MBConvConfig` or `FusedMBConvConfig`.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not isinstance(setting, Sequence) or not all(
            isinstance(cnf, _MBConvConfig) for cnf in setting
        ):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or nn.BatchNorm2d
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        layers: list[nn.Module] = [conv(3, setting[0].input_channels, stride=2)]
        total = sum(cnf.num_layers for cnf in setting)
        done = 0
        for cnf in setting:
            stage: list[nn.Module] = []
            for _ in range(cnf.num_layers):
                sizes = copy(cnf)
                if stage:
                    sizes.input_channels, sizes.stride = cnf.out_channels, 1
                stage.append(cnf.block(sizes, stochastic_depth_prob * done / total, norm_layer))
                done += 1
            layers.append(nn.Sequential(*stage))
        entering = setting[-1].out_channels
        leaving = 4 * entering if last_channel is None else last_channel
        layers.append(conv(entering, leaving, 1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(leaving, num_classes)
        )
        initialise(self, kaiming_fan_out, _uniform)

    def _forward_impl(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


def _uniform(weight: Tensor) -> None:
    bound = 1.0 / math.sqrt(weight.shape[0])
    nn.init.uniform_(weight, -bound, bound)


# Rows of MBConvConfig's arguments.
_V1 = [
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
]

# Rows of widening factor, stride, channels of input and output, blocks; the first three are fused.
_V2_S = [
    (1, 1, 24, 24, 2),
    (4, 2, 24, 48, 4),
    (4, 2, 48, 64, 4),
    (4, 2, 64, 128, 6),
    (6, 1, 128, 160, 9),
    (6, 2, 160, 256, 15),
]
_V2_M = [
    (1, 1, 24, 24, 3),
    (4, 2, 24, 48, 5),
    (4, 2, 48, 80, 5),
    (4, 2, 80, 160, 7),
    (6, 1, 160, 176, 14),
    (6, 2, 176, 304, 18),
    (6, 1, 304, 512, 5),
]
_V2_L = [
    (1, 1, 32, 32, 4),
    (4, 2, 32, 64, 7),
    (4, 2, 64, 96, 7),
    (4, 2, 96, 192, 10),
    (6, 1, 192, 224, 19),
    (6, 2, 224, 384, 25),
    (6, 1, 384, 640, 7),
]


def _v1(width: float, depth: float, dropout: float, kwargs: dict[str, Any]) -> EfficientNet:
    setting = [MBConvConfig(*row, width_mult=width, depth_mult=depth) for row in _V1]
    return EfficientNet(setting, kwargs.pop("dropout", dropout), **kwargs)


def _v2(rows: list[tuple], dropout: float, kwargs: dict[str, Any]) -> EfficientNet:
    setting = [
        (FusedMBConvConfig if i < 3 else MBConvConfig)(factor, 3, *rest)
        for i, (factor, *rest) in enumerate(rows)
    ]
    return EfficientNet(
        setting,
        kwargs.pop("dropout", dropout),
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
        last_channel=1280,
        **kwargs,
    )


# The larger ones were first trained in TensorFlow, with its constants of batch normalisation.
_tensorflow_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
_bicubic = partial(imagenet, interpolation=InterpolationMode.BICUBIC)
_v2_imagenet = partial(imagenet, min_size=33)


class EfficientNet_B0_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic("efficientnet_b0_rwightman-7f5810bc", 5_288_548, 77.692, 93.532)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B1_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic("efficientnet_b1_rwightman-bac287d4", 7_794_184, 78.642, 94.186, 240)
    IMAGENET1K_V2 = imagenet("efficientnet_b1-c27df63c", 7_794_184, 79.838, 94.934, 240, 255)
    DEFAULT = IMAGENET1K_V2


class EfficientNet_B2_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic(
        "efficientnet_b2_rwightman-c35c1473", 9_109_994, 80.608, 95.31, 288, 288
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B3_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic(
        "efficientnet_b3_rwightman-b3899882", 12_233_232, 82.008, 96.054, 300, 320
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B4_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic(
        "efficientnet_b4_rwightman-23ab8bcd", 19_341_616, 83.384, 96.594, 380, 384
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B5_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic(
        "efficientnet_b5_lukemelas-1a07897c", 30_389_784, 83.444, 96.628, 456, 456
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B6_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic(
        "efficientnet_b6_lukemelas-24a108a5", 43_040_704, 84.008, 96.916, 528, 528
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B7_Weights(WeightsEnum):
    IMAGENET1K_V1 = _bicubic(
        "efficientnet_b7_lukemelas-c5b4e57e", 66_347_960, 84.122, 96.908, 600, 600
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_S_Weights(WeightsEnum):
    IMAGENET1K_V1 = _v2_imagenet("efficientnet_v2_s-dd5fe13b", 21_458_488, 84.228, 96.878, 384, 384)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_M_Weights(WeightsEnum):
    IMAGENET1K_V1 = _v2_imagenet("efficientnet_v2_m-dc08266a", 54_139_356, 85.112, 97.156, 480, 480)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_L_Weights(WeightsEnum):
    IMAGENET1K_V1 = _v2_imagenet(
        "efficientnet_v2_l-59c71312",
        118_515_272,
        85.808,
        97.788,
        480,
        480,
        interpolation=InterpolationMode.BICUBIC,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )
    DEFAULT = IMAGENET1K_V1


@builder(EfficientNet_B0_Weights)
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet B0."""
    return _v1(1.0, 1.0, 0.2, kwargs)


@builder(EfficientNet_B1_Weights)
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet B1."""
    return _v1(1.0, 1.1, 0.2, kwargs)


@builder(EfficientNet_B2_Weights)
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet B2."""
    return _v1(1.1, 1.2, 0.3, kwargs)


@builder(EfficientNet_B3_Weights)
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet B3."""
    return _v1(1.2, 1.4, 0.3, kwargs)


@builder(EfficientNet_B4_Weights)
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet B4."""
    return _v1(1.4, 1.8, 0.4, kwargs)


@builder(EfficientNet_B5_Weights)
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet B5."""
    return _v1(1.6, 2.2, 0.4, {"norm_layer": _tensorflow_norm, **kwargs})


@builder(EfficientNet_B6_Weights)
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet B6."""
    return _v1(1.8, 2.6, 0.5, {"norm_layer": _tensorflow_norm, **kwargs})


@builder(EfficientNet_B7_Weights)
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet B7."""
    return _v1(2.0, 3.1, 0.5, {"norm_layer": _tensorflow_norm, **kwargs})


@builder(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """EfficientNet V2, small."""
    return _v2(_V2_S, 0.2, kwargs)


@builder(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """EfficientNet V2, medium."""
    return _v2(_V2_M, 0.3, kwargs)


@builder(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """EfficientNet V2, large."""
    return _v2(_V2_L, 0.4, kwargs)
