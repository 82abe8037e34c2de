"""Fully convolutional networks (https://arxiv.org/abs/1411.4038)."""

from __future__ import annotations

from typing import Any

from .... import nn
from .._api import WeightsEnum
from .._builder import load, registered
from ..resnet import ResNet, ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from ._utils import SegmentationModel, chosen, coco, resnet_layers

__all__ = ["FCN", "FCN_ResNet101_Weights", "FCN_ResNet50_Weights", "fcn_resnet101", "fcn_resnet50"]


class FCN(SegmentationModel):
    """A backbone with a classifier of its pixels; see `fcn_resnet50`.

    Args:
        backbone, classifier, aux_classifier: as of `SegmentationModel`.
    """


class FCNHead(nn.Sequential):
    """A 3x3 convolution to a quarter of the channels, and one to the classes.

    Args:
        in_channels: channels of the (N, C, H, W) input.
        channels: number of classes.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        between = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, between, 3, padding=1, bias=False),
            nn.BatchNorm2d(between),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(between, channels, 1),
        )


class FCN_ResNet50_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco("fcn_resnet50_coco-1167a1af", 35_322_218, 60.5, 91.4)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class FCN_ResNet101_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco("fcn_resnet101_coco-7ecb50ca", 54_314_346, 63.7, 91.9)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


def _fcn(backbone: ResNet, num_classes: int, aux: bool | None) -> FCN:
    layers = resnet_layers(backbone, aux)
    aux_classifier = FCNHead(1024, num_classes) if aux else None
    return FCN(layers, FCNHead(2048, num_classes), aux_classifier)


@registered(FCN_ResNet50_Weights)
def fcn_resnet50(
    *,
    weights: FCN_ResNet50_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> FCN:
    """An FCN on a dilated ResNet-50: the scores of 21 classes, unless told otherwise, of each pixel.

    Further arguments: num_classes, aux_loss (also classify the last stage but one), weights_backbone (None: random).
    """
    classes, aux, below = chosen(weights, num_classes, aux_loss, weights_backbone)
    dilation = [False, True, True]
    backbone = resnet50(
        weights=below, progress=progress, replace_stride_with_dilation=dilation, **kwargs
    )
    model = _fcn(backbone, classes, aux)
    if weights is not None:
        load(model, weights, progress)
    return model


@registered(FCN_ResNet101_Weights)
def fcn_resnet101(
    *,
    weights: FCN_ResNet101_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet101_Weights | str | None = ResNet101_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> FCN:
    """An FCN on a dilated ResNet-101; see `fcn_resnet50`."""
    classes, aux, below = chosen(weights, num_classes, aux_loss, weights_backbone)
    dilation = [False, True, True]
    backbone = resnet101(
        weights=below, progress=progress, replace_stride_with_dilation=dilation, **kwargs
    )
    model = _fcn(backbone, classes, aux)
    if weights is not None:
        load(model, weights, progress)
    return model
