"""Losses of pairs of boxes: how little they overlap, and how far apart and how unlike they are."""

from __future__ import annotations

import math

from ... import Tensor, atan, no_grad, where
from .boxes import _wide

__all__ = ["complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss"]


def _overlap(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Intersection over union, union, and width and height of the box around both, of each pair of (..., 4)."""
    x1, y1, x2, y2 = boxes1.unbind(-1)
    u1, v1, u2, v2 = boxes2.unbind(-1)
    left, right, top, bottom = x1.maximum(u1), x2.minimum(u2), y1.maximum(v1), y2.minimum(v2)
    apart = (bottom <= top) | (right <= left)
    shared = where(apart, x1.new_zeros(()), (right - left) * (bottom - top))
    union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared
    width = x2.maximum(u2) - x1.minimum(u1)
    height = y2.maximum(v2) - y1.minimum(v1)
    return shared / (union + eps), union, width, height


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
    )


def _distance(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """1 - IoU + (distance of the centres / diagonal around both)^2, and the IoU."""
    iou, _, width, height = _overlap(boxes1, boxes2, eps)
    diagonal = width**2 + height**2 + eps
    between = (boxes1[..., :2] + boxes1[..., 2:] - boxes2[..., :2] - boxes2[..., 2:]) / 2
    return 1 - iou + (between**2).sum(-1) / diagonal, iou


def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - generalized IoU of each pair of boxes (https://arxiv.org/abs/1902.09630).

    Args:
        boxes1, boxes2: (N, 4), corners x1, y1, x2, y2.
        reduction: "none", "mean" or "sum".
        eps: added to divisors.

    Raises:
        ValueError: for another reduction.

    Example:
        >>> from rushlight.vision.ops import generalized_box_iou_loss
        >>> generalized_box_iou_loss(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 1]]))
        tensor([0.5000])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    iou, union, width, height = _overlap(boxes1, boxes2, eps)
    around = width * height
    return _reduced(1 - (iou - (around - union) / (around + eps)), reduction)


def distance_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - distance IoU of each pair of boxes (https://arxiv.org/abs/1911.08287).

    Args:
        boxes1, boxes2: (N, 4), corners x1, y1, x2, y2.
        reduction: "none", "mean" or "sum".
        eps: added to divisors.

    Raises:
        ValueError: for another reduction.

    Example:
        >>> from rushlight.vision.ops import distance_box_iou_loss
        >>> distance_box_iou_loss(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 2]]))
        tensor([0.])
    """
    loss, _ = _distance(_wide(boxes1), _wide(boxes2), eps)
    return _reduced(loss, reduction)


def complete_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - complete IoU of each pair of boxes: also of unlike aspect ratios (https://arxiv.org/abs/1911.08287).

    Args:
        boxes1, boxes2: (N, 4), corners x1, y1, x2, y2; of `boxes1` the prediction.
        reduction: "none", "mean" or "sum".
        eps: added to divisors.

    Raises:
        ValueError: for another reduction.

    Example:
        >>> from rushlight.vision.ops import complete_box_iou_loss
        >>> complete_box_iou_loss(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 2]]))
        tensor([0.])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    loss, iou = _distance(boxes1, boxes2, eps)
    slopes = [atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes2, boxes1)]
    unlike = 4 / math.pi**2 * (slopes[0] - slopes[1]) ** 2
    with no_grad():
        share = unlike / (1 - iou + unlike + eps)
    return _reduced(loss + share * unlike, reduction)
