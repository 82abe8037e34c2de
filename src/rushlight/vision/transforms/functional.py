"""The transforms as functions. PIL and numpy are imported when a call needs them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from ... import Tensor, as_tensor, from_numpy
from ... import nn as _nn


class InterpolationMode(Enum):
    """How `resize` makes new pixels."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_FILTERS = {
    "nearest": 0,
    "nearest-exact": 0,
    "lanczos": 1,
    "bilinear": 2,
    "bicubic": 3,
    "box": 4,
    "hamming": 5,
}


def is_pil_image(value: Any) -> bool:
    """Whether `value` is a PIL image, asked without importing PIL."""
    return any(
        t.__module__.startswith("PIL.") and t.__name__ == "Image" for t in type(value).__mro__
    )


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of a PIL image or a tensor."""
    if isinstance(img, Tensor):
        return [img.shape[-3] if img.ndim > 2 else 1, img.shape[-2], img.shape[-1]]
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an (H, W) or (H, W, C) array as a (C, H, W) tensor; bytes become float32 in [0, 1].

    Raises:
        TypeError: for anything else. ValueError: for an array of another number of dimensions.
    """
    import numpy

    if not is_pil_image(pic) and not isinstance(pic, numpy.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if isinstance(pic, numpy.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        array = _pil_array(pic)
        if pic.mode == "1":
            array = 255 * array
    img = from_numpy(numpy.ascontiguousarray(array.transpose(2, 0, 1)))
    return img.float().div(255) if array.dtype == numpy.uint8 else img


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image as a (C, H, W) tensor of its own type, unscaled."""
    import numpy

    if not is_pil_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return from_numpy(numpy.ascontiguousarray(_pil_array(pic).transpose(2, 0, 1)))


def _pil_array(pic: Any) -> Any:
    """(H, W, C), writable."""
    import numpy

    wide = {"I": numpy.int32, "I;16": numpy.int16, "I;16B": numpy.int16, "F": numpy.float32}
    array = numpy.array(pic, wide.get(pic.mode, numpy.uint8), copy=True)
    return array.reshape(pic.height, pic.width, len(pic.getbands()))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A (C, H, W) or (H, W) tensor, or an (H, W[, C]) array, as a PIL image; floats in [0, 1] become bytes."""
    import numpy
    from PIL import Image

    if isinstance(pic, Tensor):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        channels = pic if pic.ndim == 3 else pic.unsqueeze(0)
        if channels.is_floating_point() and mode != "F":
            channels = channels.mul(255).byte()
        array = numpy.ascontiguousarray(channels.cpu().numpy().transpose(1, 2, 0))
    elif isinstance(pic, numpy.ndarray):
        array = pic if pic.ndim == 3 else pic[:, :, None]
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.shape[2] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array, mode=mode)


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """(tensor - mean) / std per channel of a float tensor (..., C, H, W)."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.size()}"
        )
    if not inplace:
        tensor = tensor.clone()
    means = as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    stds = as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if (stds == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero."
        )
    means = means.view(-1, 1, 1) if means.ndim == 1 else means
    stds = stds.view(-1, 1, 1) if stds.ndim == 1 else stds
    return tensor.sub_(means).div_(stds)


def _output_size(img: Any, size: int | Sequence[int], max_size: int | None) -> tuple[int, int]:
    """(height, width) of the result: a single number is the length of the shorter edge."""
    if not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge"
            )
        return int(size[0]), int(size[1])
    shorter = size if isinstance(size, int) else size[0]
    _, height, width = get_dimensions(img)
    short, long = min(height, width), max(height, width)
    new_short, new_long = shorter, int(shorter * long / short)
    if max_size is not None:
        if max_size <= shorter:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Resize a PIL image or a tensor (..., H, W) to `size`: (height, width), or the shorter edge."""
    if not is_pil_image(img) and not isinstance(img, Tensor):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    interpolation = InterpolationMode(interpolation)
    height, width = _output_size(img, size, max_size)
    if get_image_size(img) == [width, height]:
        return img
    if is_pil_image(img):
        return img.resize((width, height), _PIL_FILTERS[interpolation.value])
    smooth = interpolation in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    batched = img if img.ndim >= 4 else img.reshape((1,) * (4 - img.ndim) + tuple(img.shape))
    floating = batched if batched.is_floating_point() else batched.float()
    result = _nn.functional.interpolate(
        floating,
        size=[height, width],
        mode=interpolation.value,
        align_corners=False if smooth else None,
        antialias=bool(antialias) and smooth,
    )
    if not img.is_floating_point():
        if interpolation is InterpolationMode.BICUBIC and str(img.dtype).endswith("uint8"):
            result = result.clamp(0, 255)
        result = result.round().to(img.dtype)
    return result.reshape(tuple(img.shape[:-2]) + (height, width))


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle (height, width) of the image, padded with zeros where it is smaller."""
    sizes = (
        (output_size, output_size)
        if isinstance(output_size, int)
        else tuple(output_size) * (2 // len(output_size))
    )
    crop_height, crop_width = sizes
    _, height, width = get_dimensions(img)
    if crop_width > width or crop_height > height:
        left, top = max((crop_width - width) // 2, 0), max((crop_height - height) // 2, 0)
        right, bottom = (
            max((crop_width - width + 1) // 2, 0),
            max((crop_height - height + 1) // 2, 0),
        )
        img = _pad_zero(img, left, top, right, bottom)
        _, height, width = get_dimensions(img)
    top, left = int(round((height - crop_height) / 2.0)), int(round((width - crop_width) / 2.0))
    return crop(img, top, left, crop_height, crop_width)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The box of `height` x `width` whose upper left corner is at (top, left)."""
    if is_pil_image(img):
        return img.crop((left, top, left + width, top + height))
    return img[..., top : top + height, left : left + width]


def _pad_zero(img: Any, left: int, top: int, right: int, bottom: int) -> Any:
    if isinstance(img, Tensor):
        return _nn.functional.pad(img, [left, right, top, bottom])
    from PIL import ImageOps

    return ImageOps.expand(img, border=(left, top, right, bottom), fill=0)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Luma of an RGB image, in 1 or 3 equal channels."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if is_pil_image(img):
        import numpy
        from PIL import Image

        grey = img.convert("L")
        return (
            grey
            if num_output_channels == 1
            else Image.fromarray(numpy.dstack([numpy.array(grey)] * 3))
        )
    if img.shape[-3] == 1:
        grey = img.clone()
    else:
        red, green, blue = img.unbind(-3)
        grey = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(-3)
    return grey if num_output_channels == 1 else grey.expand(img.shape)
