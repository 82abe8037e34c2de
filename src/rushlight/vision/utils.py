"""Grids of images, and boxes, masks and points drawn onto images."""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Sequence
from typing import Any

from .. import Tensor, cat, int64, no_grad, ones, stack, tensor, uint8
from .. import bool as _bool
from .io.image import _write
from .transforms._common import pillow
from .transforms._conversion import convert_image_dtype, pil_to_tensor, to_pil_image

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "make_grid",
    "save_image",
]

_Colour = str | tuple[int, int, int]


def _as_batch(images: Any) -> Tensor:
    """(N, 3 or more, H, W)"""
    if isinstance(images, list):
        for each in images:
            if not isinstance(each, Tensor):
                raise TypeError(
                    f"tensor or list of tensors expected, got a list containing {type(each)}"
                )
        images = stack(images, dim=0)
    elif not isinstance(images, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(images)}")
    while images.dim() < 3:
        images = images.unsqueeze(0)
    if images.dim() == 3:
        images = images.unsqueeze(0)
    if images.dim() == 4 and images.size(1) == 1:
        images = cat((images, images, images), 1)
    return images


def _stretch(img: Tensor, value_range: tuple[float, float] | None) -> None:
    """To [0, 1], in place."""
    low, high = value_range or (float(img.min()), float(img.max()))
    img.clamp_(low, high).sub_(low).div_(max(high - low, 1e-5))


@no_grad()
def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images side by side in one.

    Args:
        tensor: (N, C, H, W), (C, H, W), (H, W) or a list of equally large images.
        nrow: images in a row.
        padding: pixels between them.
        normalize: stretch values to [0, 1].
        value_range: what becomes 0 and 1; default: the smallest and largest value.
        scale_each: stretch every image by its own range.
        pad_value: of the pixels between.

    Returns:
        (C, H', W'), of 3 channels where there was one.

    Raises:
        TypeError: for other things.

    Example:
        >>> from rushlight.vision.utils import make_grid
        >>> make_grid(torch.zeros(6, 1, 28, 28), nrow=3).shape
        torch.Size([3, 62, 92])
    """
    images = _as_batch(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        images = images.clone()
        for each in images if scale_each else [images]:
            _stretch(each, value_range)
    if images.size(0) == 1:
        return images.squeeze(0)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    grid = images.new_full(
        (channels, height * rows + padding, width * columns + padding), pad_value
    )
    for number, each in enumerate(images):
        top = number // columns * height + padding
        left = number % columns * width + padding
        grid[:, top : top + each.shape[1], left : left + each.shape[2]] = each
    return grid


@no_grad()
def save_image(tensor: Any, fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write a grid of images, values in [0, 1], to a file.

    Args:
        tensor: as of `make_grid`.
        fp: path or file object.
        format: PIL's name of one; default: by the path's ending.
        kwargs: of `make_grid`.

    Example:
        >>> from rushlight.vision.io import read_image
        >>> from rushlight.vision.utils import save_image
        >>> save_image(torch.ones(2, 3, 4, 5), "two.png", padding=1)
        >>> read_image("two.png").shape
        torch.Size([3, 6, 13])
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", uint8).contiguous()
    image = pillow().fromarray(pixels.numpy())
    if not isinstance(fp, (str, os.PathLike)):
        return image.save(fp, format=format)
    if format is None:
        ending = os.path.splitext(os.fspath(fp))[1].lower()
        format = pillow().registered_extensions().get(ending)
        if format is None:
            raise ValueError(f"unknown file extension: {ending}")
    file = io.BytesIO()
    image.save(file, format=format)
    _write(fp, file.getvalue())
    return None


def _palette(count: int) -> list[tuple[int, int, int]]:
    """Colours that differ, the first one black."""
    return [
        (i * (2**25 - 1) % 255, i * (2**15 - 1) % 255, i * (2**21 - 1) % 255) for i in range(count)
    ]


def _colours(colors: Any, count: int) -> list[tuple]:
    """One RGB triplet each, from names, triplets or one of them for all."""
    if colors is None:
        colors = _palette(count)
    elif isinstance(colors, list):
        if len(colors) < count:
            raise ValueError(
                "Number of colors must be equal or larger than the number of objects, but got "
                f"{len(colors)} < {count}."
            )
    elif not isinstance(colors, (tuple, str)):
        raise ValueError(
            f"colors must be a tuple or a string, or a list thereof, but got {colors}."
        )
    elif isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    else:
        colors = [colors] * count
    parse = pillow("ImageColor").getrgb
    return [parse(colour) if isinstance(colour, str) else colour for colour in colors]


def _check_drawable(image: Any, name: str, channels: tuple[int, ...], message: str) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}, got {type(image)}")
    if not (image.dtype == uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")
    if image.size(0) not in channels:
        raise ValueError(message)


def _drawn(canvas: Any, like: Tensor) -> Tensor:
    """A PIL image as a tensor of the type of `like`."""
    drawn = pil_to_tensor(canvas)
    return drawn.to(like.dtype).mul_(1.0 / 255) if like.is_floating_point() else drawn


def _dashed(draw: Any, start: Sequence[float], end: Sequence[float], fill: Any, width: int) -> None:
    """A line of dashes and gaps, five pixels each."""
    length = math.dist(start, end)
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    step_x, step_y = math.cos(angle), math.sin(angle)
    at = 0.0
    while at < length:
        to = min(at + 5, length)
        ends = [(start[0] + step_x * along, start[1] + step_y * along) for along in (at, to)]
        draw.line(ends, fill=fill, width=width)
        at += 10


def _draw_box(draw: Any, box: list[int], outline: Any, fill: Any, width: int) -> None:
    if len(box) == 4:
        draw.rectangle(box, width=width, outline=outline, fill=fill)
        return
    corners = list(zip(box[0::2], box[1::2]))
    _dashed(draw, corners[0], corners[1], outline, width)
    for number in range(1, len(corners)):
        ends = (corners[number], corners[(number + 1) % len(corners)])
        draw.line(ends, width=width, fill=outline)
    draw.polygon(box, fill=fill, outline=None, width=0)


def _draw_label(
    draw: Any, box: list[int], label: str, font: Any, colour: Any, background: Any, width: int
) -> None:
    """background: None leaves it out."""
    place = (box[0] + width + 1, box[1] + width + 1)
    if background is not None:
        left, top, right, bottom = draw.textbbox(place, label, font=font)
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=background)
    draw.text(place, label, fill=colour, font=font)


def _font(font: str | None, font_size: int | None) -> Any:
    fonts = pillow("ImageFont")
    if font is not None:
        return fonts.truetype(font=font, size=font_size or 10)
    if font_size is not None:
        warnings.warn("Argument 'font_size' will be ignored since 'font' is not set.")
    return fonts.load_default()


@no_grad()
def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: list[str] | None = None,
    colors: list[_Colour] | _Colour | None = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: list[_Colour] | _Colour | None = None,
    label_background_colors: list[_Colour] | _Colour | None = None,
    fill_labels: bool = False,
) -> Tensor:
    """An RGB image with boxes drawn onto it.

    Args:
        image: (1 or 3, H, W), uint8, or float in [0, 1].
        boxes: (N, 4), x1, y1, x2, y2, or (N, 8), four corners.
        labels: a text for each box.
        colors: of the boxes; default: different ones.
        fill: also fill the boxes, transparently.
        width: of the lines, in pixels.
        font, font_size: file and size of a TrueType font.
        label_colors: default: those of the boxes.
        label_background_colors: default: those of the boxes.
        fill_labels: fill the labels' background.

    Raises:
        TypeError, ValueError: for images, boxes, labels or colours of another kind or number.

    Example:
        >>> from rushlight.vision.utils import draw_bounding_boxes
        >>> image = torch.zeros(3, 8, 8, dtype=torch.uint8)
        >>> drawn = draw_bounding_boxes(image, torch.tensor([[1, 1, 5, 5]]), colors="red")
        >>> drawn[:, 1, 3].tolist(), drawn[:, 3, 3].tolist()
        ([255, 0, 0], [0, 0, 0])
    """
    _check_drawable(image, "Tensor expected", (1, 3), "Only grayscale and RGB images are supported")
    if boxes.shape[-1] == 4 and (boxes[:, :2] > boxes[:, 2:]).any():
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to "
            "convert them"
        )
    count = boxes.shape[0]
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn")
        return image
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels for "
            "each box."
        )
    edges = _colours(colors, count)
    texts = _colours(label_colors or "black", count) if label_colors or fill_labels else edges
    grounds = edges
    if fill_labels and label_background_colors:
        grounds = _colours(label_background_colors, count)
    text_font = _font(font, font_size)
    canvas = to_pil_image(convert_image_dtype(image.expand(3, -1, -1), uint8))
    draw = pillow("ImageDraw").Draw(canvas, "RGBA" if fill else None)
    for number, box in enumerate(boxes.to(int64).tolist()):
        inside = (*edges[number], 100) if fill else None
        _draw_box(draw, box, edges[number], inside, width)
        if labels is not None and labels[number] is not None:
            ground = grounds[number] if fill_labels else None
            _draw_label(draw, box, labels[number], text_font, texts[number], ground, width)
    return _drawn(canvas, image)


@no_grad()
def draw_segmentation_masks(
    image: Tensor,
    masks: Tensor,
    alpha: float = 0.8,
    colors: list[_Colour] | _Colour | None = None,
) -> Tensor:
    """An RGB image with the pixels of masks coloured; black where masks overlap.

    Args:
        image: (3, H, W), uint8, or float in [0, 1].
        masks: (N, H, W) or (H, W), bool.
        alpha: 0 (transparent) to 1 (opaque).
        colors: of the masks; default: different ones.

    Raises:
        TypeError, ValueError: for images, masks or colours of another kind or number.

    Example:
        >>> from rushlight.vision.utils import draw_segmentation_masks
        >>> image = torch.full((3, 1, 2), 100, dtype=torch.uint8)
        >>> draw_segmentation_masks(image, torch.tensor([[True, False]]), 1.0, "red")[:, 0].tolist()
        [[255, 100], [0, 100], [0, 100]]
    """
    _check_drawable(
        image,
        "The image must be a tensor",
        (3,),
        "Pass an RGB image. Other Image formats are not supported",
    )
    if masks.ndim == 2:
        masks = masks[None, :, :]
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype != _bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if masks.size(0) == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn")
        return image
    coloured = image.detach().clone()
    for mask, colour in zip(masks, _colours(colors, masks.size(0))):
        values = [v / 255 for v in colour] if image.is_floating_point() else colour
        coloured[:, mask] = tensor(values, dtype=image.dtype, device=image.device)[:, None]
    coloured[:, masks.sum(dim=0) > 1] = 0
    return (image * (1 - alpha) + coloured * alpha).to(image.dtype)


@no_grad()
def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: list[tuple[int, int]] | None = None,
    colors: _Colour | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """An RGB image with points, and lines between them.

    Args:
        image: (3, H, W), uint8, or float in [0, 1].
        keypoints: (instances, K, 2), x and y.
        connectivity: pairs of points that a line joins.
        colors: of the points.
        radius: of the points. width: of the lines, in pixels.
        visibility: (instances, K), whether a point is drawn; default: all.

    Raises:
        TypeError, ValueError: for images, points or visibilities of another kind or shape.

    Example:
        >>> from rushlight.vision.utils import draw_keypoints
        >>> image = torch.zeros(3, 8, 8, dtype=torch.uint8)
        >>> draw_keypoints(image, torch.tensor([[[4, 4]]]), colors="red", radius=1)[0, 4, 4].item()
        255
    """
    _check_drawable(
        image,
        "The image must be a tensor",
        (3,),
        "Pass an RGB image. Other Image formats are not supported",
    )
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    if visibility is None:
        visibility = ones(keypoints.shape[:-1], dtype=_bool)
    if visibility.ndim == 3:
        visibility = visibility.squeeze(-1)
    if visibility.ndim != 2:
        raise ValueError(
            f"visibility must be of shape (num_instances, K). Got ndim={visibility.ndim}"
        )
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. Got "
            f"visibility.shape={visibility.shape!r} and keypoints.shape={keypoints.shape!r}"
        )
    canvas = to_pil_image(convert_image_dtype(image, uint8))
    draw = pillow("ImageDraw").Draw(canvas)
    for points, seen in zip(keypoints.to(int64).tolist(), visibility.cpu().bool().tolist()):
        for (x, y), visible in zip(points, seen):
            if visible:
                around = [x - radius, y - radius, x + radius, y + radius]
                draw.ellipse(around, fill=colors, outline=None, width=0)
        for start, end in connectivity or ():
            if seen[start] and seen[end]:
                draw.line((tuple(points[start]), tuple(points[end])), width=width)
    return _drawn(canvas, image)
