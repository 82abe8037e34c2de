"""Faster R-CNN (https://arxiv.org/abs/1506.01497)."""

from __future__ import annotations

from typing import Any

from .... import Tensor, nn
from ... import ops
from .._api import Weights, WeightsEnum
from .._builder import load, registered, settle
from .._presets import ObjectDetection
from ..resnet import ResNet50_Weights, resnet50
from ._meta import COCO_CATEGORIES
from ._utils import overwrite_eps, validate_trainable_layers
from .anchor_utils import AnchorGenerator
from .backbone_utils import resnet_fpn_extractor
from .generalized_rcnn import GeneralizedRCNN
from .roi_heads import RoIHeads
from .rpn import RegionProposalNetwork, RPNHead
from .transform import GeneralizedRCNNTransform

__all__ = [
    "FasterRCNN",
    "FasterRCNN_ResNet50_FPN_V2_Weights",
    "FasterRCNN_ResNet50_FPN_Weights",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
]


def default_anchors() -> AnchorGenerator:
    sizes = ((32,), (64,), (128,), (256,), (512,))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


def _check_parts(
    backbone: nn.Module, num_classes: int | None, anchors: Any, box_predictor: Any
) -> None:
    if not hasattr(backbone, "out_channels"):
        raise ValueError(
            "backbone should contain an attribute out_channels specifying the number of output channels (assumed "
            "to be the same for all the levels)"
        )
    if not isinstance(anchors, (AnchorGenerator, type(None))):
        raise TypeError(
            f"rpn_anchor_generator should be of type AnchorGenerator or None instead of {type(anchors)}"
        )
    if num_classes is not None and box_predictor is not None:
        raise ValueError("num_classes should be None when box_predictor is specified")
    if num_classes is None and box_predictor is None:
        raise ValueError("num_classes should not be None when box_predictor is not specified")


class FasterRCNN(GeneralizedRCNN):
    """Finds objects: their boxes, classes and scores.

    Args:
        backbone: gives maps of `backbone.out_channels` channels.
        num_classes: with the background, which is class 0; None: `box_predictor` knows.
        min_size, max_size, image_mean, image_std: as of `GeneralizedRCNNTransform`.
        rpn_*: as of `RegionProposalNetwork`.
        box_*, bbox_reg_weights: as of `RoIHeads`.
        kwargs: of `GeneralizedRCNNTransform`.

    Raises:
        ValueError: arguments are missing or exclude each other.
        TypeError: arguments of other kinds.
    """

    # fmt: off
    def __init__(
        self, backbone: nn.Module, num_classes: int | None = None,
        min_size: int = 800, max_size: int = 1333,
        image_mean: list[float] | None = None, image_std: list[float] | None = None,
        rpn_anchor_generator: AnchorGenerator | None = None, rpn_head: nn.Module | None = None,
        rpn_pre_nms_top_n_train: int = 2000, rpn_pre_nms_top_n_test: int = 1000,
        rpn_post_nms_top_n_train: int = 2000, rpn_post_nms_top_n_test: int = 1000,
        rpn_nms_thresh: float = 0.7, rpn_fg_iou_thresh: float = 0.7, rpn_bg_iou_thresh: float = 0.3,
        rpn_batch_size_per_image: int = 256, rpn_positive_fraction: float = 0.5,
        rpn_score_thresh: float = 0.0, box_roi_pool: nn.Module | None = None,
        box_head: nn.Module | None = None, box_predictor: nn.Module | None = None,
        box_score_thresh: float = 0.05, box_nms_thresh: float = 0.5, box_detections_per_img: int = 100,
        box_fg_iou_thresh: float = 0.5, box_bg_iou_thresh: float = 0.5,
        box_batch_size_per_image: int = 512, box_positive_fraction: float = 0.25,
        bbox_reg_weights: tuple[float, ...] | None = None, **kwargs: Any,
    ) -> None:
        # fmt: on
        _check_parts(backbone, num_classes, rpn_anchor_generator, box_predictor)
        channels: Any = backbone.out_channels
        anchors = rpn_anchor_generator or default_anchors()
        head = rpn_head or RPNHead(channels, anchors.num_anchors_per_location()[0])
        rpn = RegionProposalNetwork(
            anchors,
            head,
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        pool = box_roi_pool or ops.MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
        if box_head is None:
            box_head = TwoMLPHead(channels * pool.output_size[0] ** 2, 1024)  # type: ignore[index, operator]
        if box_predictor is None:
            assert num_classes is not None
            box_predictor = FastRCNNPredictor(1024, num_classes)
        heads = RoIHeads(
            pool,
            box_head,
            box_predictor,
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        mean = [0.485, 0.456, 0.406] if image_mean is None else image_mean
        std = [0.229, 0.224, 0.225] if image_std is None else image_std
        transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        super().__init__(backbone, rpn, heads, transform)


class TwoMLPHead(nn.Module):
    """Two linear layers, each with ReLU, on the flattened features of a region."""

    def __init__(self, in_channels: int, representation_size: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.relu(self.fc6(x.flatten(start_dim=1)))
        return nn.functional.relu(self.fc7(hidden))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions and linear layers on the features of a region.

    Args:
        input_size: (channels, height, width).
        conv_layers, fc_layers: features of each layer.
        norm_layer: of the convolutions.
    """

    def __init__(
        self,
        input_size: tuple[int, int, int],
        conv_layers: list[int],
        fc_layers: list[int],
        norm_layer: Any = None,
    ) -> None:
        channels, height, width = input_size
        blocks: list[nn.Module] = []
        for features in conv_layers:
            blocks.append(ops.Conv2dNormActivation(channels, features, norm_layer=norm_layer))
            channels = features
        blocks.append(nn.Flatten())
        channels = channels * height * width
        for features in fc_layers:
            blocks += [nn.Linear(channels, features), nn.ReLU(inplace=True)]
            channels = features
        super().__init__(*blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


class FastRCNNPredictor(nn.Module):
    """Scores of the classes, and a box for each.

    Args:
        in_channels: features of a region. num_classes: with the background.

    Example:
        >>> from rushlight.vision.models.detection.faster_rcnn import FastRCNNPredictor
        >>> [tuple(y.shape) for y in FastRCNNPredictor(8, 3)(torch.zeros(2, 8))]
        [(2, 3), (2, 12)]
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.dim() == 4 and list(x.shape[2:]) != [1, 1]:
            raise AssertionError(
                f"x has the wrong shape, expecting the last two dimensions to be [1,1] instead of {list(x.shape[2:])}"
            )
        x = x.flatten(start_dim=1)
        return self.cls_score(x), self.bbox_pred(x)


def coco(file: str, num_params: int, **metrics: float) -> Weights:
    """Weights trained on COCO, with the numbers that torchvision publishes about them."""
    return Weights(
        url=f"https://download.pytorch.org/models/{file}.pth",
        transforms=ObjectDetection,
        meta={
            "num_params": num_params,
            "categories": COCO_CATEGORIES,
            "min_size": (1, 1),
            "_metrics": {"COCO-val2017": metrics},
        },
    )


class FasterRCNN_ResNet50_FPN_Weights(WeightsEnum):
    COCO_V1 = coco("fasterrcnn_resnet50_fpn_coco-258fb6c6", 41_755_286, box_map=37.0)
    DEFAULT = COCO_V1


class FasterRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    COCO_V1 = coco("fasterrcnn_resnet50_fpn_v2_coco-dd69338a", 43_712_278, box_map=46.7)
    DEFAULT = COCO_V1


def resnet50_backbone(
    weights: Any,
    num_classes: int | None,
    weights_backbone: Any,
    trainable: int | None,
    progress: bool,
    frozen: bool = True,
    **pyramid: Any,
) -> tuple[Any, int]:
    """A ResNet-50 with a pyramid, and the number of classes.

    Args:
        weights, weights_backbone: of the detector and of the ResNet; the former replace the latter.
        num_classes: None: that of the weights, or 91.
        trainable: number of stages that are trained.
        frozen: freeze the normalisation of a trained backbone.
        pyramid: of `resnet_fpn_extractor`.
    """
    if weights is not None:
        weights_backbone = None
        given = {} if num_classes is None else {"num_classes": num_classes}
        num_classes = settle(given, num_classes=len(weights.meta["categories"]))["num_classes"]
    trained = weights is not None or weights_backbone is not None
    trainable = validate_trainable_layers(trained, trainable, 5, 3)
    norm = ops.FrozenBatchNorm2d if frozen and trained else nn.BatchNorm2d
    backbone = resnet50(weights=weights_backbone, progress=progress, norm_layer=norm)
    return resnet_fpn_extractor(backbone, trainable, **pyramid), num_classes or len(COCO_CATEGORIES)


@registered(FasterRCNN_ResNet50_FPN_Weights)
def fasterrcnn_resnet50_fpn(
    *,
    weights: FasterRCNN_ResNet50_FPN_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on a ResNet-50 with a feature pyramid.

    Further arguments: num_classes (with the background; default 91, COCO's), weights_backbone (None: random),
    trainable_backbone_layers (of its five, the last so many are trained; default 3), those of `FasterRCNN`.
    """
    backbone, classes = resnet50_backbone(
        weights, num_classes, weights_backbone, trainable_backbone_layers, progress
    )
    model = FasterRCNN(backbone, num_classes=classes, **kwargs)
    if weights is not None:
        load(model, weights, progress)
        overwrite_eps(model, 0.0)
    return model


@registered(FasterRCNN_ResNet50_FPN_V2_Weights)
def fasterrcnn_resnet50_fpn_v2(
    *,
    weights: FasterRCNN_ResNet50_FPN_V2_Weights | None,
    progress: bool,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN with normalised heads of convolutions (https://arxiv.org/abs/2111.11429); see `fasterrcnn_resnet50_fpn`."""
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
    head = RPNHead(256, anchors.num_anchors_per_location()[0], conv_depth=2)
    box_head = FastRCNNConvFCHead(
        (256, 7, 7), [256, 256, 256, 256], [1024], norm_layer=nn.BatchNorm2d
    )
    model = FasterRCNN(
        backbone,
        num_classes=classes,
        rpn_anchor_generator=anchors,
        rpn_head=head,
        box_head=box_head,
        **kwargs,
    )
    if weights is not None:
        load(model, weights, progress)
    return model
