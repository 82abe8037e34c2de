"""Values of pixels, blur, noise and erasing of images and videos; masks, boxes and key points have no such kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..... import Tensor, float32, int16, randn_like, stack, tensor, uint8
from ... import _color as v1
from ..._common import max_value
from ..._conversion import convert_image_dtype, pil_to_tensor, to_pil_image
from ..._filtering import adjust_sharpness as _adjust_sharpness
from ..._filtering import gaussian_blur as _gaussian_blur
from ..._filtering import softened
from ._geometry import frames
from ._meta import to_dtype_image
from ._registry import functional


@frames
def rgb_to_grayscale_image(image: Any, num_output_channels: int = 1) -> Any:
    if isinstance(image, Tensor) and image.shape[-3] == 1 and num_output_channels == 3:
        return image.expand(*image.shape[:-3], 3, *image.shape[-2:])
    return v1.rgb_to_grayscale(image, num_output_channels)


@frames
def grayscale_to_rgb_image(image: Any) -> Any:
    """Three equal channels of a grey image; others stay."""
    if not isinstance(image, Tensor):
        return image.convert(mode="RGB")
    if image.shape[-3] >= 3:
        return image
    return rgb_to_grayscale_image(image, 3)


@frames
def adjust_brightness_image(image: Any, brightness_factor: float) -> Any:
    return v1.adjust_brightness(image, brightness_factor)


@frames
def adjust_contrast_image(image: Any, contrast_factor: float) -> Any:
    if not isinstance(image, Tensor) or contrast_factor < 0:
        return v1.adjust_contrast(image, contrast_factor)
    return v1.blend(image, v1.mean_grey(image), contrast_factor, v2=True)


@frames
def adjust_saturation_image(image: Any, saturation_factor: float) -> Any:
    if not isinstance(image, Tensor) or image.shape[-3] != 3 or saturation_factor < 0:
        return v1.adjust_saturation(image, saturation_factor)
    return v1.blend(image, v1.rgb_to_grayscale(image), saturation_factor, v2=True)


@frames
def adjust_hue_image(image: Any, hue_factor: float) -> Any:
    if not isinstance(image, Tensor) or image.shape[-3] != 3 or not -0.5 <= hue_factor <= 0.5:
        return v1.adjust_hue(image, hue_factor)
    turned = v1.turn_hue(to_dtype_image(image, float32, scale=True), hue_factor, v2=True)
    return to_dtype_image(turned, image.dtype, scale=True)


@frames
def adjust_gamma_image(image: Any, gamma: float, gain: float = 1.0) -> Any:
    return v1.adjust_gamma(image, gamma, gain)


@frames
def adjust_sharpness_image(image: Any, sharpness_factor: float) -> Any:
    if not isinstance(image, Tensor):
        return _adjust_sharpness(image, sharpness_factor)
    if sharpness_factor < 0:
        raise ValueError(f"sharpness_factor ({sharpness_factor}) is not non-negative.")
    blurred = softened(image)
    if blurred is None:
        return image
    # Rounded otherwise than v1: the difference is scaled, not each image.
    floats = image if image.is_floating_point() else image.float()
    sharp = v1.fused_add(floats, blurred - floats, 1.0 - sharpness_factor)
    return sharp.clamp(0, max_value(image.dtype)).to(image.dtype)


@frames
def posterize_image(image: Any, bits: int) -> Any:
    """Floats and larger integers by their `bits` upper bits, too."""
    if not isinstance(image, Tensor) or image.dtype == uint8:
        return v1.posterize(image, bits)
    if image.is_floating_point():
        levels = 1 << bits
        return image.mul(levels).floor().clamp(0, levels - 1).mul(1.0 / levels)
    kept = max_value(image.dtype).bit_length() - bits
    return image if kept <= 0 else image & -(1 << kept)


@frames
def solarize_image(image: Any, threshold: float) -> Any:
    if isinstance(image, Tensor) and threshold > max_value(image.dtype):
        raise TypeError(
            f"Threshold should be less or equal the maximum value of the dtype, but got {threshold}"
        )
    return v1.solarize(image, threshold)


@frames
def autocontrast_image(image: Any) -> Any:
    if not isinstance(image, Tensor):
        return v1.autocontrast(image)
    lowest, spread, bound = v1.value_range(image)
    flat = spread == 0  # a channel of one value stays as it is
    unit = (spread * (1.0 / bound)).masked_fill(flat, 1)
    # Rounded otherwise than v1: divided by the size of a step.
    return ((image - lowest.masked_fill(flat, 0)) / unit).clamp(0, bound).to(image.dtype)


@frames
def equalize_image(image: Any) -> Any:
    """Other types are equalized as bytes."""
    if isinstance(image, Tensor) and image.dtype != uint8:
        return convert_image_dtype(v1.equalize(convert_image_dtype(image, uint8)), image.dtype)
    return v1.equalize(image)


@frames
def invert_image(image: Any) -> Any:
    return v1.invert(image)


@frames
def permute_channels_image(image: Any, permutation: Sequence[int]) -> Any:
    """The channels in another order.

    Raises:
        ValueError: for a permutation of another length.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.permute_channels(torch.tensor([1, 2, 3]).view(3, 1, 1), [2, 0, 1]).flatten().tolist()
        [3, 1, 2]
    """
    if not isinstance(image, Tensor):
        return to_pil_image(permute_channels_image(pil_to_tensor(image), permutation))
    if len(permutation) != image.shape[-3]:
        raise ValueError(
            f"Length of permutation does not match number of channels: {len(permutation)} != {image.shape[-3]}"
        )
    order = tensor([int(p) for p in permutation], device=image.device)
    return image.index_select(-3, order)


@frames
def gaussian_blur_image(
    image: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Any:
    return _gaussian_blur(image, kernel_size, sigma)


def gaussian_noise_image(
    image: Any, mean: float = 0.0, sigma: float = 0.1, clip: bool = True
) -> Any:
    """The image with normal noise added, of mean `mean` and standard deviation `sigma`, in units of its full range.

    Args:
        image: an image, of bytes or floats.
        clip: cut values off at the ends of the range.

    Raises:
        ValueError: for other types, or a negative sigma.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.gaussian_noise(torch.zeros(1, 1, 2), mean=0.5, sigma=0.0)
        tensor([[[0.5000, 0.5000]]])
    """
    if not isinstance(image, Tensor):
        raise ValueError("noise is added to tensors alone: convert the PIL image by ToImage first")
    if not (image.dtype == uint8 or image.is_floating_point()):
        raise ValueError(
            f"Input tensor is expected to be in uint8 or float dtype, got {image.dtype}"
        )
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if image.dtype == uint8:
        noise = (mean + randn_like(image.float()) * sigma) * 255
        bytes_ = image.to(int16) + noise.to(int16)
        return (bytes_.clamp(0, 255) if clip else bytes_).to(uint8)
    noisy = image + (mean + randn_like(image) * sigma)
    return noisy.clamp(0, 1) if clip else noisy


def erase_image(image: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    if not isinstance(image, Tensor):
        return to_pil_image(v1.erase(pil_to_tensor(image), i, j, h, w, v, True))
    return v1.erase(image, i, j, h, w, v, inplace)


def jpeg_image(image: Any, quality: int) -> Any:
    """The image as it comes back from a JPEG file.

    Args:
        image: a PIL image or a tensor of bytes (..., 1 or 3, H, W).
        quality: 1 (worst) to 100.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.jpeg(torch.zeros(3, 8, 8, dtype=torch.uint8), 50).shape
        torch.Size([3, 8, 8])
    """
    if isinstance(image, Tensor):
        from ....io import decode_jpeg, encode_jpeg

        if image.ndim == 3:
            return decode_jpeg(encode_jpeg(image, quality))
        parts = [decode_jpeg(encode_jpeg(part, quality)) for part in image.flatten(0, -4)]
        return stack(parts).view(image.shape)
    from io import BytesIO

    from ..._common import pillow

    with BytesIO() as file:
        image.save(file, format="JPEG", quality=quality)
        file.seek(0)
        return pillow().open(file).convert(image.mode)


def _of_images(image: Callable, pil: bool = True) -> Callable:
    return functional(image, pil=image if pil else None)


rgb_to_grayscale = _of_images(rgb_to_grayscale_image)
grayscale_to_rgb = _of_images(grayscale_to_rgb_image)
adjust_brightness = _of_images(adjust_brightness_image)
adjust_contrast = _of_images(adjust_contrast_image)
adjust_saturation = _of_images(adjust_saturation_image)
adjust_hue = _of_images(adjust_hue_image)
adjust_gamma = _of_images(adjust_gamma_image)
adjust_sharpness = _of_images(adjust_sharpness_image)
posterize = _of_images(posterize_image)
solarize = _of_images(solarize_image)
autocontrast = _of_images(autocontrast_image)
equalize = _of_images(equalize_image)
invert = _of_images(invert_image)
permute_channels = _of_images(permute_channels_image)
gaussian_blur = _of_images(gaussian_blur_image)
gaussian_noise = _of_images(gaussian_noise_image)
erase = _of_images(erase_image)
jpeg = _of_images(jpeg_image)
