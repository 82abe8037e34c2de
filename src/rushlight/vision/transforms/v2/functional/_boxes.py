"""Formats of bounding boxes, and what geometric transforms do to boxes.

Boxes that turn, shear or bend become the upright boxes around their moved corners. Boxes that may themselves be turned
(the formats XYWHR, CXCYWHR and XYXYXYXY) are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..... import Tensor, cat, stack, tensor
from .... import tv_tensors
from ....tv_tensors._bounding_boxes import (
    BoundingBoxFormat,
    box_format,
    check_clamping_mode,
    is_rotated_bounding_format,
)
from ..._geometry import output_size
from . import _points
from ._registry import is_pure_tensor

_XYXY, _XYWH, _CXCYWH = BoundingBoxFormat.XYXY, BoundingBoxFormat.XYWH, BoundingBoxFormat.CXCYWH


def upright(format: BoundingBoxFormat | str) -> BoundingBoxFormat:
    """The format, unless its boxes may be turned."""
    if is_rotated_bounding_format(format):
        raise NotImplementedError(
            f"boxes of the format {box_format(format).value}, which may be turned, cannot be transformed here: "
            "store them as XYXY, XYWH or CXCYWH, or as KeyPoints"
        )
    return box_format(format)


def _converted(boxes: Tensor, old: BoundingBoxFormat, new: BoundingBoxFormat) -> Tensor:
    """In the other format, by way of corners; halves of integers are truncated."""
    upright(old), upright(new)
    if old is new:
        return boxes
    floats = boxes if boxes.is_floating_point() else boxes.float()
    first, last = floats[..., :2], floats[..., 2:]
    if old is _XYWH:
        last = first + last
    elif old is _CXCYWH:
        half = 0.5 * last
        first, last = (
            corner.to(boxes.dtype).to(floats.dtype) for corner in (first - half, first + half)
        )
    if new is _XYWH:
        last = last - first
    elif new is _CXCYWH:
        first, last = 0.5 * (first + last), last - first
    return cat((first, last), -1).to(boxes.dtype)


def convert_bounding_box_format(
    inpt: Any,
    old_format: BoundingBoxFormat | str | None = None,
    new_format: BoundingBoxFormat | str | None = None,
    inplace: bool = False,
) -> Tensor:
    """Boxes in another format.

    Args:
        inpt: `BoundingBoxes`, or a plain tensor (..., 4) together with `old_format`.
        new_format: "XYXY", "XYWH" or "CXCYWH".
        inplace: change the numbers of `inpt`.

    Raises:
        TypeError: without `new_format`, or for anything but tensors.
        ValueError: for a plain tensor without `old_format`, or boxes with it.
        NotImplementedError: for formats of boxes that may be turned.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.convert_bounding_box_format(torch.tensor([1, 2, 3, 4]), "XYXY", "XYWH")
        tensor([1, 2, 2, 2])
    """
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    boxes = isinstance(inpt, tv_tensors.BoundingBoxes)
    if not boxes and not is_pure_tensor(inpt):
        raise TypeError(
            f"Input can either be a plain tensor or a bounding box tv_tensor, but got {type(inpt)} instead."
        )
    if boxes is (old_format is not None):
        raise ValueError(
            "For bounding box tv_tensor inputs, `old_format` must not be passed."
            if boxes
            else "For pure tensor inputs, `old_format` has to be passed."
        )
    old, new = box_format(inpt.format if boxes else old_format), box_format(new_format)
    plain = inpt.as_subclass(Tensor)
    result = _converted(plain, old, new)
    result = plain.copy_(result) if inplace else result
    return inpt._like(result, format=new) if boxes else result


def _clamped(
    boxes: Tensor, format: BoundingBoxFormat, canvas_size: Sequence[int], mode: str | None
) -> Tensor:
    if mode is None:
        return boxes
    corners = _converted(boxes if boxes.is_floating_point() else boxes.float(), format, _XYXY)
    height, width = canvas_size
    x, y = corners[..., 0::2].clamp(0, width), corners[..., 1::2].clamp(0, height)
    return _converted(stack((x, y), -1).flatten(-2), _XYXY, format).to(boxes.dtype)


def clamp_bounding_boxes(
    inpt: Tensor,
    format: BoundingBoxFormat | str | None = None,
    canvas_size: tuple[int, int] | None = None,
    clamping_mode: str | None = "auto",
) -> Tensor:
    """Boxes cut off at the borders of the image.

    Args:
        inpt: `BoundingBoxes`, or a plain tensor (..., 4) together with `format` and `canvas_size`.
        clamping_mode: "hard", "soft", None (no change), or "auto": that of the boxes.

    Raises:
        ValueError: for a plain tensor without the two, boxes with them, or another mode.
        TypeError: for anything else.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.clamp_bounding_boxes(torch.tensor([1, 2, 9, 9]), "XYXY", (4, 5), clamping_mode="hard")
        tensor([1, 2, 5, 4])
    """
    if isinstance(inpt, tv_tensors.BoundingBoxes):
        if format is not None or canvas_size is not None:
            raise ValueError(
                "For bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed."
            )
        mode = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
        check_clamping_mode(mode)
        plain = _clamped(inpt.as_subclass(Tensor), inpt.format, inpt.canvas_size, mode)
        return tv_tensors.wrap(plain, like=inpt)
    if not is_pure_tensor(inpt):
        raise TypeError(
            f"Input can either be a plain tensor or a bounding box tv_tensor, but got {type(inpt)} instead."
        )
    if format is None or canvas_size is None or clamping_mode == "auto":
        raise ValueError(
            "For pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be passed."
        )
    return _clamped(inpt, box_format(format), canvas_size, clamping_mode)


def sanitize_bounding_boxes(
    bounding_boxes: Any,
    format: BoundingBoxFormat | str | None = None,
    canvas_size: tuple[int, int] | None = None,
    min_size: float = 1.0,
    min_area: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """The boxes that lie within the image and are not too small, and which those are.

    Args:
        bounding_boxes: `BoundingBoxes`, or a plain tensor (N, 4) together with `format` and `canvas_size`.
        min_size: smallest width and height. min_area: smallest area.

    Returns:
        The boxes (K, 4), and a mask (N,).

    Raises:
        ValueError: for a plain tensor without the two, or boxes with them.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> boxes = torch.tensor([[0, 0, 2, 2], [1, 1, 1, 2]])
        >>> F.sanitize_bounding_boxes(boxes, "XYXY", (4, 4))[1]
        tensor([ True, False])
    """
    boxes = isinstance(bounding_boxes, tv_tensors.BoundingBoxes)
    if boxes:
        if format is not None or canvas_size is not None:
            raise ValueError(
                "format and canvas_size must be None when bounding_boxes is a tv_tensors.BoundingBoxes instance. "
                f"Got format={format} and canvas_size={canvas_size}. "
                "Leave those to None or pass bounding_boxes as a pure tensor."
            )
        format, canvas_size = bounding_boxes.format, bounding_boxes.canvas_size
    elif format is None or canvas_size is None:
        raise ValueError(
            "format and canvas_size cannot be None if bounding_boxes is a pure tensor. "
            f"Got format={format} and canvas_size={canvas_size}. Set those to appropriate values or pass "
            "bounding_boxes as a tv_tensors.BoundingBoxes object."
        )
    assert format is not None and canvas_size is not None
    plain = bounding_boxes.as_subclass(Tensor)
    corners = _converted(plain, box_format(format), _XYXY)
    size = corners[..., 2:] - corners[..., :2]
    (height, width), (x, y) = canvas_size, (corners[..., 0::2], corners[..., 1::2])
    valid = (size >= min_size).all(-1) & (size.prod(-1) >= min_area) & (corners >= 0).all(-1)
    valid = valid & (x <= width).all(-1) & (y <= height).all(-1)
    kept = plain[valid]
    return (bounding_boxes._like(kept) if boxes else kept), valid


def horizontal_flip_bounding_boxes(
    bounding_boxes: Tensor, format: BoundingBoxFormat | str, canvas_size: tuple[int, int]
) -> Tensor:
    """Boxes with left and right exchanged."""
    return _flipped(bounding_boxes, upright(format), 0, canvas_size[1])


def vertical_flip_bounding_boxes(
    bounding_boxes: Tensor, format: BoundingBoxFormat | str, canvas_size: tuple[int, int]
) -> Tensor:
    """Boxes with top and bottom exchanged."""
    return _flipped(bounding_boxes, upright(format), 1, canvas_size[0])


def _flipped(boxes: Tensor, format: BoundingBoxFormat, axis: int, extent: int) -> Tensor:
    result = boxes.clone()
    if format is _XYXY:
        result[..., axis] = extent - boxes[..., axis + 2]
        result[..., axis + 2] = extent - boxes[..., axis]
    elif format is _XYWH:
        result[..., axis] = extent - boxes[..., axis] - boxes[..., axis + 2]
    else:
        result[..., axis] = extent - boxes[..., axis]
    return result


def resize_bounding_boxes(
    bounding_boxes: Tensor,
    canvas_size: tuple[int, int],
    size: int | Sequence[int] | None,
    max_size: int | None = None,
    format: BoundingBoxFormat | str = BoundingBoxFormat.XYXY,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """Boxes of the resized image, and its size."""
    upright(format)
    height, width = canvas_size
    new_height, new_width = output_size(canvas_size, size, max_size)
    if (new_height, new_width) == (height, width):
        return bounding_boxes, canvas_size
    ratios = tensor([new_width / width, new_height / height] * 2, device=bounding_boxes.device)
    return bounding_boxes.mul(ratios).to(bounding_boxes.dtype), (new_height, new_width)


def _shifted(boxes: Tensor, format: BoundingBoxFormat, left: int, top: int) -> Tensor:
    """Moved to the right and down."""
    shift = [left, top, left, top] if format is _XYXY else [left, top, 0, 0]
    return boxes + tensor(shift, dtype=boxes.dtype, device=boxes.device)


def crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    top: int,
    left: int,
    height: int,
    width: int,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """Boxes of a part of the image, and its size."""
    kind = upright(format)
    moved = _shifted(bounding_boxes, kind, -left, -top)
    return _clamped(moved, kind, (height, width), clamping_mode), (height, width)


def center_crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    canvas_size: tuple[int, int],
    output_size: int | Sequence[int],
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """Boxes of the middle of the image, and its size."""
    box = _points.anchored(canvas_size, output_size)
    return crop_bounding_boxes(bounding_boxes, format, *box, clamping_mode)


def resized_crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """Boxes of a part of the image, resized, and its size."""
    boxes, canvas = crop_bounding_boxes(
        bounding_boxes, format, top, left, height, width, clamping_mode
    )
    return resize_bounding_boxes(boxes, canvas, size, format=format, clamping_mode=clamping_mode)


def pad_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    canvas_size: tuple[int, int],
    padding: int | Sequence[int],
    padding_mode: str = "constant",
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """Boxes of the image with pixels added around it, and its size."""
    kind = upright(format)
    left, top, canvas = _points.padded(canvas_size, padding, padding_mode, "bounding boxes")
    moved = _shifted(bounding_boxes, kind, left, top)
    return _clamped(moved, kind, canvas, clamping_mode), canvas


def _by_corners(
    boxes: Tensor,
    format: BoundingBoxFormat | str,
    move: Callable[[Tensor], Tensor],
    canvas_size: tuple[int, int],
    clamping_mode: str | None,
    whole_corners: bool = False,
) -> Tensor:
    """The upright boxes around the four corners (4 N, 2) that `move` moves; `whole_corners`: of integers, integers."""
    kind = upright(format)
    if boxes.numel() == 0:
        return boxes
    floating = boxes.is_floating_point() or whole_corners
    corners = _converted(boxes if floating else boxes.float(), kind, _XYXY).reshape(-1, 4)
    corners = corners if boxes.is_floating_point() else corners.float()
    points = corners[:, [[0, 1], [2, 1], [2, 3], [0, 3]]].reshape(-1, 2)
    moved = move(points).reshape(-1, 4, 2)
    around = cat((moved.amin(1), moved.amax(1)), -1)
    around = _clamped(around, _XYXY, canvas_size, clamping_mode)
    return _converted(around, _XYXY, kind).to(boxes.dtype).reshape(boxes.shape)


def affine_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    canvas_size: tuple[int, int],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    center: Sequence[float] | None = None,
    clamping_mode: str | None = "soft",
) -> Tensor:
    """Boxes of the image after an affine map."""
    move, canvas = _points.affine_map(canvas_size, angle, translate, scale, shear, center)
    return _by_corners(bounding_boxes, format, move, canvas, clamping_mode)


def rotate_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    canvas_size: tuple[int, int],
    angle: float,
    expand: bool = False,
    center: Sequence[float] | None = None,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, tuple[int, int]]:
    """Boxes of the rotated image, and its size."""
    if bounding_boxes.numel() == 0:
        return bounding_boxes, canvas_size
    move, canvas = _points.rotation(canvas_size, angle, expand, center)
    return _by_corners(bounding_boxes, format, move, canvas, clamping_mode), canvas


def perspective_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    canvas_size: tuple[int, int],
    startpoints: Sequence[Sequence[int]] | None,
    endpoints: Sequence[Sequence[int]] | None,
    coefficients: Sequence[float] | None = None,
    clamping_mode: str | None = "soft",
) -> Tensor:
    """Boxes of the image seen from elsewhere."""
    move = _points.perspective_map(startpoints, endpoints, coefficients)
    return _by_corners(bounding_boxes, format, move, canvas_size, clamping_mode, whole_corners=True)


def elastic_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str,
    canvas_size: tuple[int, int],
    displacement: Tensor,
    clamping_mode: str | None = "soft",
) -> Tensor:
    """Boxes of the bent image."""
    move = _points.elastic_map(canvas_size, displacement, round_up=True)
    kind = upright(format)
    corners = _converted(bounding_boxes, kind, _XYXY)
    moved = _by_corners(corners, _XYXY, move, canvas_size, clamping_mode)
    return _converted(moved, _XYXY, kind)
