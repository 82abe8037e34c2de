"""Region proposals (https://arxiv.org/abs/1506.01497)."""

from __future__ import annotations

from typing import Any

from .... import Tensor, arange, cat, float32, full, full_like, int64, nn, where, zeros
from ... import ops
from ...ops import Conv2dNormActivation
from . import _utils
from .image_list import ImageList


class RPNHead(nn.Module):
    """Whether an anchor is an object, and how far it is from it.

    Args:
        in_channels: channels of each (N, C, H, W) map.
        num_anchors: per pixel.
        conv_depth: number of 3x3 convolutions before.

    Returns:
        Of a call with the maps: two lists, (N, num_anchors, H, W) and (N, 4 num_anchors, H, W).
    """

    _version = 2

    def __init__(self, in_channels: int, num_anchors: int, conv_depth: int = 1) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *[
                Conv2dNormActivation(in_channels, in_channels, kernel_size=3, norm_layer=None)
                for _ in range(conv_depth)
            ]
        )
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.constant_(layer.bias, 0)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        if local_metadata.get("version", None) in (None, 1):
            for kind in ("weight", "bias"):  # then it was one convolution
                if f"{prefix}conv.{kind}" in state_dict:
                    state_dict[f"{prefix}conv.0.0.{kind}"] = state_dict.pop(f"{prefix}conv.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        hidden = [self.conv(feature) for feature in x]
        return [self.cls_logits(h) for h in hidden], [self.bbox_pred(h) for h in hidden]


def _rows(layer: Tensor, width: int) -> Tensor:
    """(N, A width, H, W) as (N, H W A, width)."""
    count, channels, height, columns = layer.shape
    parts = layer.view(count, channels // width, width, height, columns)
    return parts.permute(0, 3, 4, 1, 2).reshape(count, -1, width)


class RegionProposalNetwork(nn.Module):
    """The most likely boxes of an image's objects, whatever their class.

    Args:
        anchor_generator, head: the parts.
        fg_iou_thresh, bg_iou_thresh: overlap from which an anchor is an object, and below which it is none.
        batch_size_per_image, positive_fraction: of the anchors drawn for the losses.
        pre_nms_top_n, post_nms_top_n: boxes kept before and after suppression: dict of "training" and "testing".
        nms_thresh: overlap from which the worse box is suppressed.
        score_thresh: smallest probability.
    """

    def __init__(
        self,
        anchor_generator: nn.Module,
        head: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        pre_nms_top_n: dict[str, int],
        post_nms_top_n: dict[str, int],
        nms_thresh: float,
        score_thresh: float = 0.0,
    ) -> None:
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = _utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.proposal_matcher = _utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.fg_bg_sampler = _utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3

    def _kept(self, table: dict[str, int]) -> int:
        return table["training" if self.training else "testing"]

    def forward(
        self,
        images: ImageList,
        features: dict[str, Tensor],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        maps = list(features.values())
        scores, deltas = self.head(maps)
        anchors = self.anchor_generator(images, maps)
        counts = [score[0].numel() for score in scores]
        logits = cat([_rows(score, 1) for score in scores], dim=1).flatten(0, -2)
        codes = cat([_rows(delta, 4) for delta in deltas], dim=1).reshape(-1, 4)
        proposals = self.box_coder.decode(codes.detach(), anchors).view(len(anchors), -1, 4)
        boxes = self._filtered(proposals, logits.detach(), images.image_sizes, counts)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError("targets should not be None")
        objectness, boxes_loss = self._losses(logits, codes, anchors, targets)
        return boxes, {"loss_objectness": objectness, "loss_rpn_box_reg": boxes_loss}

    def _filtered(
        self, proposals: Tensor, logits: Tensor, image_sizes: list[Any], counts: list[int]
    ) -> list[Tensor]:
        """The best boxes of each image."""
        images = proposals.shape[0]
        logits = logits.reshape(images, -1)
        levels = cat([full((n,), level, dtype=int64) for level, n in enumerate(counts)])
        levels = levels.to(proposals.device).expand_as(logits)
        best, start = [], 0
        for part in logits.split(counts, 1):
            number = min(self._kept(self._pre_nms_top_n), part.shape[1])
            best.append(part.topk(number, dim=1).indices + start)
            start += part.shape[1]
        chosen = cat(best, dim=1)
        row = arange(images, device=proposals.device)[:, None]
        probabilities = logits[row, chosen].sigmoid()
        found = []
        for boxes, scores, level, size in zip(
            proposals[row, chosen], probabilities, levels[row, chosen], image_sizes
        ):
            boxes = ops.clip_boxes_to_image(boxes, size)
            keep = ops.remove_small_boxes(boxes, self.min_size)
            boxes, scores, level = boxes[keep], scores[keep], level[keep]
            keep = where(scores >= self.score_thresh)[0]
            boxes, scores, level = boxes[keep], scores[keep], level[keep]
            keep = ops.batched_nms(boxes, scores, level, self.nms_thresh)
            found.append(boxes[keep[: self._kept(self._post_nms_top_n)]])
        return found

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Per image: labels (1, 0, or -1: neither), and the object of each anchor."""
        labels, matched = [], []
        for boxes, target in zip(anchors, targets):
            truth = target["boxes"]
            if truth.numel() == 0:
                matched.append(zeros(boxes.shape, dtype=float32, device=boxes.device))
                labels.append(zeros((boxes.shape[0],), dtype=float32, device=boxes.device))
                continue
            number = self.proposal_matcher(ops.box_iou(truth, boxes))
            matched.append(truth[number.clamp(min=0)])
            label = (number >= 0).to(float32)
            neither = number == self.proposal_matcher.BETWEEN_THRESHOLDS
            labels.append(where(neither, full_like(label, -1.0), label))
        return labels, matched

    def _losses(
        self,
        logits: Tensor,
        codes: Tensor,
        anchors: list[Tensor],
        targets: list[dict[str, Tensor]],
    ) -> tuple[Tensor, Tensor]:
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        goals = cat(self.box_coder.encode(matched, anchors))
        positive, negative = (where(cat(mask))[0] for mask in self.fg_bg_sampler(labels))
        drawn = cat([positive, negative])
        boxes = nn.functional.smooth_l1_loss(
            codes[positive], goals[positive], beta=1 / 9, reduction="sum"
        ) / (drawn.numel())
        objectness = nn.functional.binary_cross_entropy_with_logits(
            logits.flatten()[drawn], cat(labels)[drawn]
        )
        return objectness, boxes
