"""Values of pixels: brightness, contrast, colours, grey levels, and boxes that are erased."""

from __future__ import annotations

from typing import Any

from ... import (
    Tensor,
    arange,
    float32,
    float64,
    fmod,
    int64,
    ones_like,
    stack,
    tensor,
    uint8,
    where,
)
from ._common import (
    check_image_tensor,
    check_pil,
    get_dimensions,
    is_pil_image,
    max_value,
    pillow,
)
from ._conversion import convert_image_dtype, image_from_array

# Weights of red, green and blue in luma (ITU-R BT.601).
_LUMA = (0.2989, 0.587, 0.114)


def blend(img: Tensor, other: Tensor | None, ratio: float, v2: bool = False) -> Tensor:
    """ratio * img + (1 - ratio) * other, in the range and type of `img`; None: black.

    `v2`: rounded once, as `transforms.v2` does, which can change a byte by one.
    """
    ratio = float(ratio)
    mixed = ratio * img
    if other is not None:
        mixed = fused_add(mixed, other, 1.0 - ratio) if v2 else mixed + (1.0 - ratio) * other
    return mixed.clamp(0, max_value(img.dtype)).to(img.dtype)


def fused_add(base: Tensor, other: Tensor, factor: float) -> Tensor:
    """base + factor * other, rounded once (float32; of other types as usual)."""
    if base.dtype != float32:
        return base + factor * other
    # Products of two float32 numbers are exact in double precision.
    exact = base.to(float64) + other.to(float64) * tensor(factor).to(float64)
    return exact.to(float32)


def check_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Luma of an RGB image, in 1 or 3 equal channels.

    Args:
        img: a PIL image or a tensor (..., 1 or 3, H, W).
        num_output_channels: 1 or 3.

    Raises:
        ValueError: for another number of channels asked for.
        TypeError: for another number of channels of the image.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.rgb_to_grayscale(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1))
        tensor([[[0.2989]]])
    """
    if not isinstance(img, Tensor):
        return _pil_grey(check_pil(img), num_output_channels)
    check_image_tensor(img, channels=(1, 3), at_least=3)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(-3)
        grey = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
        grey = grey.to(img.dtype).unsqueeze(-3)
    else:
        grey = img.clone()
    return grey if num_output_channels == 1 else grey.expand(img.shape)


def _pil_grey(img: Any, channels: int) -> Any:
    if channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img.convert("L")
    return grey if channels == 1 else pillow().merge("RGB", (grey, grey, grey))


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` of a PIL image.

    Raises:
        TypeError: for anything but a PIL image.

    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import functional as F
        >>> F.to_grayscale(Image.new("RGB", (2, 2)), 3).mode
        'RGB'
    """
    if not is_pil_image(img):
        raise TypeError("Input should be PIL Image")
    return _pil_grey(img, num_output_channels)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Multiply all values: 0 gives black, 1 the image itself.

    Args:
        img: a PIL image or a tensor (..., 1 or 3, H, W).
        brightness_factor: not negative for tensors.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.adjust_brightness(torch.tensor([[[0.25, 0.75]]]), 2.0)
        tensor([[[0.5000, 1.0000]]])
    """
    if not isinstance(img, Tensor):
        return pillow("ImageEnhance").Brightness(check_pil(img)).enhance(brightness_factor)
    check_factor("brightness_factor", brightness_factor)
    check_image_tensor(img, channels=(1, 3))
    return blend(img, None, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Move all values away from the image's mean grey: 0 gives that grey, 1 the image itself.

    Args:
        img: a PIL image or a tensor (..., 1 or 3, H, W).
        contrast_factor: not negative for tensors.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.adjust_contrast(torch.tensor([[[0.25, 0.75]]]), 0.5)
        tensor([[[0.3750, 0.6250]]])
    """
    if not isinstance(img, Tensor):
        return pillow("ImageEnhance").Contrast(check_pil(img)).enhance(contrast_factor)
    check_factor("contrast_factor", contrast_factor)
    return blend(img, mean_grey(img), contrast_factor)


def mean_grey(img: Tensor) -> Tensor:
    """(..., 1, 1, 1): the mean luma of `img` (..., 1 or 3, H, W)."""
    check_image_tensor(img, channels=(3, 1))
    grey = rgb_to_grayscale(img) if get_dimensions(img)[0] == 3 else img
    values = grey if img.is_floating_point() else grey.to(float32)
    return values.mean(dim=(-3, -2, -1), keepdim=True)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Move colours away from their grey: 0 gives a grey image, 1 the image itself.

    Args:
        img: a PIL image or a tensor (..., 1 or 3, H, W).
        saturation_factor: not negative for tensors.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.adjust_saturation(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1), 0.0).flatten()
        tensor([0.2989, 0.2989, 0.2989])
    """
    if not isinstance(img, Tensor):
        return pillow("ImageEnhance").Color(check_pil(img)).enhance(saturation_factor)
    check_factor("saturation_factor", saturation_factor)
    check_image_tensor(img, channels=(1, 3))
    if get_dimensions(img)[0] == 1:
        return img
    return blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Turn the hue, by `hue_factor` of a full turn.

    Args:
        img: a PIL image or a tensor (..., 1 or 3, H, W).
        hue_factor: from -0.5 to 0.5.

    Raises:
        ValueError: for a factor outside.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.adjust_hue(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1), 0.5).flatten()
        tensor([0., 1., 1.])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not isinstance(img, Tensor):
        return _pil_hue(check_pil(img), hue_factor)
    check_image_tensor(img, channels=(1, 3))
    if get_dimensions(img)[0] == 1:
        return img
    turned = turn_hue(convert_image_dtype(img, float32), hue_factor)
    return convert_image_dtype(turned, img.dtype)


def turn_hue(img: Tensor, hue_factor: float, v2: bool = False) -> Tensor:
    """`img` (..., 3, H, W) of floats; `v2`: rounded as `transforms.v2` rounds, which can change a byte by one."""
    hue, saturation, value = _rgb_to_hsv(img, v2)
    return _hsv_to_rgb((hue + hue_factor) % 1.0, saturation, value, v2)


def _pil_hue(img: Any, hue_factor: float) -> Any:
    import numpy

    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    # Bytes wrap around, as hues do; the factor is truncated towards zero first.
    turned = numpy.asarray(hue, dtype=numpy.uint8) + numpy.uint8(int(hue_factor * 255) % 256)
    merged = pillow().merge("HSV", (image_from_array(turned, "L"), saturation, value))
    return merged.convert(img.mode)


def _rgb_to_hsv(img: Tensor, v2: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and value, each in [0, 1], (..., H, W)."""
    red, green, blue = img.unbind(-3)
    top, bottom = img.max(dim=-3).values, img.min(dim=-3).values
    spread, grey = top - bottom, top == bottom
    one = ones_like(top)
    saturation = spread / where(grey, one, top)
    divisor = where(grey, one, spread)
    r, g, b = ((top - colour) / divisor for colour in (red, green, blue))
    is_red = top == red
    is_green = (top == green) & ~is_red
    hue = is_red * (b - g) + is_green * (2.0 + r - b) + ~(is_red | is_green) * (4.0 + g - r)
    hue = hue * (1.0 / 6.0) if v2 else hue / 6.0
    return fmod(hue + 1.0, 1.0), saturation, top


def _hsv_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor, v2: bool) -> Tensor:
    """(..., 3, H, W)."""
    sixth = (hue * 6.0).floor()
    rest = hue * 6.0 - sixth
    low = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * rest)).clamp(0.0, 1.0)
    if v2:
        rising = (value * (saturation * rest + (1.0 - saturation))).clamp(0.0, 1.0)
    else:
        rising = (value * (1.0 - saturation * (1.0 - rest))).clamp(0.0, 1.0)
    levels = stack((value, falling, low, rising))
    # Row: which of these levels a colour has in each sixth of the circle.
    wheel = hue.new_tensor(
        [[0, 1, 2, 2, 3, 0], [3, 0, 0, 1, 2, 2], [2, 2, 3, 0, 0, 1]], dtype=int64
    )
    choice = wheel[:, sixth.to(int64) % 6]
    return levels.gather(0, choice).movedim(0, -3)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain * value^gamma, for values in [0, 1].

    Args:
        img: a PIL image or a tensor (..., 1 or 3, H, W).
        gamma: not negative; above 1 makes shadows darker.
        gain: factor.

    Raises:
        ValueError: for a negative gamma.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.adjust_gamma(torch.tensor([[[0.5, 1.0]]]), 2.0)
        tensor([[[0.2500, 1.0000]]])
    """
    if isinstance(img, Tensor):
        check_image_tensor(img, channels=(1, 3))
    else:
        check_pil(img)
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if not isinstance(img, Tensor):
        # 255.999 keeps 255 at 255 in spite of truncation.
        levels = [int(255.999 * gain * pow(level / 255.0, gamma)) for level in range(256)]
        return img.convert("RGB").point(levels * 3).convert(img.mode)
    floats = img if img.is_floating_point() else convert_image_dtype(img, float32)
    return convert_image_dtype((gain * floats.pow(gamma)).clamp(0, 1), img.dtype)


def invert(img: Any) -> Any:
    """The largest value minus each value.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.invert(torch.tensor([[[0, 255]]], dtype=torch.uint8))
        tensor([[[255,   0]]], dtype=torch.uint8)
    """
    if not isinstance(img, Tensor):
        return pillow("ImageOps").invert(check_pil(img))
    check_image_tensor(img, channels=(1, 3), at_least=3)
    return max_value(img.dtype) - img


def posterize(img: Any, bits: int) -> Any:
    """Keep the `bits` upper bits of each byte.

    Raises:
        ValueError: for a number outside 0 ... 8.
        TypeError: for a tensor that is not of bytes.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.posterize(torch.tensor([[[15, 255]]], dtype=torch.uint8), 4)
        tensor([[[  0, 240]]], dtype=torch.uint8)
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if not isinstance(img, Tensor):
        return pillow("ImageOps").posterize(check_pil(img), bits)
    check_image_tensor(img, at_least=3)
    _check_bytes(img)
    check_image_tensor(img, channels=(1, 3))
    return img & (256 - int(2 ** (8 - bits)))


def _check_bytes(img: Tensor) -> None:
    if img.dtype != uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def solarize(img: Any, threshold: float) -> Any:
    """Invert the values that are not below the threshold.

    Raises:
        TypeError: for a threshold above a tensor's largest value.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.solarize(torch.tensor([[[0.25, 0.75]]]), 0.5)
        tensor([[[0.2500, 0.2500]]])
    """
    if not isinstance(img, Tensor):
        return pillow("ImageOps").solarize(check_pil(img), threshold)
    check_image_tensor(img, channels=(1, 3), at_least=3)
    if threshold > max_value(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return where(img >= threshold, invert(img), img)


def autocontrast(img: Any) -> Any:
    """Stretch each channel, so that its values reach from 0 to the largest one.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.autocontrast(torch.tensor([[[0.25, 0.5, 0.75]]]))
        tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    if not isinstance(img, Tensor):
        return pillow("ImageOps").autocontrast(check_pil(img))
    lowest, spread, bound = value_range(img)
    scale = spread.reciprocal() * bound
    flat = ~scale.isfinite()  # a channel of one value stays as it is
    lowest, scale = lowest.masked_fill(flat, 0), scale.masked_fill(flat, 1)
    return ((img - lowest) * scale).clamp(0, bound).to(img.dtype)


def value_range(img: Tensor) -> tuple[Tensor, Tensor, int]:
    """Of each channel: the smallest value and the distance of the largest; and what that could be."""
    check_image_tensor(img, channels=(1, 3), at_least=3)
    dtype = img.dtype if img.is_floating_point() else float32
    lowest = img.amin(dim=(-2, -1), keepdim=True).to(dtype)
    spread = img.amax(dim=(-2, -1), keepdim=True).to(dtype) - lowest
    return lowest, spread, max_value(img.dtype)


def equalize(img: Any) -> Any:
    """Make the values of each channel about equally frequent.

    Args:
        img: a PIL image or a tensor of bytes ([N,] 1 or 3, H, W).

    Raises:
        TypeError: for other tensors.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.equalize(torch.full((1, 4, 4), 7, dtype=torch.uint8)).unique()
        tensor([7], dtype=torch.uint8)
    """
    if not isinstance(img, Tensor):
        return pillow("ImageOps").equalize(check_pil(img))
    check_image_tensor(img)
    if img.ndim not in (3, 4):
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _check_bytes(img)
    check_image_tensor(img, channels=(1, 3))
    height, width = img.shape[-2:]
    # (channels, 256): how often each channel, of all images, has each value
    flat = img.reshape(-1, height * width).to(int64)
    channels = flat.shape[0]
    offsets = arange(channels, device=img.device).mul(256).unsqueeze(1)
    counts = (flat + offsets).reshape(-1).bincount(minlength=256 * channels).view(channels, 256)
    # The step between new values leaves out the highest value present, which is to become 255.
    highest = flat.amax(1, keepdim=True) if height * width else flat.new_zeros(channels, 1)
    step = (height * width - counts.gather(1, highest)) // 255
    below = counts.cumsum(1) - counts  # how many values are smaller
    table = ((below + step // 2) // step.clamp(min=1)).clamp(0, 255)
    table = where(step > 0, table, arange(256, device=img.device)).to(uint8)
    return table.gather(1, flat).view(img.shape)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """Set the box of `h` x `w` whose upper left corner is at (row i, column j) to `v`.

    Args:
        img: a tensor (..., H, W).
        v: anything that broadcasts to the box.
        inplace: change `img` itself.

    Raises:
        TypeError: for anything but a tensor.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.erase(torch.ones(1, 2, 3), 0, 1, 2, 1, torch.tensor(0.0))
        tensor([[[1., 0., 1.],
                 [1., 0., 1.]]])
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    check_image_tensor(img)
    if not inplace:
        img = img.clone()
    img[..., i : i + h, j : j + w] = v
    return img
