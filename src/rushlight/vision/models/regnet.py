"""RegNet: networks whose widths follow a line (https://arxiv.org/abs/2003.13678)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import Any

from ... import Tensor, arange, log, nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import _make_divisible, initialise, normal
from .vision_transformer import swag

__all__ = [
    "RegNet",
    "RegNet_X_16GF_Weights",
    "RegNet_X_1_6GF_Weights",
    "RegNet_X_32GF_Weights",
    "RegNet_X_3_2GF_Weights",
    "RegNet_X_400MF_Weights",
    "RegNet_X_800MF_Weights",
    "RegNet_X_8GF_Weights",
    "RegNet_Y_128GF_Weights",
    "RegNet_Y_16GF_Weights",
    "RegNet_Y_1_6GF_Weights",
    "RegNet_Y_32GF_Weights",
    "RegNet_Y_3_2GF_Weights",
    "RegNet_Y_400MF_Weights",
    "RegNet_Y_800MF_Weights",
    "RegNet_Y_8GF_Weights",
    "regnet_x_16gf",
    "regnet_x_1_6gf",
    "regnet_x_32gf",
    "regnet_x_3_2gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_x_8gf",
    "regnet_y_128gf",
    "regnet_y_16gf",
    "regnet_y_1_6gf",
    "regnet_y_32gf",
    "regnet_y_3_2gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
    "regnet_y_8gf",
]


class SimpleStemIN(Conv2dNormActivation):
    """A 3x3 convolution of stride 2 with normalisation and activation."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        norm_layer: Callable[..., nn.Module],
        activation_layer: Callable[..., nn.Module],
    ) -> None:
        super().__init__(
            width_in,
            width_out,
            3,
            stride=2,
            norm_layer=norm_layer,
            activation_layer=activation_layer,
        )


class BottleneckTransform(nn.Sequential):
    """A grouped 3x3 convolution between two 1x1 ones, with squeeze-excitation in the Y networks."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Callable[..., nn.Module],
        activation_layer: Callable[..., nn.Module],
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        super().__init__()
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer)
        width = round(width_out * bottleneck_multiplier)
        groups = width // group_width
        self.a = conv(width_in, width, 1, activation_layer=activation_layer)
        self.b = conv(width, width, 3, stride, groups=groups, activation_layer=activation_layer)
        if se_ratio:
            self.se = SqueezeExcitation(width, round(se_ratio * width_in), activation_layer)
        self.c = conv(width, width_out, 1, activation_layer=None)


class ResBottleneckBlock(nn.Module):
    """`BottleneckTransform` beside a shortcut.

    Args:
        width_in, width_out: channels of the input and output.
        stride: of the 3x3 convolution.
        norm_layer: called with a number of channels. activation_layer: called with `inplace`.
        group_width: channels of a group of the 3x3 convolution. Default: 1.
        bottleneck_multiplier: its channels as a multiple of the output's. Default: 1.
        se_ratio: channels inside the squeeze-excitation as a part of the input's; None leaves it out.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Callable[..., nn.Module],
        activation_layer: Callable[..., nn.Module],
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, 1, stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = BottleneckTransform(
            width_in,
            width_out,
            stride,
            norm_layer,
            activation_layer,
            group_width,
            bottleneck_multiplier,
            se_ratio,
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        return self.activation(shortcut + self.f(x))


class AnyStage(nn.Sequential):
    """Blocks of one width, the first with the stride and the change of channels; `options` go to every block."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        depth: int,
        block_constructor: Callable[..., nn.Module],
        *options: Any,
        stage_index: int = 0,
    ) -> None:
        super().__init__()
        for i in range(depth):
            block = block_constructor(width_in, width_out, stride, *options)
            self.add_module(f"block{stage_index}-{i}", block)
            width_in, stride = width_out, 1


class BlockParams:
    """The sizes of a network, one entry of each list a stage."""

    def __init__(
        self,
        depths: list[int],
        widths: list[int],
        group_widths: list[int],
        bottleneck_multipliers: list[float],
        strides: list[int],
        se_ratio: float | None = None,
    ) -> None:
        self.depths = depths
        self.widths = widths
        self.group_widths = group_widths
        self.bottleneck_multipliers = bottleneck_multipliers
        self.strides = strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
        **kwargs: Any,
    ) -> BlockParams:
        """The network of a line, rounded to stages (section 3.3 of the paper).

        Args:
            depth: number of blocks.
            w_0, w_a: block j has the width w_0 + w_a j before rounding.
            w_m: the widths of the stages are w_0 times powers of it, and multiples of 8.
            group_width, bottleneck_multiplier, se_ratio: as of `ResBottleneckBlock`.
            kwargs: ignored.

        Raises:
            ValueError: no such line.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        # In float32, as the published networks were made: it decides where a stage ends.
        power = (log((arange(depth, device="cpu") * w_a + w_0) / w_0) / math.log(w_m)).round()
        rounded = [int(w) for w in ((w_0 * w_m**power / 8).round() * 8).tolist()]
        stages = [(width, len(list(blocks))) for width, blocks in groupby(rounded)]
        widths, groups = [], []
        for width, _ in stages:
            inner = int(width * bottleneck_multiplier)
            groups.append(min(group_width, inner))
            widths.append(int(_make_divisible(inner, groups[-1]) / bottleneck_multiplier))
        count = len(stages)
        return cls(
            [blocks for _, blocks in stages],
            widths,
            groups,
            [bottleneck_multiplier] * count,
            [2] * count,
            se_ratio,
        )

    def _get_expanded_params(self) -> Iterator[tuple[int, int, int, int, float]]:
        return zip(
            self.widths,
            self.strides,
            self.depths,
            self.group_widths,
            self.bottleneck_multipliers,
        )


class RegNet(nn.Module):
    """A convolution and four stages of residual blocks.

    Args:
        block_params: the sizes.
        num_classes: length of a row of the output. Default: 1000.
        stem_width: channels of the first convolution. Default: 32.
        stem_type: in place of `SimpleStemIN`. block_type: in place of `ResBottleneckBlock`.
        norm_layer: called with a number of channels. Default: `nn.BatchNorm2d`.
        activation: called with `inplace`. Default: `nn.ReLU`.
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Callable[..., nn.Module] | None = None,
        block_type: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        activation: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        activation = activation or nn.ReLU
        block_type = block_type or ResBottleneckBlock
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm_layer, activation)
        self.trunk_output = nn.Sequential()
        entering = stem_width
        for i, (width, stride, depth, *sizes) in enumerate(block_params._get_expanded_params(), 1):
            options = (norm_layer, activation, *sizes, block_params.se_ratio)
            stage = AnyStage(entering, width, stride, depth, block_type, *options, stage_index=i)
            self.trunk_output.add_module(f"block{i}", stage)
            entering = width
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(entering, num_classes)
        initialise(self, _start_conv, zero_bias=False)
        initialise(self, linear=normal(0.01))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))


def _start_conv(weight: Tensor) -> None:
    # `kaiming_fan_out` but for the rounding of the deviation.
    fan_out = weight.shape[0] * weight[0, 0].numel()
    nn.init.normal_(weight, 0.0, math.sqrt(2.0 / fan_out))


_swag = partial(swag, min_size=1)


class RegNet_Y_400MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_400mf-c65dace8", 4_344_144, 74.046, 91.716)
    IMAGENET1K_V2 = imagenet("regnet_y_400mf-e6988f5f", 4_344_144, 75.804, 92.742, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_800MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_800mf-1b27b58c", 6_432_512, 76.42, 93.136)
    IMAGENET1K_V2 = imagenet("regnet_y_800mf-58fc7688", 6_432_512, 78.828, 94.502, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_1_6GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_1_6gf-b11a554e", 11_202_430, 77.95, 93.966)
    IMAGENET1K_V2 = imagenet("regnet_y_1_6gf-0d7bc02a", 11_202_430, 80.876, 95.444, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_3_2GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_3_2gf-b5a9779c", 19_436_338, 78.948, 94.576)
    IMAGENET1K_V2 = imagenet("regnet_y_3_2gf-9180c971", 19_436_338, 81.982, 95.972, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_8GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_8gf-d0d0e4a8", 39_381_472, 80.032, 95.048)
    IMAGENET1K_V2 = imagenet("regnet_y_8gf-dc2b1b54", 39_381_472, 82.828, 96.33, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_16GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_16gf-9e6ed7dd", 83_590_140, 80.424, 95.24)
    IMAGENET1K_V2 = imagenet("regnet_y_16gf-3e4a00f9", 83_590_140, 82.886, 96.328, 224, 232)
    IMAGENET1K_SWAG_E2E_V1 = _swag(
        "regnet_y_16gf_swag-43afe44d", 83_590_140, 86.012, 98.054, 384, 384
    )
    IMAGENET1K_SWAG_LINEAR_V1 = _swag(
        "regnet_y_16gf_lc_swag-f3ec0043", 83_590_140, 83.976, 97.244, 224, 224
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_32GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_32gf-4dee3f7a", 145_046_770, 80.878, 95.34)
    IMAGENET1K_V2 = imagenet("regnet_y_32gf-8db6d4b5", 145_046_770, 83.368, 96.498, 224, 232)
    IMAGENET1K_SWAG_E2E_V1 = _swag(
        "regnet_y_32gf_swag-04fdfa75", 145_046_770, 86.838, 98.362, 384, 384
    )
    IMAGENET1K_SWAG_LINEAR_V1 = _swag(
        "regnet_y_32gf_lc_swag-e1583746", 145_046_770, 84.622, 97.48, 224, 224
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_128GF_Weights(WeightsEnum):
    IMAGENET1K_SWAG_E2E_V1 = _swag(
        "regnet_y_128gf_swag-c8ce3e52", 644_812_894, 88.228, 98.682, 384, 384
    )
    IMAGENET1K_SWAG_LINEAR_V1 = _swag(
        "regnet_y_128gf_lc_swag-cbe8ce12", 644_812_894, 86.068, 97.844, 224, 224
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


class RegNet_X_400MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_400mf-adf1edd5", 5_495_976, 72.834, 90.95)
    IMAGENET1K_V2 = imagenet("regnet_x_400mf-62229a5f", 5_495_976, 74.864, 92.322, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_800MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_800mf-ad17e45c", 7_259_656, 75.212, 92.348)
    IMAGENET1K_V2 = imagenet("regnet_x_800mf-94a99ebd", 7_259_656, 77.522, 93.826, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_1_6GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_1_6gf-e3633e7f", 9_190_136, 77.04, 93.44)
    IMAGENET1K_V2 = imagenet("regnet_x_1_6gf-a12f2b72", 9_190_136, 79.668, 94.922, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_3_2GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_3_2gf-f342aeae", 15_296_552, 78.364, 93.992)
    IMAGENET1K_V2 = imagenet("regnet_x_3_2gf-7071aa85", 15_296_552, 81.196, 95.43, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_8GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_8gf-03ceed89", 39_572_648, 79.344, 94.686)
    IMAGENET1K_V2 = imagenet("regnet_x_8gf-2b70d774", 39_572_648, 81.682, 95.678, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_16GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_16gf-2007eb11", 54_278_536, 80.058, 94.944)
    IMAGENET1K_V2 = imagenet("regnet_x_16gf-ba3796d7", 54_278_536, 82.716, 96.196, 224, 232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_32GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_32gf-9d47f8d0", 107_811_560, 80.622, 95.248)
    IMAGENET1K_V2 = imagenet("regnet_x_32gf-6eb8fdc6", 107_811_560, 83.014, 96.288, 224, 232)
    DEFAULT = IMAGENET1K_V2


def _regnet(kwargs: dict[str, Any], *line: Any, se_ratio: float | None = None) -> RegNet:
    params = BlockParams.from_init_params(*line, se_ratio=se_ratio)
    return RegNet(params, **kwargs)


@builder(RegNet_Y_400MF_Weights)
def regnet_y_400mf(**kwargs: Any) -> RegNet:
    """RegNet Y of 400 MFLOP."""
    return _regnet(kwargs, 16, 48, 27.89, 2.09, 8, se_ratio=0.25)


@builder(RegNet_Y_800MF_Weights)
def regnet_y_800mf(**kwargs: Any) -> RegNet:
    """RegNet Y of 800 MFLOP."""
    return _regnet(kwargs, 14, 56, 38.84, 2.4, 16, se_ratio=0.25)


@builder(RegNet_Y_1_6GF_Weights)
def regnet_y_1_6gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 1.6 GFLOP."""
    return _regnet(kwargs, 27, 48, 20.71, 2.65, 24, se_ratio=0.25)


@builder(RegNet_Y_3_2GF_Weights)
def regnet_y_3_2gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 3.2 GFLOP."""
    return _regnet(kwargs, 21, 80, 42.63, 2.66, 24, se_ratio=0.25)


@builder(RegNet_Y_8GF_Weights)
def regnet_y_8gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 8 GFLOP."""
    return _regnet(kwargs, 17, 192, 76.82, 2.19, 56, se_ratio=0.25)


@builder(RegNet_Y_16GF_Weights)
def regnet_y_16gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 16 GFLOP."""
    return _regnet(kwargs, 18, 200, 106.23, 2.48, 112, se_ratio=0.25)


@builder(RegNet_Y_32GF_Weights)
def regnet_y_32gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 32 GFLOP."""
    return _regnet(kwargs, 20, 232, 115.89, 2.53, 232, se_ratio=0.25)


@builder(RegNet_Y_128GF_Weights)
def regnet_y_128gf(**kwargs: Any) -> RegNet:
    """RegNet Y of 128 GFLOP."""
    return _regnet(kwargs, 27, 456, 160.83, 2.52, 264, se_ratio=0.25)


@builder(RegNet_X_400MF_Weights)
def regnet_x_400mf(**kwargs: Any) -> RegNet:
    """RegNet X of 400 MFLOP."""
    return _regnet(kwargs, 22, 24, 24.48, 2.54, 16)


@builder(RegNet_X_800MF_Weights)
def regnet_x_800mf(**kwargs: Any) -> RegNet:
    """RegNet X of 800 MFLOP."""
    return _regnet(kwargs, 16, 56, 35.73, 2.28, 16)


@builder(RegNet_X_1_6GF_Weights)
def regnet_x_1_6gf(**kwargs: Any) -> RegNet:
    """RegNet X of 1.6 GFLOP."""
    return _regnet(kwargs, 18, 80, 34.01, 2.25, 24)


@builder(RegNet_X_3_2GF_Weights)
def regnet_x_3_2gf(**kwargs: Any) -> RegNet:
    """RegNet X of 3.2 GFLOP."""
    return _regnet(kwargs, 25, 88, 26.31, 2.25, 48)


@builder(RegNet_X_8GF_Weights)
def regnet_x_8gf(**kwargs: Any) -> RegNet:
    """RegNet X of 8 GFLOP."""
    return _regnet(kwargs, 23, 80, 49.56, 2.88, 120)


@builder(RegNet_X_16GF_Weights)
def regnet_x_16gf(**kwargs: Any) -> RegNet:
    """RegNet X of 16 GFLOP."""
    return _regnet(kwargs, 22, 216, 55.59, 2.1, 128)


@builder(RegNet_X_32GF_Weights)
def regnet_x_32gf(**kwargs: Any) -> RegNet:
    """RegNet X of 32 GFLOP."""
    return _regnet(kwargs, 23, 320, 69.86, 2.0, 168)
