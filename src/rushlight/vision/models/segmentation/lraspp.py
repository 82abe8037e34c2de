"""Lite reduced ASPP, of MobileNet V3 (https://arxiv.org/abs/1905.02244)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .... import Tensor, nn
from .._api import WeightsEnum
from .._builder import load, registered, settle
from .._utils import IntermediateLayerGetter
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ._utils import coco, enlarged, mobilenet_stages

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]


class LRASPP(nn.Module):
    """A backbone whose fine and coarse maps are classified together.

    Args:
        backbone: gives a dict of the maps "low" and "high".
        low_channels, high_channels: their channels.
        num_classes: number of classes.
        inter_channels: channels between. Default: 128.

    Returns:
        Of a call with (N, 3, H, W): a dict of "out", (N, num_classes, H, W).
    """

    def __init__(
        self,
        backbone: nn.Module,
        low_channels: int,
        high_channels: int,
        num_classes: int,
        inter_channels: int = 128,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        scores = self.classifier(self.backbone(input))
        return OrderedDict(out=enlarged(scores, input.shape[-2:]))


class LRASPPHead(nn.Module):
    """The classifier of `LRASPP`."""

    def __init__(
        self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int
    ) -> None:
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.Sigmoid(),
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: dict[str, Tensor]) -> Tensor:
        low, high = input["low"], input["high"]
        gated = enlarged(self.cbr(high) * self.scale(high), low.shape[-2:])
        return self.low_classifier(low) + self.high_classifier(gated)


class LRASPP_MobileNet_V3_Large_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco("lraspp_mobilenet_v3_large-d234d4ea", 3_221_538, 57.9, 91.2)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


@registered(LRASPP_MobileNet_V3_Large_Weights)
def lraspp_mobilenet_v3_large(
    *,
    weights: LRASPP_MobileNet_V3_Large_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    weights_backbone: MobileNet_V3_Large_Weights
    | str
    | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> LRASPP:
    """LRASPP on a dilated MobileNet V3: the scores of 21 classes, unless told otherwise, of each pixel.

    Further arguments: num_classes, weights_backbone (None: random). Others are ignored.
    """
    if kwargs.pop("aux_loss", False):
        raise NotImplementedError("This model does not use auxiliary loss")
    classes = num_classes or 21
    if weights is not None:
        given = {} if num_classes is None else {"num_classes": num_classes}
        classes = settle(given, num_classes=len(weights.meta["categories"]))["num_classes"]
        weights_backbone = None
    backbone = mobilenet_v3_large(weights=weights_backbone, progress=progress, dilated=True)
    features, stages = mobilenet_stages(backbone)
    low, high = stages[-4], stages[-1]
    model = LRASPP(
        IntermediateLayerGetter(features, {str(low): "low", str(high): "high"}),
        features[low].out_channels,
        features[high].out_channels,
        classes,
    )
    if weights is not None:
        load(model, weights, progress)
    return model
