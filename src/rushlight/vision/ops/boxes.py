"""Boxes: formats, areas, overlaps, non-maximum suppression. Boxes are (..., 4): x1, y1, x2, y2."""

from __future__ import annotations

import math
from typing import Any

from ... import (
    Tensor,
    arange,
    cos,
    empty,
    float32,
    float64,
    from_numpy,
    int32,
    int64,
    no_grad,
    sin,
    stack,
    where,
    zeros,
    zeros_like,
)
from ... import max as _max
from ... import min as _min

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]

_UPRIGHT = ("xyxy", "xywh", "cxcywh")
_ROTATED = ("xywhr", "cxcywhr", "xyxyxyxy")


def _wide(t: Tensor) -> Tensor:
    """In a type whose products do not overflow: float32, float64, int32 or int64."""
    if t.is_floating_point():
        return t if t.dtype in (float32, float64) else t.float()
    return t if t.dtype in (int32, int64) else t.int()


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep boxes in order of their scores, dropping those that overlap a kept one too much.

    Args:
        boxes: (N, 4). scores: (N,).
        iou_threshold: the largest overlap, intersection over union, that is not too much.

    Returns:
        The indices of the kept boxes, by descending score, int64.

    Raises:
        RuntimeError: for other shapes.

    Example:
        >>> from rushlight.vision.ops import nms
        >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
        >>> nms(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.5)
        tensor([1, 2])
    """
    import numpy

    if boxes.dim() != 2:
        raise RuntimeError(f"boxes should be a 2d tensor, got {boxes.dim()}D")
    if boxes.size(1) != 4:
        raise RuntimeError(f"boxes should have 4 elements in dimension 1, got {boxes.size(1)}")
    if scores.dim() != 1:
        raise RuntimeError(f"scores should be a 1d tensor, got {scores.dim()}D")
    if boxes.size(0) != scores.size(0):
        raise RuntimeError(
            "boxes and scores should have same number of elements in dimension 0, got "
            f"{boxes.size(0)} and {scores.size(0)}"
        )
    order = scores.detach().cpu().sort(descending=True, stable=True)[1].numpy()
    corners = _wide(boxes.detach().cpu()).numpy()[order].T  # (4, N), best first
    areas = (corners[2] - corners[0]) * (corners[3] - corners[1])
    kept = []
    left = numpy.arange(len(order))
    with numpy.errstate(invalid="ignore", divide="ignore"):  # boxes without an area
        while len(left):
            best, left = left[0], left[1:]
            kept.append(order[best])
            x1, y1 = numpy.maximum(corners[:2, best, None], corners[:2, left])
            x2, y2 = numpy.minimum(corners[2:, best, None], corners[2:, left])
            common = numpy.maximum(x2 - x1, 0) * numpy.maximum(y2 - y1, 0)
            overlap = common / (areas[best] + areas[left] - common)
            left = left[~(overlap.astype(numpy.float64) > iou_threshold)]
    return from_numpy(numpy.array(kept, numpy.int64)).to(boxes.device)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` within each class.

    Args:
        boxes: (N, 4). scores: (N,). idxs: (N,), the class of each box.
        iou_threshold: as of `nms`.

    Returns:
        The indices of the kept boxes, by descending score, int64.

    Example:
        >>> from rushlight.vision.ops import batched_nms
        >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10]])
        >>> batched_nms(boxes, torch.tensor([0.5, 0.9]), torch.tensor([0, 1]), 0.5)
        tensor([1, 0])
    """
    if boxes.numel() == 0:
        return empty((0,), dtype=int64, device=boxes.device)
    if boxes.numel() <= 4000:
        # Moved apart by class, boxes of different classes do not overlap.
        offsets = idxs.to(boxes.dtype) * (boxes.max() + 1)
        return nms(boxes + offsets[:, None], scores, iou_threshold)
    keep = []
    for each in idxs.unique():
        members = where(idxs == each)[0]
        keep.append(members[nms(boxes[members], scores[members], iou_threshold)])
    kept = zeros_like(scores, dtype=int64)
    for members in keep:
        kept[members] = 1
    indices = where(kept)[0]
    return indices[scores[indices].sort(descending=True)[1]]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The indices of the boxes of which both sides are at least `min_size` long.

    Example:
        >>> from rushlight.vision.ops import remove_small_boxes
        >>> remove_small_boxes(torch.tensor([[0.0, 0, 1, 9], [0, 0, 9, 9]]), 2)
        tensor([1])
    """
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return where((width >= min_size) & (height >= min_size))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes with the parts outside an image of `size` (height, width) cut off.

    Example:
        >>> from rushlight.vision.ops import clip_boxes_to_image
        >>> clip_boxes_to_image(torch.tensor([[-1.0, 2, 30, 40]]), (20, 10))
        tensor([[ 0.,  2., 10., 20.]])
    """
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return stack((x, y), dim=boxes.dim()).reshape(boxes.shape)


def _turned(boxes: Tensor, compute: Any) -> Tensor:
    """The columns that `compute` makes of the columns of rotated boxes, in their type."""
    result = stack(compute(*boxes.unbind(-1)), dim=-1)
    return result if boxes.is_floating_point() else result.round().to(boxes.dtype)


def _direction(degrees: Tensor) -> tuple[Tensor, Tensor]:
    radians = degrees * math.pi / 180.0
    return cos(radians), sin(radians)


def _xywhr_to_cxcywhr(x: Tensor, y: Tensor, w: Tensor, h: Tensor, r: Tensor) -> tuple:
    c, s = _direction(r)
    return x + w / 2 * c + h / 2 * s, y - w / 2 * s + h / 2 * c, w, h, r


def _cxcywhr_to_xywhr(x: Tensor, y: Tensor, w: Tensor, h: Tensor, r: Tensor) -> tuple:
    c, s = _direction(r)
    return x - w / 2 * c - h / 2 * s, y - h / 2 * c + w / 2 * s, w, h, r


def _xywhr_to_corners(x: Tensor, y: Tensor, w: Tensor, h: Tensor, r: Tensor) -> tuple:
    c, s = _direction(r)
    x2, y2 = x + w * c, y - w * s
    return x, y, x2, y2, x2 + h * s, y2 + h * c, x + h * s, y + h * c


def _corners_to_xywhr(
    x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor, x3: Tensor, y3: Tensor, *_: Tensor
) -> tuple:
    width = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt()
    height = ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    return x1, y1, width, height, (y1 - y2).atan2(x2 - x1) * 180 / math.pi


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes in another format.

    Args:
        boxes: (..., 4), rotated ones (..., 5) or (..., 8).
        in_fmt, out_fmt: "xyxy" (two corners), "xywh" (corner and size), "cxcywh" (centre and size); rotated:
            "xywhr", "cxcywhr" (with an angle in degrees), "xyxyxyxy" (four corners).

    Raises:
        ValueError: for another format.
        NotImplementedError: between upright and rotated formats.

    Example:
        >>> from rushlight.vision.ops import box_convert
        >>> box_convert(torch.tensor([[1.0, 2, 5, 8]]), "xyxy", "cxcywh")
        tensor([[3., 5., 4., 6.]])
    """
    known = _UPRIGHT + _ROTATED
    if in_fmt not in known or out_fmt not in known:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    if in_fmt in _UPRIGHT and out_fmt in _UPRIGHT:
        return _to_upright(_to_corners(boxes, in_fmt), out_fmt)
    if in_fmt in _UPRIGHT or out_fmt in _UPRIGHT:
        raise NotImplementedError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
        )
    if in_fmt != "xywhr":
        boxes = _turned(boxes, _cxcywhr_to_xywhr if in_fmt == "cxcywhr" else _corners_to_xywhr)
    if out_fmt != "xywhr":
        boxes = _turned(boxes, _xywhr_to_cxcywhr if out_fmt == "cxcywhr" else _xywhr_to_corners)
    return boxes


def _to_corners(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "xyxy":
        return boxes
    x, y, w, h = boxes.unbind(-1)
    if fmt == "xywh":
        return stack((x, y, x + w, y + h), dim=-1)
    return stack((x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h), dim=-1)


def _to_upright(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "xyxy":
        return boxes
    x1, y1, x2, y2 = boxes.unbind(-1)
    first = (x1, y1) if fmt == "xywh" else ((x1 + x2) / 2, (y1 + y2) / 2)
    return stack((*first, x2 - x1, y2 - y1), dim=-1)


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """Width times height of boxes (..., 4).

    Args:
        boxes: the boxes. fmt: "xyxy", "xywh" or "cxcywh".

    Raises:
        ValueError: for another format.

    Example:
        >>> from rushlight.vision.ops import box_area
        >>> box_area(torch.tensor([[0.0, 0, 2, 3]]))
        tensor([6.])
    """
    if fmt not in _UPRIGHT:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    boxes = _wide(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return boxes[..., 2] * boxes[..., 3]


def _pairs(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Intersections, unions and enclosing sizes (..., N, M, 2) of all pairs of boxes given by corners."""
    first, second = boxes1[..., None, :], boxes2[..., None, :, :]
    inner = _max(first[..., :2], second[..., :2]), _min(first[..., 2:], second[..., 2:])
    outer = _min(first[..., :2], second[..., :2]), _max(first[..., 2:], second[..., 2:])
    common = _wide(inner[1] - inner[0]).clamp(min=0).prod(-1)
    union = box_area(boxes1)[..., None] + box_area(boxes2)[..., None, :] - common
    return common, union, _wide(outer[1] - outer[0]).clamp(min=0)


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of all pairs.

    Args:
        boxes1: (..., N, 4). boxes2: (..., M, 4). fmt: "xyxy", "xywh" or "cxcywh".

    Returns:
        (..., N, M)

    Raises:
        ValueError: for another format.
        NotImplementedError: for rotated boxes.

    Example:
        >>> from rushlight.vision.ops import box_iou
        >>> box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6]]))
        tensor([[0.3333, 0.0000]])
    """
    if fmt in _ROTATED:
        raise NotImplementedError(f"box_iou: rotated boxes are not supported: got fmt={fmt!r}")
    if fmt not in _UPRIGHT:
        raise ValueError(
            f"Unsupported format '{fmt}'. Supported axis-aligned formats: {_UPRIGHT}. "
            f"Supported rotated formats: {_ROTATED}."
        )
    common, union, _ = _pairs(_to_corners(boxes1, fmt), _to_corners(boxes2, fmt))
    return common / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union, less the share of the enclosing box that neither covers, of all pairs.

    Args:
        boxes1: (..., N, 4). boxes2: (..., M, 4).

    Returns:
        (..., N, M), from -1 to 1 (https://arxiv.org/abs/1902.09630).

    Example:
        >>> from rushlight.vision.ops import generalized_box_iou
        >>> generalized_box_iou(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[1.0, 1, 2, 2]]))
        tensor([[-0.5000]])
    """
    common, union, around = _pairs(boxes1, boxes2)
    area = around.prod(-1)
    return common / union - (area - union) / area


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Intersection over union, less the squared distance of the centres over that of the corners, of all pairs.

    Args:
        boxes1: (..., N, 4). boxes2: (..., M, 4). eps: keeps the division finite.

    Returns:
        (..., N, M) (https://arxiv.org/abs/1911.08287).

    Example:
        >>> from rushlight.vision.ops import distance_box_iou
        >>> distance_box_iou(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[1.0, 1, 2, 2]]))
        tensor([[-0.2500]])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    common, union, around = _pairs(boxes1, boxes2)
    centres1, centres2 = ((b[..., :2] + b[..., 2:]) / 2 for b in (boxes1, boxes2))
    distance = ((centres1[..., None, :] - centres2[..., None, :, :]) ** 2).sum(-1)
    return common / union - distance / ((around**2).sum(-1) + eps)


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`distance_box_iou`, less a term for unequal aspect ratios, of all pairs.

    Args:
        boxes1: (..., N, 4). boxes2: (..., M, 4). eps: keeps the divisions finite.

    Returns:
        (..., N, M) (https://arxiv.org/abs/1911.08287).

    Example:
        >>> from rushlight.vision.ops import complete_box_iou
        >>> complete_box_iou(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[1.0, 1, 2, 2]]))
        tensor([[-0.2500]])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    common, union, _ = _pairs(boxes1, boxes2)
    angles = [((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])).atan() for b in (boxes1, boxes2)]
    v = 4 / math.pi**2 * (angles[0][..., None] - angles[1][..., None, :]) ** 2
    with no_grad():
        alpha = v / (1 - common / union + v + eps)
    return distance_box_iou(boxes1, boxes2, eps) - alpha * v


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The smallest box around each mask; zeros for an empty one.

    Args:
        masks: (N, H, W), nonzero inside.

    Returns:
        (N, 4), float32: the first and last column and row, x1, y1, x2, y2.

    Example:
        >>> from rushlight.vision.ops import masks_to_boxes
        >>> masks_to_boxes(torch.eye(3).unsqueeze(0))
        tensor([[0., 0., 2., 2.]])
    """
    if masks.numel() == 0:
        return zeros((0, 4), dtype=float32, device=masks.device)
    filled = masks != 0
    firsts, lasts = [], []
    for covered in (filled.any(dim=1), filled.any(dim=2)):  # columns (N, W), rows (N, H)
        size = covered.shape[1]
        index = arange(size, device=masks.device)
        firsts.append(where(covered, index, size).amin(1))
        lasts.append(where(covered, index, -1).amax(1))
    boxes = stack((*firsts, *lasts), dim=1).to(float32)
    return boxes.masked_fill(~filled.flatten(1).any(1, keepdim=True), 0)
