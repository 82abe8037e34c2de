"""MNASNet (https://arxiv.org/abs/1807.11626)."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from ... import Tensor, nn
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import _make_divisible, initialise, kaiming_fan_out

__all__ = [
    "MNASNet",
    "MNASNet0_5_Weights",
    "MNASNet0_75_Weights",
    "MNASNet1_0_Weights",
    "MNASNet1_3_Weights",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
]

# The paper's 0.9997 in TensorFlow is what PyTorch calls 0.0003.
_BN_MOMENTUM = 1 - 0.9997
_norm = partial(nn.BatchNorm2d, momentum=_BN_MOMENTUM)


class _InvertedResidual(nn.Module):
    """A depthwise convolution between two 1x1 ones that widen and narrow, beside a shortcut where shapes allow it."""

    def __init__(
        self,
        in_ch: int,
        out_ch: int,
        kernel_size: int,
        stride: int,
        expansion_factor: int,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        if kernel_size not in (3, 5):
            raise ValueError(f"kernel_size should be 3 or 5 instead of {kernel_size}")
        norm = partial(nn.BatchNorm2d, momentum=bn_momentum)
        width = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            nn.Conv2d(in_ch, width, 1, bias=False),
            norm(width),
            nn.ReLU(inplace=True),
            _depthwise(width, kernel_size, stride),
            norm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out_ch, 1, bias=False),
            norm(out_ch),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input) + input if self.apply_residual else self.layers(input)


def _depthwise(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)


def _stack(
    in_ch: int, out_ch: int, kernel: int, stride: int, factor: int, repeats: int
) -> nn.Sequential:
    """Blocks, the first with the stride and the change of channels."""
    blocks = [_InvertedResidual(in_ch, out_ch, kernel, stride, factor, _BN_MOMENTUM)]
    for _ in range(1, repeats):
        blocks.append(_InvertedResidual(out_ch, out_ch, kernel, 1, factor, _BN_MOMENTUM))
    return nn.Sequential(*blocks)


def _stem(first: int, second: int) -> list[nn.Module]:
    """A convolution, and a depthwise one followed by a 1x1 one."""
    return [
        nn.Conv2d(3, first, 3, padding=1, stride=2, bias=False),
        _norm(first),
        nn.ReLU(inplace=True),
        _depthwise(first, 3, 1),
        _norm(first),
        nn.ReLU(inplace=True),
        nn.Conv2d(first, second, 1, bias=False),
        _norm(second),
    ]


def _get_depths(alpha: float) -> list[int]:
    """The numbers of channels for a width factor."""
    return [_make_divisible(size * alpha, 8) for size in (32, 16, 24, 40, 80, 96, 192, 320)]


class MNASNet(nn.Module):
    """A convolution, a separable one, six stacks of blocks, a 1x1 convolution.

    Args:
        alpha: factor of the numbers of channels.
        num_classes: length of a row of the output. Default: 1000.
        dropout: probability before the linear layer. Default: 0.2.

    Raises:
        ValueError: `alpha` is not positive; a state dict of another version than 1 and 2.
    """

    # In version 1 the first two convolutions did not depend on alpha.
    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        sizes = _get_depths(alpha)
        self.layers = nn.Sequential(
            *_stem(sizes[0], sizes[1]),
            _stack(sizes[1], sizes[2], 3, 2, 3, 3),
            _stack(sizes[2], sizes[3], 5, 2, 3, 3),
            _stack(sizes[3], sizes[4], 5, 2, 6, 3),
            _stack(sizes[4], sizes[5], 3, 1, 6, 2),
            _stack(sizes[5], sizes[6], 5, 2, 6, 4),
            _stack(sizes[6], sizes[7], 3, 1, 6, 1),
            nn.Conv2d(sizes[7], 1280, 1, bias=False),
            _norm(1280),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        linear = partial(nn.init.kaiming_uniform_, mode="fan_out", nonlinearity="sigmoid")
        initialise(self, kaiming_fan_out, linear)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean([2, 3]))

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        version = local_metadata.get("version")
        if version not in (1, 2):
            raise ValueError(f"version should be set to 1 or 2 instead of {version}")
        if version == 1 and self.alpha != 1.0:
            third = _get_depths(self.alpha)[2]
            for i, layer in enumerate([*_stem(32, 16), _stack(16, third, 3, 2, 3, 3)]):
                self.layers[i] = layer
            self._version = 1
            warnings.warn(
                "A new version of MNASNet model has been implemented. Your checkpoint was saved using the previous "
                "version. This checkpoint will load and work as before, but you may want to upgrade by training a "
                "newer model or transfer learning from an updated ImageNet checkpoint.",
                UserWarning,
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class MNASNet0_5_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet0.5_top1_67.823-3ffadce67e", 2_218_512, 67.734, 87.49)
    DEFAULT = IMAGENET1K_V1


class MNASNet0_75_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet0_75-7090bc5f", 3_170_208, 71.18, 90.496, 224, 232)
    DEFAULT = IMAGENET1K_V1


class MNASNet1_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet1.0_top1_73.512-f206786ef8", 4_383_312, 73.456, 91.51)
    DEFAULT = IMAGENET1K_V1


class MNASNet1_3_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet1_3-a4c69d6f", 6_282_256, 76.506, 93.522, 224, 232)
    DEFAULT = IMAGENET1K_V1


@builder(MNASNet0_5_Weights)
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MNASNet of half the width."""
    return MNASNet(0.5, **kwargs)


@builder(MNASNet0_75_Weights)
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MNASNet of three quarters of the width."""
    return MNASNet(0.75, **kwargs)


@builder(MNASNet1_0_Weights)
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MNASNet."""
    return MNASNet(1.0, **kwargs)


@builder(MNASNet1_3_Weights)
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MNASNet of 1.3 times the width."""
    return MNASNet(1.3, **kwargs)
