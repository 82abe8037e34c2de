"""ShuffleNet V2 (https://arxiv.org/abs/1807.11164)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import Tensor, cat, nn
from ._api import WeightsEnum
from ._builder import builder, imagenet

__all__ = [
    "ShuffleNetV2",
    "ShuffleNet_V2_X0_5_Weights",
    "ShuffleNet_V2_X1_0_Weights",
    "ShuffleNet_V2_X1_5_Weights",
    "ShuffleNet_V2_X2_0_Weights",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` equal parts of (N, C, H, W)."""
    n, channels, height, width = x.shape
    parts = x.view(n, groups, channels // groups, height, width)
    return parts.transpose(1, 2).contiguous().view(n, channels, height, width)


def _dense(inp: int, oup: int) -> list[nn.Module]:
    """A 1x1 convolution, normalisation, ReLU."""
    return [nn.Conv2d(inp, oup, 1, bias=False), nn.BatchNorm2d(oup), nn.ReLU(inplace=True)]


class InvertedResidual(nn.Module):
    """Two branches, joined and shuffled; with stride 1 the first passes half of the channels on.

    Args:
        inp, oup: channels of the input and output.
        stride: 1, 2 or 3; with 1 both channels are the same, even number.

    Raises:
        ValueError: another stride, or channels that do not fit.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        self.stride = stride
        half = oup // 2
        if stride == 1 and inp != 2 * half:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. "
                "If stride == 1 then inp should be equal to oup // 2 << 1."
            )
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1.extend([*self._depthwise(inp), *_dense(inp, half)])
        entering = inp if stride > 1 else half
        self.branch2 = nn.Sequential(
            *_dense(entering, half), *self._depthwise(half), *_dense(half, half)
        )

    def _depthwise(self, channels: int) -> list[nn.Module]:
        conv = self.depthwise_conv(channels, channels, 3, self.stride, padding=1)
        return [conv, nn.BatchNorm2d(channels)]

    @staticmethod
    def depthwise_conv(
        i: int, o: int, kernel_size: int, stride: int = 1, padding: int = 0, bias: bool = False
    ) -> nn.Conv2d:
        """A convolution of each channel by itself."""
        return nn.Conv2d(i, o, kernel_size, stride, padding, bias=bias, groups=i)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            kept, rest = x.chunk(2, dim=1)
        else:
            kept, rest = self.branch1(x), x
        return channel_shuffle(cat((kept, self.branch2(rest)), 1), 2)


class ShuffleNetV2(nn.Module):
    """A convolution, three stages of `InvertedResidual`, a convolution.

    Args:
        stages_repeats: numbers of blocks of the three stages.
        stages_out_channels: channels of the first convolution, the stages and the last convolution.
        num_classes: length of a row of the output. Default: 1000.
        inverted_residual: called with channels of input and output and the stride. Default: `InvertedResidual`.

    Raises:
        ValueError: lists of another length.

    Example:
        >>> from rushlight.vision.models import ShuffleNetV2
        >>> ShuffleNetV2([1, 1, 1], [8, 16, 32, 64, 128], 10)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        stages_repeats: list[int],
        stages_out_channels: list[int],
        num_classes: int = 1000,
        inverted_residual: Callable[..., nn.Module] = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        self._stage_out_channels = stages_out_channels
        first, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        entering = first
        for number, (repeats, channels) in enumerate(zip(stages_repeats, stages), 2):
            blocks = [inverted_residual(entering, channels, 2)]
            blocks += [inverted_residual(channels, channels, 1) for _ in range(repeats - 1)]
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
            entering = channels
        self.conv5 = nn.Sequential(*_dense(entering, last))
        self.fc = nn.Linear(last, num_classes)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return self.fc(x.mean([2, 3]))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


class ShuffleNet_V2_X0_5_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("shufflenetv2_x0.5-f707e7126e", 1_366_792, 60.552, 81.746)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("shufflenetv2_x1-5666bf0f80", 2_278_604, 69.362, 88.316)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X1_5_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("shufflenetv2_x1_5-3c479a10", 3_503_624, 72.996, 91.086, 224, 232)
    DEFAULT = IMAGENET1K_V1


class ShuffleNet_V2_X2_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("shufflenetv2_x2_0-8be3c8ee", 7_393_996, 76.23, 93.006, 224, 232)
    DEFAULT = IMAGENET1K_V1


@builder(ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2 of half the width."""
    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], **kwargs)


@builder(ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2."""
    return ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], **kwargs)


@builder(ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2 of 1.5 times the width."""
    return ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], **kwargs)


@builder(ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2 of twice the width."""
    return ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], **kwargs)
