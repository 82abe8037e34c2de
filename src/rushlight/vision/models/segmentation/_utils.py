"""What the models share: a backbone, a classifier of its pixels, and the size of the image."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

from .... import Tensor, nn
from ..._voc import CATEGORIES as VOC_CATEGORIES
from .._api import Weights
from .._builder import settle
from .._presets import SemanticSegmentation
from .._utils import IntermediateLayerGetter
from ..mobilenetv3 import MobileNetV3
from ..resnet import ResNet


def coco(file: str, num_params: int, miou: float, pixel_acc: float) -> Weights:
    """Weights trained on COCO's images of VOC's classes, with the numbers that torchvision publishes about them."""
    return Weights(
        url=f"https://download.pytorch.org/models/{file}.pth",
        transforms=partial(SemanticSegmentation, resize_size=520),
        meta={
            "num_params": num_params,
            "min_size": (1, 1),
            "categories": VOC_CATEGORIES,
            "_metrics": {"COCO-val2017-VOC-labels": {"miou": miou, "pixel_acc": pixel_acc}},
        },
    )


def chosen(
    weights: Any, num_classes: int | None, aux_loss: bool | None, weights_backbone: Any
) -> tuple[int, bool | None, Any]:
    """The number of classes, whether there is an auxiliary classifier, and the backbone's weights."""
    if weights is None:
        return num_classes or len(VOC_CATEGORIES), aux_loss, weights_backbone
    given = {"num_classes": num_classes, "aux_loss": aux_loss}
    given = {name: value for name, value in given.items() if value is not None}
    settled = settle(given, num_classes=len(weights.meta["categories"]), aux_loss=True)
    return settled["num_classes"], settled["aux_loss"], None


def resnet_layers(backbone: ResNet, aux: bool | None) -> IntermediateLayerGetter:
    """A dilated ResNet that gives its last stage as "out", and the one before as "aux"."""
    layers = {"layer4": "out", **({"layer3": "aux"} if aux else {})}
    return IntermediateLayerGetter(backbone, layers)


def mobilenet_stages(backbone: MobileNetV3) -> tuple[nn.Sequential, list[int]]:
    """The layers of a MobileNet V3, and the numbers of those that begin a stage, the first and the last."""
    features = backbone.features
    begin = [i for i, block in enumerate(features) if getattr(block, "_is_cn", False)]
    return features, [0, *begin, len(features) - 1]


def enlarged(x: Tensor, size: Any) -> Tensor:
    """`x` (N, C, h, w) as (N, C, *size)."""
    return nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


class SegmentationModel(nn.Module):
    """A backbone, a classifier of its result "out", and one of "aux" that only training uses.

    Args:
        backbone: gives a dict of maps.
        classifier, aux_classifier: from a map to scores of the classes.

    Returns:
        Of a call with (N, 3, H, W): a dict of "out", and "aux" where there is such a classifier, (N, classes, H, W).
    """

    def __init__(
        self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        size = x.shape[-2:]
        features = self.backbone(x)
        result = OrderedDict(out=enlarged(self.classifier(features["out"]), size))
        if self.aux_classifier is not None:
            result["aux"] = enlarged(self.aux_classifier(features["aux"]), size)
        return result
