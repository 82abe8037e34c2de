"""Between PIL images, arrays and tensors, and between types of tensors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ... import Tensor, as_tensor, float32, float64, from_numpy, get_default_dtype, int32, int64
from ._common import get_dimensions, is_pil_image, max_value, pillow

_NATIVE_I16 = "I;16" if sys.byteorder == "little" else "I;16B"


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an (H, W) or (H, W, C) array as a tensor (C, H, W); bytes become floats in [0, 1].

    Raises:
        TypeError: for anything else.
        ValueError: for an array of another number of dimensions.

    Example:
        >>> import numpy
        >>> from rushlight.vision.transforms import functional as F
        >>> F.to_tensor(numpy.array([[0, 51], [102, 255]], dtype="uint8"))
        tensor([[[0.0000, 0.2000],
                 [0.4000, 1.0000]]])
    """
    import numpy

    if isinstance(pic, numpy.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    elif is_pil_image(pic):
        types = {"I": numpy.int32, _NATIVE_I16: numpy.int16, "F": numpy.float32}
        array = _pil_array(pic, types.get(pic.mode, numpy.uint8))
        if pic.mode == "1":
            array *= 255
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    planes = numpy.ascontiguousarray(array.transpose(2, 0, 1))
    img = from_numpy(planes)
    return img.to(get_default_dtype()).div_(255) if planes.dtype == numpy.uint8 else img


def _pil_array(pic: Any, dtype: Any = None) -> Any:
    """(H, W, C), writable."""
    import numpy

    return numpy.array(pic, dtype, copy=True).reshape(pic.height, pic.width, len(pic.getbands()))


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image as a tensor (C, H, W) of its own type, unscaled.

    Raises:
        TypeError: for anything but a PIL image.

    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import functional as F
        >>> F.pil_to_tensor(Image.new("RGB", (2, 1), (1, 2, 3))).tolist()
        [[[1, 1]], [[2, 2]], [[3, 3]]]
    """
    import numpy

    if not is_pil_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    array = _pil_array(pic)
    if array.dtype == numpy.uint16:  # tensors have no such type; this one holds its values
        array = array.astype(numpy.int32)
    return from_numpy(array).permute(2, 0, 1)


def convert_image_dtype(image: Tensor, dtype: Any = float32) -> Tensor:
    """An image tensor in another type, its values scaled: integers fill their positive range, floats [0, 1].

    Raises:
        TypeError: for anything but a tensor.
        RuntimeError: from float32 to int32 or int64, or from float64 to int64, which floats cannot fill.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.convert_image_dtype(torch.tensor([0, 255], dtype=torch.uint8))
        tensor([0., 1.])
        >>> F.convert_image_dtype(torch.tensor([0.0, 0.5, 1.0]), torch.uint8)
        tensor([  0, 127, 255], dtype=torch.uint8)
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        lossy = {float32: (int32, int64), float64: (int64,)}
        if dtype in lossy.get(image.dtype, ()):
            raise RuntimeError(
                f"The cast from {image.dtype} to {dtype} cannot be performed safely."
            )
        # Truncation then gives each integer an almost equal share of [0, 1].
        return image.mul(max_value(dtype) + 1.0 - 1e-3).to(dtype)
    largest = max_value(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / float(largest)
    wanted = max_value(dtype)
    if largest > wanted:
        return image.div((largest + 1) // (wanted + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (largest + 1))


# By number of channels: how the message calls it, and the modes that can be asked for.
_MODES = {
    2: ("2D", ["LA"]),
    3: ("3D", ["RGB", "YCbCr", "HSV"]),
    4: ("4D", ["RGBA", "CMYK", "RGBX"]),
}


def _image_mode(dtype: Any, channels: int, asked: str | None) -> str:
    """The mode of a PIL image made from an array."""
    import numpy

    if channels == 1:
        ours = {"uint8": "L", "int16": _NATIVE_I16, "int32": "I", "float32": "F"}.get(dtype.name)
        if asked is not None and asked != ours:
            raise ValueError(
                f"Incorrect mode ({asked}) supplied for input type {numpy.dtype}. Should be {ours}"
            )
        asked = ours
    else:
        name, permitted = _MODES[channels]
        if asked is not None and asked not in permitted:
            raise ValueError(f"Only modes {permitted} are supported for {name} inputs")
        if asked is None and dtype == numpy.uint8:
            asked = permitted[0]
    if asked is None:
        raise TypeError(f"Input type {dtype} is not supported")
    return asked


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A (C, H, W) or (H, W) tensor, or an (H, W[, C]) array, as a PIL image; floats in [0, 1] become bytes.

    Args:
        pic: the image.
        mode: PIL's name of the colour space; default: by type and number of channels.

    Raises:
        TypeError: for anything else, or an element type without a mode.
        ValueError: for other dimensions, more than 4 channels, or a mode that does not fit.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.to_pil_image(torch.ones(3, 4, 5)).getpixel((0, 0))
        (255, 255, 255)
    """
    import numpy

    if isinstance(pic, Tensor):
        array = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).detach().cpu().numpy()
    elif isinstance(pic, numpy.ndarray):
        array = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    channels = array.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if numpy.issubdtype(array.dtype, numpy.floating) and mode != "F":
        array = (array * 255).astype(numpy.uint8)
    mode = _image_mode(array.dtype, channels, mode)
    return image_from_array(array[:, :, 0] if channels == 1 else array, mode)


def image_from_array(array: Any, mode: str) -> Any:
    """An (H, W[, C]) array, whose bytes are already those of `mode`, as a PIL image."""
    height, width = array.shape[:2]
    return pillow().frombuffer(mode, (width, height), array.tobytes(), "raw", mode, 0, 1)


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """(tensor - mean) / std per channel of a float tensor (..., C, H, W).

    Raises:
        TypeError: for anything but a float tensor.
        ValueError: for less than three dimensions, or a zero in `std`.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.normalize(torch.ones(1, 1, 2), [0.5], [0.25])
        tensor([[[2., 2.]]])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    get_dimensions(tensor)
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.size()}"
        )
    means = as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    stds = as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if (stds == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero."
        )
    means = means.view(-1, 1, 1) if means.ndim == 1 else means
    stds = stds.view(-1, 1, 1) if stds.ndim == 1 else stds
    if inplace or max(means.numel(), stds.numel()) > tensor.shape[-3]:
        # More statistics than channels: in place, the operators say so.
        return (tensor if inplace else tensor.clone()).sub_(means).div_(stds)
    return tensor.sub(means).div_(stds)
