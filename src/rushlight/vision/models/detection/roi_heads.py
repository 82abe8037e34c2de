"""Classes, boxes and masks of proposed regions (https://arxiv.org/abs/1504.08083, https://arxiv.org/abs/1703.06870)."""

from __future__ import annotations

from typing import Any

from .... import Tensor, arange, cat, full_like, int64, nn, where, zeros
from ... import ops
from . import _utils


def fastrcnn_loss(
    class_logits: Tensor,
    box_regression: Tensor,
    labels: list[Tensor],
    regression_targets: list[Tensor],
) -> tuple[Tensor, Tensor]:
    """Of classes, and of the boxes of those that are objects."""
    label, goals = cat(labels), cat(regression_targets)
    classification = nn.functional.cross_entropy(class_logits, label)
    positive = where(label > 0)[0]
    codes = box_regression.reshape(len(class_logits), box_regression.shape[-1] // 4, 4)
    boxes = nn.functional.smooth_l1_loss(
        codes[positive, label[positive]], goals[positive], beta=1 / 9, reduction="sum"
    )
    return classification, boxes / label.numel()


def maskrcnn_loss(
    mask_logits: Tensor,
    proposals: list[Tensor],
    gt_masks: list[Tensor],
    gt_labels: list[Tensor],
    mask_matched_idxs: list[Tensor],
) -> Tensor:
    """Of the mask that each proposal's own class has."""
    edge = mask_logits.shape[-1]
    labels = cat([label[number] for label, number in zip(gt_labels, mask_matched_idxs)])
    goals = []
    for masks, boxes, number in zip(gt_masks, proposals, mask_matched_idxs):
        rois = cat([number[:, None].to(boxes), boxes], dim=1)
        goals.append(ops.roi_align(masks[:, None].to(rois), rois, (edge, edge), 1.0)[:, 0])
    goal = cat(goals)
    if goal.numel() == 0:
        return mask_logits.sum() * 0
    rows = arange(labels.shape[0], device=labels.device)
    return nn.functional.binary_cross_entropy_with_logits(mask_logits[rows, labels], goal)


class RoIHeads(nn.Module):
    """The second stage of a detector.

    Args:
        box_roi_pool, box_head, box_predictor: features of proposals, and their scores and codes of boxes.
        fg_iou_thresh, bg_iou_thresh, batch_size_per_image, positive_fraction: as of `RegionProposalNetwork`.
        bbox_reg_weights: of `BoxCoder`; default (10, 10, 5, 5).
        score_thresh, nms_thresh, detections_per_img: what detections are kept.
        mask_roi_pool, mask_head, mask_predictor: features of detections, and their masks.
    """

    def __init__(
        self,
        box_roi_pool: nn.Module,
        box_head: nn.Module,
        box_predictor: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        bbox_reg_weights: tuple[float, ...] | None,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
        mask_roi_pool: nn.Module | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.proposal_matcher = _utils.Matcher(fg_iou_thresh, bg_iou_thresh)
        self.fg_bg_sampler = _utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self.box_coder = _utils.BoxCoder(bbox_reg_weights or (10.0, 10.0, 5.0, 5.0))
        self.box_roi_pool = box_roi_pool
        self.box_head = box_head
        self.box_predictor = box_predictor
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool = mask_roi_pool
        self.mask_head = mask_head
        self.mask_predictor = mask_predictor

    def has_mask(self) -> bool:
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def select_training_samples(
        self, proposals: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Proposals drawn for the losses; the object, the label and the codes of each."""
        truths = [target["boxes"].to(proposals[0].dtype) for target in targets]
        proposals = [cat((found, truth)) for found, truth in zip(proposals, truths)]
        numbers, labels = [], []
        for boxes, truth, target in zip(proposals, truths, targets):
            if truth.numel() == 0:
                none = zeros((boxes.shape[0],), dtype=int64, device=boxes.device)
                numbers.append(none)
                labels.append(none)
                continue
            matched = self.proposal_matcher(ops.box_iou(truth, boxes))
            number = matched.clamp(min=0)
            label = target["labels"][number].to(int64)
            label = where(matched == _utils.Matcher.BELOW_LOW_THRESHOLD, full_like(label, 0), label)
            label = where(matched == _utils.Matcher.BETWEEN_THRESHOLDS, full_like(label, -1), label)
            numbers.append(number)
            labels.append(label)
        masks = zip(*self.fg_bg_sampler(labels))
        drawn = [where(positive | negative)[0] for positive, negative in masks]
        proposals = [boxes[rows] for boxes, rows in zip(proposals, drawn)]
        labels = [label[rows] for label, rows in zip(labels, drawn)]
        numbers = [number[rows] for number, rows in zip(numbers, drawn)]
        matched_boxes = [
            (truth if truth.numel() else zeros((1, 4), dtype=truth.dtype, device=truth.device))[n]
            for truth, n in zip(truths, numbers)
        ]
        return proposals, numbers, labels, self.box_coder.encode(matched_boxes, proposals)

    def postprocess_detections(
        self,
        class_logits: Tensor,
        box_regression: Tensor,
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
    ) -> list[dict[str, Tensor]]:
        counts = [len(boxes) for boxes in proposals]
        decoded = self.box_coder.decode(box_regression, proposals).split(counts, 0)
        probabilities = class_logits.softmax(-1).split(counts, 0)
        found = []
        for boxes, scores, size in zip(decoded, probabilities, image_shapes):
            boxes = ops.clip_boxes_to_image(boxes, size)
            labels = arange(scores.shape[1], device=scores.device).expand_as(scores)
            boxes = boxes[:, 1:].reshape(-1, 4)  # the first class is the background
            scores, labels = scores[:, 1:].reshape(-1), labels[:, 1:].reshape(-1)
            keep = where(scores > self.score_thresh)[0]
            boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
            keep = ops.remove_small_boxes(boxes, min_size=1e-2)
            boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
            keep = ops.batched_nms(boxes, scores, labels, self.nms_thresh)
            keep = keep[: self.detections_per_img]
            found.append({"boxes": boxes[keep], "labels": labels[keep], "scores": scores[keep]})
        return found

    def _check(self, targets: list[dict[str, Tensor]]) -> None:
        for target in targets:
            if not target["boxes"].is_floating_point():
                raise TypeError(
                    f"target boxes must of float type, instead got {target['boxes'].dtype}"
                )
            if target["labels"].dtype != int64:
                raise TypeError(
                    f"target labels must of int64 type, instead got {target['labels'].dtype}"
                )

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        numbers: list[Tensor] = []
        labels: list[Tensor] = []
        goals: list[Tensor] = []
        if self.training:
            if targets is None:
                raise ValueError("targets cannot be None")
            self._check(targets)
            proposals, numbers, labels, goals = self.select_training_samples(proposals, targets)
        pooled = self.box_head(self.box_roi_pool(features, proposals, image_shapes))
        class_logits, box_regression = self.box_predictor(pooled)
        result: list[dict[str, Tensor]] = []
        losses: dict[str, Tensor] = {}
        if self.training:
            classes, boxes = fastrcnn_loss(class_logits, box_regression, labels, goals)
            losses = {"loss_classifier": classes, "loss_box_reg": boxes}
        else:
            result = self.postprocess_detections(
                class_logits, box_regression, proposals, image_shapes
            )
        if self.has_mask():
            self._masks(features, proposals, image_shapes, targets, numbers, labels, result, losses)
        return result, losses

    def _masks(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: Any,
        numbers: list[Tensor],
        labels: list[Tensor],
        result: list[dict[str, Tensor]],
        losses: dict[str, Tensor],
    ) -> None:
        """Adds masks to the result, or their loss to the losses."""
        assert self.mask_roi_pool and self.mask_head and self.mask_predictor
        boxes = [found["boxes"] for found in result]
        if self.training:
            rows = [where(label > 0)[0] for label in labels]
            boxes = [proposal[row] for proposal, row in zip(proposals, rows)]
            numbers = [number[row] for number, row in zip(numbers, rows)]
        pooled = self.mask_head(self.mask_roi_pool(features, boxes, image_shapes))
        logits = self.mask_predictor(pooled)
        if self.training:
            masks, kinds = [t["masks"] for t in targets], [t["labels"] for t in targets]
            losses["loss_mask"] = maskrcnn_loss(logits, boxes, masks, kinds, numbers)
            return
        label = cat([found["labels"] for found in result])
        own = logits.sigmoid()[arange(len(label), device=label.device), label][:, None]
        for found, masks in zip(result, own.split([len(b) for b in boxes], 0)):
            found["masks"] = masks
