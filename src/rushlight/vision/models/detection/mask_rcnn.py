"""Mask R-CNN (https://arxiv.org/abs/1703.06870)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .... import nn
from ... import ops
from .._api import WeightsEnum
from .._builder import load, registered
from ..resnet import ResNet50_Weights
from ._utils import overwrite_eps
from .faster_rcnn import (
    FasterRCNN,
    FastRCNNConvFCHead,
    coco,
    default_anchors,
    resnet50_backbone,
)
from .rpn import RPNHead

__all__ = [
    "MaskRCNN",
    "MaskRCNN_ResNet50_FPN_V2_Weights",
    "MaskRCNN_ResNet50_FPN_Weights",
    "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
]


class MaskRCNN(FasterRCNN):
    """Finds objects: their boxes, classes, scores and masks.

    Args:
        backbone, num_classes: as of `FasterRCNN`.
        mask_roi_pool, mask_head, mask_predictor: features of objects, and their masks.
        kwargs: of `FasterRCNN`.

    Raises:
        TypeError, ValueError: as of `FasterRCNN`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        *,
        mask_roi_pool: nn.Module | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(mask_roi_pool, (ops.MultiScaleRoIAlign, type(None))):
            raise TypeError(
                f"mask_roi_pool should be of type MultiScaleRoIAlign or None instead of {type(mask_roi_pool)}"
            )
        if num_classes is not None and mask_predictor is not None:
            raise ValueError("num_classes should be None when mask_predictor is specified")
        channels: Any = backbone.out_channels
        pool = mask_roi_pool or ops.MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2)
        head = mask_head or MaskRCNNHeads(channels, (256, 256, 256, 256), 1)
        if mask_predictor is None:
            if num_classes is None:
                raise ValueError(
                    "num_classes should not be None when mask_predictor is not specified"
                )
            mask_predictor = MaskRCNNPredictor(256, 256, num_classes)
        super().__init__(backbone, num_classes, **kwargs)
        self.roi_heads.mask_roi_pool = pool
        self.roi_heads.mask_head = head
        self.roi_heads.mask_predictor = mask_predictor


class MaskRCNNHeads(nn.Sequential):
    """3x3 convolutions on the features of a region.

    Args:
        in_channels: of the features. layers: channels of each convolution.
        dilation: of all.
        norm_layer: of all.
    """

    _version = 2

    def __init__(
        self,
        in_channels: int,
        layers: tuple[int, ...],
        dilation: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        blocks = []
        for features in layers:
            blocks.append(
                ops.Conv2dNormActivation(
                    in_channels,
                    features,
                    3,
                    padding=dilation,
                    dilation=dilation,
                    norm_layer=norm_layer,
                )
            )
            in_channels = features
        super().__init__(*blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        if local_metadata.get("version", None) in (None, 1):
            for number in range(len(self)):  # then layers had names
                for kind in ("weight", "bias"):
                    old = f"{prefix}mask_fcn{number + 1}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{number}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class MaskRCNNPredictor(nn.Sequential):
    """A mask of twice the size for each class.

    Args:
        in_channels: of the features. dim_reduced: channels between. num_classes: with the background.
    """

    def __init__(self, in_channels: int, dim_reduced: int, num_classes: int) -> None:
        super().__init__(
            OrderedDict(
                [
                    ("conv5_mask", nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0)),
                    ("relu", nn.ReLU(inplace=True)),
                    ("mask_fcn_logits", nn.Conv2d(dim_reduced, num_classes, 1, 1, 0)),
                ]
            )
        )
        for name, parameter in self.named_parameters():
            if "weight" in name:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


class MaskRCNN_ResNet50_FPN_Weights(WeightsEnum):
    COCO_V1 = coco("maskrcnn_resnet50_fpn_coco-bf2d0c1e", 44_401_393, box_map=37.9, mask_map=34.6)
    DEFAULT = COCO_V1


class MaskRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    COCO_V1 = coco(
        "maskrcnn_resnet50_fpn_v2_coco-73cbd019", 46_359_409, box_map=47.4, mask_map=41.8
    )
    DEFAULT = COCO_V1


@registered(MaskRCNN_ResNet50_FPN_Weights)
def maskrcnn_resnet50_fpn(
    *,
    weights: MaskRCNN_ResNet50_FPN_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> MaskRCNN:
    """Mask R-CNN on a ResNet-50 with a feature pyramid; further arguments as of `fasterrcnn_resnet50_fpn`."""
    backbone, classes = resnet50_backbone(
        weights, num_classes, weights_backbone, trainable_backbone_layers, progress
    )
    model = MaskRCNN(backbone, num_classes=classes, **kwargs)
    if weights is not None:
        load(model, weights, progress)
        overwrite_eps(model, 0.0)
    return model


@registered(MaskRCNN_ResNet50_FPN_V2_Weights)
def maskrcnn_resnet50_fpn_v2(
    *,
    weights: MaskRCNN_ResNet50_FPN_V2_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> MaskRCNN:
    """Mask R-CNN with normalised heads of convolutions; see `maskrcnn_resnet50_fpn`."""
    backbone, classes = resnet50_backbone(
        weights,
        num_classes,
        weights_backbone,
        trainable_backbone_layers,
        progress,
        frozen=False,
        norm_layer=nn.BatchNorm2d,
    )
    anchors = default_anchors()
    rpn_head = RPNHead(256, anchors.num_anchors_per_location()[0], conv_depth=2)
    box_head = FastRCNNConvFCHead(
        (256, 7, 7), [256, 256, 256, 256], [1024], norm_layer=nn.BatchNorm2d
    )
    mask_head = MaskRCNNHeads(256, (256, 256, 256, 256), 1, norm_layer=nn.BatchNorm2d)
    model = MaskRCNN(
        backbone,
        num_classes=classes,
        rpn_anchor_generator=anchors,
        rpn_head=rpn_head,
        box_head=box_head,
        mask_head=mask_head,
        **kwargs,
    )
    if weights is not None:
        load(model, weights, progress)
    return model
