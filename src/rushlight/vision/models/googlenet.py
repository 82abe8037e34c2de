"""GoogLeNet, the first Inception network, with batch normalisation (https://arxiv.org/abs/1409.4842)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from ... import Tensor, cat, nn
from ...nn import functional as F
from ._api import WeightsEnum
from ._builder import imagenet, load, registered, settle

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "_GoogLeNetOutputs", "googlenet"]


class GoogLeNetOutputs(NamedTuple):
    """What the model returns in training; the auxiliary classifiers are those of inception4d and inception4a."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


_GoogLeNetOutputs = GoogLeNetOutputs


def warn_of_slow_start(model: str) -> None:
    """Say that `init_weights` was left out; once this meant minutes of sampling."""
    warnings.warn(
        f"The default weight initialization of {model} will be changed in future releases of torchvision. If you "
        "wish to keep the old behavior (which leads to long initialization times due to scipy/scipy#11299), please "
        "set init_weights=True.",
        FutureWarning,
        stacklevel=3,
    )


def as_google_normalises(x: Tensor) -> Tensor:
    """An image (N, 3, H, W) normalised by ImageNet's mean and deviation, as if by 0.5 and 0.5 instead."""
    channels = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
    return cat(
        [x[:, i : i + 1] * (s / 0.5) + (m - 0.5) / 0.5 for i, (m, s) in enumerate(channels)], 1
    )


class BasicConv2d(nn.Module):
    """A convolution, batch normalisation, ReLU; arguments as of `nn.Conv2d`."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches side by side: 1x1, 1x1 and 3x3, again 1x1 and 3x3 (5x5 in the paper), pooling and 1x1.

    Args:
        in_channels: of the input.
        ch1x1, ch3x3, ch5x5, pool_proj: channels of the branches' results.
        ch3x3red, ch5x5red: channels between the two convolutions of a branch.
        conv_block: in place of `BasicConv2d`.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1),
            conv(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        # 3x3 although the name says 5x5: the published weights have this size.
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1),
            conv(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """The auxiliary classifier of a layer of (N, in_channels, H, W)."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Callable[..., nn.Module] | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4)))
        x = F.relu(self.fc1(x.flatten(1)), inplace=True)
        return self.fc2(self.dropout(x))


class GoogLeNet(nn.Module):
    """Three convolutions and nine `Inception` blocks.

    Args:
        num_classes: length of a row of the output. Default: 1000.
        aux_logits: with two auxiliary classifiers; in training the output is a `GoogLeNetOutputs`. Default: True.
        transform_input: take images normalised by ImageNet's mean and deviation. Default: False.
        init_weights: start from a truncated normal distribution. Default: True, with a warning.
        blocks: in place of `[BasicConv2d, Inception, InceptionAux]`.
        dropout, dropout_aux: probabilities before the last layers. Default: 0.2 and 0.7.

    Raises:
        ValueError: other than three `blocks`.
    """

    __constants__ = ["aux_logits", "transform_input"]

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: list[Callable[..., nn.Module]] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        blocks = [BasicConv2d, Inception, InceptionAux] if blocks is None else blocks
        if init_weights is None:
            warn_of_slow_start("GoogleNet")
            init_weights = True
        if len(blocks) != 3:
            raise ValueError(f"blocks length should be 3 instead of {len(blocks)}")
        conv, block, auxiliary = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = block(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = block(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = block(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = block(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = block(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = block(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = block(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = block(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = block(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = auxiliary(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = auxiliary(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights:
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    nn.init.trunc_normal_(module.weight, 0.0, 0.01, -2, 2)

    def _auxiliary(self, head: nn.Module | None, x: Tensor) -> Tensor | None:
        return head(x) if head is not None and self.training else None

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        if self.transform_input:
            x = as_google_normalises(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        aux1 = self._auxiliary(self.aux1, x)
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self._auxiliary(self.aux2, x)
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(x, aux2, aux1) if self.training and self.aux_logits else x


class GoogLeNet_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("googlenet-1378be20", 6_624_904, 69.778, 89.53, min_size=15)
    DEFAULT = IMAGENET1K_V1


def fit_to_google(kwargs: dict[str, Any], weights: WeightsEnum) -> None:
    """Make the arguments of a model fit weights that came from Google."""
    kwargs.setdefault("transform_input", True)
    settle(kwargs, init_weights=False, num_classes=len(weights.meta["categories"]))


@registered(GoogLeNet_Weights)
def googlenet(*, weights: WeightsEnum | None, progress: bool, **kwargs: Any) -> GoogLeNet:
    """GoogLeNet; with published weights, the auxiliary classifiers are there only if asked for."""
    if weights is None:
        return GoogLeNet(**kwargs)
    fit_to_google(kwargs, weights)
    auxiliary = kwargs.pop("aux_logits", False)
    model = GoogLeNet(aux_logits=True, **kwargs)
    load(model, weights, progress)
    if auxiliary:
        warnings.warn(
            "auxiliary heads in the pretrained googlenet model are NOT pretrained, so make sure to train them"
        )
    else:
        model.aux_logits = False
        model.aux1 = model.aux2 = None
    return model
