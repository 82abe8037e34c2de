"""What all transforms share: kinds of images, their sizes, interpolation modes, checks of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from numbers import Number
from typing import Any

from ... import Tensor, float32, int8, int16, int32, int64, uint8


class InterpolationMode(Enum):
    """How new pixels are made from old ones; BOX, HAMMING and LANCZOS are for PIL images only.

    Example:
        >>> from rushlight.vision.transforms import InterpolationMode
        >>> InterpolationMode.BILINEAR.value
        'bilinear'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of these filters.
PIL_FILTERS = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}
_FILTER_NAMES = {
    number: mode
    for mode, number in PIL_FILTERS.items()
    if mode is not InterpolationMode.NEAREST_EXACT
}

# The largest value of an image of each type; floating-point images reach from 0 to 1.
_LARGEST = {uint8: 255, int8: 127, int16: 2**15 - 1, int32: 2**31 - 1, int64: 2**63 - 1}


def max_value(dtype: Any) -> int:
    return _LARGEST.get(dtype, 1)


def interpolation_from_int(number: int) -> InterpolationMode:
    """The mode with Pillow's number."""
    return _FILTER_NAMES[number]


def interpolation_mode(value: Any) -> InterpolationMode:
    """`value`, a mode or Pillow's number of one, as a mode."""
    if isinstance(value, int):
        return interpolation_from_int(value)
    if not isinstance(value, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant"
        )
    return value


def is_pil_image(value: Any) -> bool:
    """Whether `value` is a PIL image, asked without importing PIL."""
    return any(t.__name__ == "Image" and t.__module__ == "PIL.Image" for t in type(value).__mro__)


def pillow(module: str = "Image") -> Any:
    """The module PIL.`module`."""
    from importlib import import_module

    try:
        return import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError(
            "this needs Pillow, which is not installed: pip install 'rushlight[vision]'"
        ) from error


def check_pil(img: Any) -> Any:
    if not is_pil_image(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    return img


def check_image_tensor(img: Tensor, *, channels: Sequence[int] = (), at_least: int = 2) -> None:
    """Raise TypeError unless `img` is (..., H, W) with enough dimensions and permitted channels."""
    if img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")
    if img.ndim < at_least:
        raise TypeError(
            f"Input image tensor should have at least {at_least} dimensions, but found {img.ndim}"
        )
    if channels and (found := get_dimensions(img)[0]) not in channels:
        raise TypeError(
            f"Input image tensor permitted channel values are {list(channels)}, but found {found}"
        )


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of a PIL image or a tensor (..., H, W).

    Raises:
        TypeError: for anything else.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.get_dimensions(torch.zeros(8, 3, 20, 30)), F.get_image_size(torch.zeros(20, 30))
        ([3, 20, 30], [30, 20])
    """
    if isinstance(img, Tensor):
        check_image_tensor(img)
        return [img.shape[-3] if img.ndim > 2 else 1, img.shape[-2], img.shape[-1]]
    if not is_pil_image(img):
        raise TypeError(f"Unexpected type {type(img)}")
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    """[width, height]; see `get_dimensions`."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels; see `get_dimensions`."""
    return get_dimensions(img)[0]


def pair(size: Any, message: str) -> Sequence[int]:
    """(height, width) from a number, a sequence of one, or of two."""
    if isinstance(size, Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if isinstance(size, Sequence) and len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return size


def as_float_batch(img: Tensor, *accepted: Any) -> Tensor:
    """`img` as (N, C, H, W) of the first accepted type, unless it has one of them already."""
    if img.ndim < 4:
        img = img.unsqueeze(0)
    accepted = accepted or (float32,)
    return img if img.dtype in accepted else img.to(accepted[0])


def restore(batch: Tensor, like: Tensor) -> Tensor:
    """The inverse of `as_float_batch`: rounded to the integer type of `like`, without the added dimension."""
    if like.ndim < 4:
        batch = batch.squeeze(0)
    if batch.dtype != like.dtype:
        if not like.is_floating_point() and like.dtype in _LARGEST:
            batch = batch.round()
        batch = batch.to(like.dtype)
    return batch
