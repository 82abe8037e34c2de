"""DeepLab V3 (https://arxiv.org/abs/1706.05587)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import Tensor, cat, nn
from .._api import WeightsEnum
from .._builder import load, registered
from .._utils import IntermediateLayerGetter
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..resnet import ResNet, ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from ._utils import (
    SegmentationModel,
    chosen,
    coco,
    enlarged,
    mobilenet_stages,
    resnet_layers,
)
from .fcn import FCNHead

__all__ = [
    "DeepLabV3",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet101_Weights",
    "DeepLabV3_ResNet50_Weights",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
]


class DeepLabV3(SegmentationModel):
    """A backbone with a classifier of its pixels that sees several neighbourhoods; see `deeplabv3_resnet50`.

    Args:
        backbone, classifier, aux_classifier: as of `SegmentationModel`.
    """


class ASPPConv(nn.Sequential):
    """A dilated 3x3 convolution with normalisation and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False
            ),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class ASPPPooling(nn.Sequential):
    """The average of the image, at each of its pixels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return enlarged(super().forward(x), x.shape[-2:])


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: convolutions of several dilations side by side.

    Args:
        in_channels: channels of the (N, C, H, W) input.
        atrous_rates: the dilations.
        out_channels: channels of the output. Default: 256.
    """

    def __init__(
        self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256
    ) -> None:
        super().__init__()
        point = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )
        dilated = [ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates]
        self.convs = nn.ModuleList([point, *dilated, ASPPPooling(in_channels, out_channels)])
        self.project = nn.Sequential(
            nn.Conv2d(len(self.convs) * out_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Dropout(0.5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.project(cat([conv(x) for conv in self.convs], dim=1))


class DeepLabHead(nn.Sequential):
    """`ASPP`, a 3x3 convolution and one to the classes.

    Args:
        in_channels: channels of the (N, C, H, W) input.
        num_classes: number of classes.
        atrous_rates: dilations of `ASPP`.
    """

    def __init__(
        self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)
    ) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


class DeepLabV3_ResNet50_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco("deeplabv3_resnet50_coco-cd0a2569", 42_004_074, 66.4, 92.4)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_ResNet101_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco("deeplabv3_resnet101_coco-586e9e4e", 60_996_202, 67.4, 92.4)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_MobileNet_V3_Large_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco("deeplabv3_mobilenet_v3_large-fc3c493d", 11_029_328, 60.3, 91.2)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


def _deeplab(backbone: ResNet, num_classes: int, aux: bool | None) -> DeepLabV3:
    layers = resnet_layers(backbone, aux)
    aux_classifier = FCNHead(1024, num_classes) if aux else None
    return DeepLabV3(layers, DeepLabHead(2048, num_classes), aux_classifier)


@registered(DeepLabV3_ResNet50_Weights)
def deeplabv3_resnet50(
    *,
    weights: DeepLabV3_ResNet50_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLab V3 on a dilated ResNet-50: the scores of 21 classes, unless told otherwise, of each pixel.

    Further arguments: num_classes, aux_loss (also classify the last stage but one), weights_backbone (None: random).
    """
    classes, aux, below = chosen(weights, num_classes, aux_loss, weights_backbone)
    dilation = [False, True, True]
    backbone = resnet50(
        weights=below, progress=progress, replace_stride_with_dilation=dilation, **kwargs
    )
    model = _deeplab(backbone, classes, aux)
    if weights is not None:
        load(model, weights, progress)
    return model


@registered(DeepLabV3_ResNet101_Weights)
def deeplabv3_resnet101(
    *,
    weights: DeepLabV3_ResNet101_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet101_Weights | str | None = ResNet101_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLab V3 on a dilated ResNet-101; see `deeplabv3_resnet50`."""
    classes, aux, below = chosen(weights, num_classes, aux_loss, weights_backbone)
    dilation = [False, True, True]
    backbone = resnet101(
        weights=below, progress=progress, replace_stride_with_dilation=dilation, **kwargs
    )
    model = _deeplab(backbone, classes, aux)
    if weights is not None:
        load(model, weights, progress)
    return model


@registered(DeepLabV3_MobileNet_V3_Large_Weights)
def deeplabv3_mobilenet_v3_large(
    *,
    weights: DeepLabV3_MobileNet_V3_Large_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: MobileNet_V3_Large_Weights
    | str
    | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLab V3 on a dilated MobileNet V3; see `deeplabv3_resnet50`."""
    classes, aux, below = chosen(weights, num_classes, aux_loss, weights_backbone)
    backbone = mobilenet_v3_large(weights=below, progress=progress, dilated=True)
    features, stages = mobilenet_stages(backbone)
    last, middle = stages[-1], stages[-4]
    layers = {str(last): "out", **({str(middle): "aux"} if aux else {})}
    aux_classifier = FCNHead(features[middle].out_channels, classes) if aux else None
    model = DeepLabV3(
        IntermediateLayerGetter(features, layers),
        DeepLabHead(features[last].out_channels, classes),
        aux_classifier,
    )
    if weights is not None:
        load(model, weights, progress)
    return model
