"""Classifiers as backbones: their stages' results, in a feature pyramid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import Tensor, nn
from ...ops import FrozenBatchNorm2d
from ...ops.feature_pyramid_network import (
    ExtraFPNBlock,
    FeaturePyramidNetwork,
    LastLevelMaxPool,
)
from .. import resnet
from .._api import get_model
from .._utils import IntermediateLayerGetter


class BackboneWithFPN(nn.Module):
    """A feature pyramid on some stages of a model.

    Args:
        backbone: its children run in order.
        return_layers: name of a child -> name of its map.
        in_channels_list: channels of these maps.
        out_channels: of all maps of the pyramid.
        extra_blocks: adds coarser levels. Default: `LastLevelMaxPool`.
        norm_layer: of the pyramid.
    """

    def __init__(
        self,
        backbone: nn.Module,
        return_layers: dict[str, str],
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers)
        self.fpn = FeaturePyramidNetwork(
            in_channels_list, out_channels, extra_blocks or LastLevelMaxPool(), norm_layer
        )
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(x))


def resnet_fpn_extractor(
    backbone: resnet.ResNet,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Callable[..., nn.Module] | None = None,
) -> BackboneWithFPN:
    """A ResNet with a feature pyramid of 256 channels; all but its last `trainable_layers` stages are frozen."""
    if not 0 <= trainable_layers <= 5:
        raise ValueError(f"Trainable layers should be in the range [0,5], got {trainable_layers}")
    trained = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    if trainable_layers == 5:
        trained.append("bn1")
    for name, parameter in backbone.named_parameters():
        if not name.startswith(tuple(trained)):
            parameter.requires_grad_(False)
    stages = [1, 2, 3, 4] if returned_layers is None else returned_layers
    if min(stages) <= 0 or max(stages) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {stages}")
    layers = {f"layer{stage}": str(number) for number, stage in enumerate(stages)}
    channels = [backbone.inplanes // 8 * 2 ** (stage - 1) for stage in stages]
    return BackboneWithFPN(backbone, layers, channels, 256, extra_blocks, norm_layer)


def resnet_fpn_backbone(
    *,
    backbone_name: str,
    weights: Any,
    norm_layer: Callable[..., nn.Module] = FrozenBatchNorm2d,
    trainable_layers: int = 3,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> BackboneWithFPN:
    """A ResNet by its name, with a feature pyramid.

    Args:
        backbone_name: "resnet50", for example.
        weights: its weights, or None.
        norm_layer: its normalisation. Default: frozen.
        trainable_layers: how many of its last stages are trained, 0 to 5.
        returned_layers: numbers of the stages used. Default: all four.
        extra_blocks: adds coarser levels. Default: `LastLevelMaxPool`.

    Raises:
        ValueError: for numbers out of range.

    Example:
        >>> from rushlight.vision.models.detection.backbone_utils import resnet_fpn_backbone
        >>> backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None)
        >>> {name: tuple(y.shape[1:]) for name, y in backbone(torch.zeros(1, 3, 64, 64)).items()}
        {'0': (256, 16, 16), '1': (256, 8, 8), '2': (256, 4, 4), '3': (256, 2, 2), 'pool': (256, 1, 1)}
    """
    backbone = get_model(backbone_name, weights=weights, norm_layer=norm_layer)
    return resnet_fpn_extractor(
        backbone,
        trainable_layers,
        returned_layers,
        extra_blocks,  # type: ignore[arg-type]
    )
