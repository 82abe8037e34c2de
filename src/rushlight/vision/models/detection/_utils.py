"""How boxes are compared with those to be found, drawn for training, and written as numbers to be learned."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .... import Tensor, cat, full_like, nn, randperm, stack, tensor, where, zeros_like
from ...ops import FrozenBatchNorm2d


class BalancedPositiveNegativeSampler:
    """Draws examples per image, at most a given share of them positive.

    Args:
        batch_size_per_image: how many.
        positive_fraction: largest share.
    """

    def __init__(self, batch_size_per_image: int, positive_fraction: float) -> None:
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Masks of the positive and the negative ones, per image; 1 and more is positive, 0 negative."""
        chosen: tuple[list[Tensor], list[Tensor]] = ([], [])
        for matched in matched_idxs:
            positive, negative = where(matched >= 1)[0], where(matched == 0)[0]
            count = min(positive.numel(), int(self.batch_size_per_image * self.positive_fraction))
            rest = min(negative.numel(), self.batch_size_per_image - count)
            for found, number, masks in ((positive, count, chosen[0]), (negative, rest, chosen[1])):
                mask = zeros_like(matched).bool()
                mask[found[randperm(found.numel(), device=found.device)[:number]]] = True
                masks.append(mask)
        return chosen


class BoxCoder:
    """Boxes as shifts and scales of other boxes (https://arxiv.org/abs/1311.2524, appendix C).

    Args:
        weights: of the four numbers.
        bbox_xform_clip: upper limit of logarithms of scales.
    """

    def __init__(
        self, weights: tuple[float, ...], bbox_xform_clip: float = math.log(1000.0 / 16)
    ) -> None:
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip

    def encode(self, reference_boxes: list[Tensor], proposals: list[Tensor]) -> list[Tensor]:
        counts = [len(boxes) for boxes in reference_boxes]
        return list(self.encode_single(cat(reference_boxes), cat(proposals)).split(counts, 0))

    def encode_single(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        size, goal = (b[:, 2:] - b[:, :2] for b in (proposals, reference_boxes))
        centre = proposals[:, :2] + 0.5 * size
        aim = reference_boxes[:, :2] + 0.5 * goal
        weights = tensor(self.weights, dtype=proposals.dtype, device=proposals.device)
        return cat((weights[:2] * (aim - centre) / size, weights[2:] * (goal / size).log()), 1)

    def decode(self, rel_codes: Tensor, boxes: list[Tensor]) -> Tensor:
        together = cat(boxes)
        decoded = self.decode_single(rel_codes.reshape(len(together), -1), together)
        return decoded.reshape(len(together), -1, 4)

    def decode_single(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        boxes = boxes.to(rel_codes.dtype)
        size = boxes[:, 2:] - boxes[:, :2]
        centre = boxes[:, :2] + 0.5 * size
        wx, wy, ww, wh = self.weights
        parts = []
        for first, weight, last, scale, axis in ((0, wx, 2, ww, 0), (1, wy, 3, wh, 1)):
            shift = rel_codes[:, first::4] / weight
            factor = (rel_codes[:, last::4] / scale).clamp(max=self.bbox_xform_clip)
            middle = shift * size[:, axis, None] + centre[:, axis, None]
            half = 0.5 * (factor.exp() * size[:, axis, None])
            parts.append((middle - half, middle + half))
        (x1, x2), (y1, y2) = parts
        return stack((x1, y1, x2, y2), dim=2).flatten(1)


class Matcher:
    """The object that each box belongs to: the one it overlaps most, if by enough.

    Args:
        high_threshold: overlap from which a box is matched.
        low_threshold: overlap below which it is background; between, it is neither.
        allow_low_quality_matches: match each object with the boxes it overlaps most, however little.
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(
        self,
        high_threshold: float,
        low_threshold: float,
        allow_low_quality_matches: bool = False,
    ) -> None:
        if low_threshold > high_threshold:
            raise ValueError("low_threshold should be <= high_threshold")
        self.high_threshold = high_threshold
        self.low_threshold = low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        """From overlaps (objects, boxes): (boxes,), the number of the object, or one of the two constants."""
        if match_quality_matrix.numel() == 0:
            what = "ground-truth" if match_quality_matrix.shape[0] == 0 else "proposal"
            raise ValueError(f"No {what} boxes available for one of the images during training")
        best, matches = match_quality_matrix.max(dim=0)
        result = where(
            best < self.low_threshold, full_like(matches, self.BELOW_LOW_THRESHOLD), matches
        )
        between = (best >= self.low_threshold) & (best < self.high_threshold)
        result = where(between, full_like(matches, self.BETWEEN_THRESHOLDS), result)
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.max(dim=1).values
            wanted = (match_quality_matrix == highest[:, None]).any(0)
            result = where(wanted, matches, result)
        return result


def validate_trainable_layers(
    is_trained: bool, trainable: int | None, largest: int, default: int
) -> int:
    """How many of the backbone's last stages are trained: all, where it has no trained weights."""
    if not is_trained:
        if trainable is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor pretrained_backbone have "
                f"been set to True, falling back to trainable_backbone_layers={largest} so that all layers are trainable"
            )
        return largest
    trainable = default if trainable is None else trainable
    if not 0 <= trainable <= largest:
        raise ValueError(
            f"Trainable backbone layers should be in the range [0,{largest}], got {trainable} "
        )
    return trainable


def overwrite_eps(model: nn.Module, eps: float) -> None:
    """Set `eps` of frozen normalisation layers, as weights of times before it was 1e-5 expect."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps


def check_targets(targets: list[dict[str, Any]]) -> None:
    for target in targets:
        boxes = target["boxes"]
        if not isinstance(boxes, Tensor):
            raise AssertionError(f"Expected target boxes to be of type Tensor, got {type(boxes)}.")
        if len(boxes.shape) != 2 or boxes.shape[-1] != 4:
            raise AssertionError(
                f"Expected target boxes to be a tensor of shape [N, 4], got {boxes.shape}."
            )
    for number, target in enumerate(targets):
        boxes = target["boxes"]
        degenerate = boxes[:, 2:] <= boxes[:, :2]
        if degenerate.any():
            row = int(where(degenerate.any(dim=1))[0][0])
            raise AssertionError(
                "All bounding boxes should have positive height and width. "
                f"Found invalid box {boxes[row].tolist()} for target at index {number}."
            )
