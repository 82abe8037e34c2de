"""Detectors of two stages: proposed regions, and what they are."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .... import Tensor, nn
from ._utils import check_targets


class GeneralizedRCNN(nn.Module):
    """A backbone, region proposals and heads.

    Args:
        backbone: gives a map, or a dict of maps, of a batch.
        rpn: proposes regions. roi_heads: finds what they are.
        transform: makes a batch of images, and takes results back.

    Returns:
        Of a call with a list of images (3, H, W) in [0, 1]: in training, which also needs targets (a dict of "boxes"
        (N, 4), "labels" (N,), ... per image), a dict of losses; in evaluation a dict of "boxes", "labels", "scores",
        ... per image.
    """

    def __init__(
        self, backbone: nn.Module, rpn: nn.Module, roi_heads: nn.Module, transform: nn.Module
    ) -> None:
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        if self.training:
            if targets is None:
                raise AssertionError("targets should not be none when in training mode")
            for target in targets:
                if not isinstance(target["boxes"], Tensor):
                    raise AssertionError(
                        f"Expected target boxes to be of type Tensor, got {type(target['boxes'])}."
                    )
        original = [(image.shape[-2], image.shape[-1]) for image in images]
        batch, targets = self.transform(images, targets)
        if targets is not None:
            check_targets(targets)
        features = self.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        proposals, proposal_losses = self.rpn(batch, features, targets)
        detections, losses = self.roi_heads(features, proposals, batch.image_sizes, targets)
        if self.training:
            return {**losses, **proposal_losses}
        return self.transform.postprocess(detections, batch.image_sizes, original)
