"""DenseNet: every layer reads the results of all layers before it (https://arxiv.org/abs/1608.06993)."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from ... import Tensor, cat, nn
from ...nn import functional as F
from ._api import WeightsEnum
from ._builder import builder, imagenet
from ._utils import initialise

__all__ = [
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet161_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
]


class _DenseLayer(nn.Module):
    """A 1x1 and a 3x3 convolution, each after normalisation and ReLU."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def bn_function(self, inputs: list[Tensor]) -> Tensor:
        """The first convolution of the joined inputs."""
        return self.conv1(self.relu1(self.norm1(cat(inputs, 1))))

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        inputs = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(x.requires_grad for x in inputs):
            from ...utils.checkpoint import checkpoint

            hidden = checkpoint(
                lambda *xs: self.bn_function(list(xs)), *inputs, use_reentrant=False
            )
        else:
            hidden = self.bn_function(inputs)
        result = self.conv2(self.relu2(self.norm2(hidden)))
        if self.drop_rate > 0:
            result = F.dropout(result, self.drop_rate, self.training)
        return result

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        # The published files are older than these names: norm.1.weight is norm1.weight.
        for key in list(state_dict):
            new = re.sub(r"(norm|conv)\.([12]\.)", r"\1\2", key.removeprefix(prefix))
            state_dict[prefix + new] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _DenseBlock(nn.ModuleDict):
    """Layers of which each gets the block's input and the results of those before it."""

    _version = 2

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        *options: Any,
    ) -> None:
        super().__init__()
        for i in range(num_layers):
            entering = num_input_features + i * growth_rate
            self[f"denselayer{i + 1}"] = _DenseLayer(entering, growth_rate, bn_size, *options)

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels, half the size."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """Dense blocks with transitions between them.

    Args:
        growth_rate: channels that each layer adds. Default: 32.
        block_config: numbers of layers of the blocks. Default: DenseNet-121's.
        num_init_features: channels of the first convolution. Default: 64.
        bn_size: channels between a layer's convolutions, as a multiple of `growth_rate`. Default: 4.
        drop_rate: probability of dropout after each layer. Default: 0.
        num_classes: length of a row of the output. Default: 1000.
        memory_efficient: compute the joined inputs again in backward. Default: False.

    Example:
        >>> from rushlight.vision.models import DenseNet
        >>> DenseNet(8, (2, 2), 16, num_classes=10)(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, ...] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        channels = num_init_features
        self.features = nn.Sequential()
        self.features.conv0 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.features.norm0 = nn.BatchNorm2d(channels)
        self.features.relu0 = nn.ReLU(inplace=True)
        self.features.pool0 = nn.MaxPool2d(3, stride=2, padding=1)
        for i, depth in enumerate(block_config, 1):
            block = _DenseBlock(depth, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i}", block)
            channels += depth * growth_rate
            if i < len(block_config):
                self.features.add_module(f"transition{i}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.norm5 = nn.BatchNorm2d(channels)
        self.classifier = nn.Linear(channels, num_classes)
        initialise(self, nn.init.kaiming_normal_, linear=lambda weight: weight)

    def forward(self, x: Tensor) -> Tensor:
        features = F.relu(self.features(x), inplace=True)
        return self.classifier(F.adaptive_avg_pool2d(features, (1, 1)).flatten(1))


_imagenet = partial(imagenet, min_size=29)


class DenseNet121_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("densenet121-a639ec97", 7_978_856, 74.434, 91.972)
    DEFAULT = IMAGENET1K_V1


class DenseNet161_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("densenet161-8d451a50", 28_681_000, 77.138, 93.56)
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("densenet169-b2777c0a", 14_149_480, 75.6, 92.806)
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("densenet201-c1103571", 20_013_928, 76.896, 93.37)
    DEFAULT = IMAGENET1K_V1


@builder(DenseNet121_Weights)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet-121."""
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@builder(DenseNet161_Weights)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet-161."""
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@builder(DenseNet169_Weights)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet-169."""
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@builder(DenseNet201_Weights)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet-201."""
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
