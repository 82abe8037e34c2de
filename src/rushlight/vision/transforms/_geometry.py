"""Resize, crop, pad and flip."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Number
from typing import Any

from ... import Tensor, float32, float64, nn, tensor, uint8
from ._common import (
    PIL_FILTERS,
    InterpolationMode,
    as_float_batch,
    check_image_tensor,
    check_pil,
    get_dimensions,
    interpolation_mode,
    pair,
    pillow,
    restore,
)

_PAIR_MESSAGE = "Please provide only two dimensions (h, w) for size."


def output_size(
    extent: Sequence[int], size: int | Sequence[int] | None, max_size: int | None
) -> tuple[int, int]:
    """(height, width) that `resize` gives an image of (height, width) `extent`.

    A single number is the length of the shorter edge; None: the longer edge becomes `max_size`.
    """
    height, width = extent
    short, long = min(height, width), max(height, width)
    if size is None:
        if not isinstance(max_size, int):
            raise ValueError(
                f"max_size must be an integer when size is None, but got {max_size} instead."
            )
        new_short, new_long = int(max_size * short / long), max_size
    else:
        sizes = [size] if isinstance(size, int) else size
        if len(sizes) == 2:
            return sizes[0], sizes[1]
        new_short, new_long = sizes[0], int(sizes[0] * long / short)
        if max_size is not None:
            if max_size <= new_short:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for the "
                    f"smaller edge size = {sizes}"
                )
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_long, new_short) if width <= height else (new_short, new_long)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Resize a PIL image or a tensor (..., H, W).

    Args:
        img: the image.
        size: (height, width), or the length of the shorter edge.
        interpolation: how new pixels are made.
        max_size: upper limit of the longer edge, where `size` is that of the shorter one.
        antialias: filter when a tensor is made smaller; PIL always does.

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.resize(torch.tensor([[[0.0, 1.0], [2.0, 3.0]]]), 1)
        tensor([[[1.5000]]])
    """
    mode = interpolation_mode(interpolation)
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ValueError(
                f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, i.e. "
                "size should be an int or a sequence of length 1 in torchscript mode."
            )
    extent = get_dimensions(img)[1:]
    sizes = list(output_size(extent, size, max_size))
    if extent == sizes:
        return img
    if isinstance(img, Tensor):
        return resize_tensor(img, sizes, mode, bool(antialias))
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored."
        )
    return img.resize(tuple(sizes[::-1]), PIL_FILTERS[mode])


def resize_tensor(
    img: Tensor,
    sizes: Sequence[int],
    mode: InterpolationMode,
    antialias: bool,
    as_bytes: bool = False,
) -> Tensor:
    """`as_bytes`: in the integer arithmetic that `nn.functional.interpolate` has for bytes."""
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    accepted = (float32, float64, uint8) if as_bytes and smooth else (float32, float64)
    result = nn.functional.interpolate(
        as_float_batch(img, *accepted),
        size=sizes,
        mode=mode.value,
        align_corners=False if smooth else None,
        antialias=antialias and smooth,
    )
    if mode is InterpolationMode.BICUBIC and img.dtype == uint8 != result.dtype:
        result = result.clamp(0, 255)
    return restore(result, img)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The box of `height` x `width` whose upper left corner is at (top, left); zeros outside the image.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.crop(torch.arange(9).view(1, 3, 3), 1, 1, 2, 3)
        tensor([[[4, 5, 0],
                 [7, 8, 0]]])
    """
    if not isinstance(img, Tensor):
        return check_pil(img).crop((left, top, left + width, top + height))
    _, rows, columns = get_dimensions(img)
    bottom, right = top + height, left + width
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= columns and bottom <= rows:
        return inside
    around = [
        max(min(right, 0) - left, 0),
        max(min(bottom, 0) - top, 0),
        max(right - max(columns, left), 0),
        max(bottom - max(rows, top), 0),
    ]
    return pad(inside, around, fill=0)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle (height, width) of the image, padded with zeros where the image is smaller.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.center_crop(torch.arange(16).view(1, 4, 4), 2)
        tensor([[[ 5,  6],
                 [ 9, 10]]])
    """
    return crop(img, *middle(get_dimensions(img)[1:], output_size))


def middle(extent: Sequence[int], size: int | Sequence[int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of what `center_crop` takes; where it adds pixels, more of them right and below."""
    rows, columns = pair(size, _PAIR_MESSAGE)
    top, left = (
        round((n - wanted) / 2.0) if n >= wanted else -((wanted - n) // 2)
        for n, wanted in zip(extent, (rows, columns))
    )
    return top, left, rows, columns


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.resized_crop(torch.ones(3, 8, 8), 2, 2, 4, 4, [6, 6]).shape
        torch.Size([3, 6, 6])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple:
    """The four corners and the middle: upper left, upper right, lower left, lower right, centre.

    Raises:
        ValueError: for a size larger than the image.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> [int(c) for c in F.five_crop(torch.arange(9).view(1, 3, 3), 1)]
        [0, 2, 6, 8, 4]
    """
    size = pair(size, _PAIR_MESSAGE)
    crop_height, crop_width = size
    _, height, width = get_dimensions(img)
    if crop_width > width or crop_height > height:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(height, width)}")
    corners = [
        crop(img, top, left, crop_height, crop_width)
        for top in (0, height - crop_height)
        for left in (0, width - crop_width)
    ]
    return (*corners, center_crop(img, [crop_height, crop_width]))


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple:
    """`five_crop` of the image and of its mirror image.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> len(F.ten_crop(torch.zeros(3, 8, 8), 4))
        10
    """
    size = pair(size, _PAIR_MESSAGE)
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def hflip(img: Any) -> Any:
    """The image with left and right exchanged.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.hflip(torch.arange(4).view(1, 2, 2))
        tensor([[[1, 0],
                 [3, 2]]])
    """
    if isinstance(img, Tensor):
        check_image_tensor(img)
        return img.flip(-1)
    return check_pil(img).transpose(0)  # FLIP_LEFT_RIGHT


def vflip(img: Any) -> Any:
    """The image with top and bottom exchanged.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.vflip(torch.arange(4).view(1, 2, 2))
        tensor([[[2, 3],
                 [0, 1]]])
    """
    if isinstance(img, Tensor):
        check_image_tensor(img)
        return img.flip(-2)
    return check_pil(img).transpose(1)  # FLIP_TOP_BOTTOM


PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def check_padding(padding: Any, padding_mode: Any) -> None:
    if not isinstance(padding, (Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if not isinstance(padding, Number) and len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
        )
    if padding_mode not in PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


def pad(
    img: Any,
    padding: int | Sequence[int],
    fill: float | Sequence[float] = 0,
    padding_mode: str = "constant",
) -> Any:
    """Add pixels around a PIL image or a tensor (..., H, W); negative numbers take some away.

    Args:
        img: the image.
        padding: of all sides, of (left and right, top and bottom), or of (left, top, right, bottom).
        fill: their value, for PIL images also one per channel.
        padding_mode: "constant", "edge" (repeat the outermost), "reflect" (mirror about it) or
            "symmetric" (mirror about the border).

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.pad(torch.tensor([[[1, 2, 3]]]), [2, 0], padding_mode="symmetric")
        tensor([[[2, 1, 1, 2, 3, 3, 2]]])
    """
    if not isinstance(img, Tensor):
        return _pad_pil(check_pil(img), padding, fill, padding_mode)
    check_image_tensor(img)
    fill = 0 if fill is None else fill
    if isinstance(padding, Number) and not isinstance(padding, int):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(fill, (int, float)):
        raise TypeError("Got inappropriate fill arg")
    check_padding(padding, padding_mode)
    left, top, right, bottom = padding_sides(padding)
    around = [left, right, top, bottom]
    if padding_mode == "symmetric":
        return _pad_symmetric(img, around)
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    if padding_mode == "constant":
        result = nn.functional.pad(batch, around, mode="constant", value=float(fill))
    else:
        mode = "replicate" if padding_mode == "edge" else "reflect"
        batch = as_float_batch(img, float32, float64)
        result = nn.functional.pad(batch, around, mode=mode).to(img.dtype)
    return result.squeeze(0) if img.ndim < 4 else result


def padding_sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, Number):
        padding = [padding]  # type: ignore[list-item]
    left, top, right, bottom = tuple(padding) * (4 // len(padding))  # type: ignore[arg-type]
    return left, top, right, bottom


def _pad_symmetric(img: Tensor, around: list[int]) -> Tensor:
    if img.ndim not in (3, 4):
        raise RuntimeError("Symmetric padding of N-D tensors are not supported yet")
    for dim, before, after in ((-1, *around[:2]), (-2, *around[2:])):
        kept = range(max(-before, 0), img.shape[dim] - max(-after, 0))
        if max(before, after) > len(kept):
            raise IndexError(
                "pad: padding mode 'symmetric' adds at most the image's own size: got "
                f"{max(before, after)} for a size of {len(kept)}"
            )
        mirrored = [*kept[: max(before, 0)][::-1], *kept, *kept[::-1][: max(after, 0)]]
        img = img.index_select(dim, tensor(mirrored, device=img.device))
    return img


def _pad_pil(img: Any, padding: Any, fill: Any, padding_mode: str) -> Any:
    if fill is not None and not isinstance(fill, (Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    check_padding(padding, padding_mode)
    palette = img.getpalette() if img.mode == "P" else None
    if padding_mode == "constant":
        border = tuple(padding) if isinstance(padding, (tuple, list)) else padding
        border = border[0] if isinstance(border, tuple) and len(border) == 1 else border
        result = pillow("ImageOps").expand(img, border=border, fill=pil_fill(img, fill))
    else:
        result = _pad_pil_by_copies(img, padding_sides(padding), padding_mode)
    if palette is not None:
        result.putpalette(palette)
    return result


def _pad_pil_by_copies(img: Any, sides: tuple[int, int, int, int], mode: str) -> Any:
    import numpy

    cut = [-min(n, 0) for n in sides]
    if any(cut):
        img = img.crop((cut[0], cut[1], img.width - cut[2], img.height - cut[3]))
    left, top, right, bottom = (max(n, 0) for n in sides)
    array = numpy.asarray(img)
    widths = [(top, bottom), (left, right)] + [(0, 0)] * (array.ndim - 2)
    return pillow().fromarray(numpy.pad(array, widths, mode=mode))  # type: ignore[call-overload]


def pil_fill(img: Any, fill: Any) -> Any:
    """`fill`, a number or one per channel, as PIL wants it for this image."""
    channels = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)) and channels > 1:
        fill = (fill,) * channels
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = fill * channels
        if len(fill) != channels:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the image "
                f"({len(fill)} != {channels})"
            )
        return tuple(fill) if img.mode == "F" else tuple(int(value) for value in fill)
    return fill if img.mode == "F" else int(fill)
