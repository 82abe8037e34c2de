"""Blur and sharpness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import Tensor, exp, float32, linspace, nn, ones
from ._color import blend, check_factor
from ._common import as_float_batch, check_image_tensor, check_pil, is_pil_image, pillow, restore
from ._conversion import pil_to_tensor, to_pil_image


def _filter_channels(img: Tensor, kernel: Tensor, padding: list[int] | None) -> Tensor:
    """Each channel of `img` (..., C, H, W) convolved with `kernel` (kh, kw)."""
    channels = img.shape[-3]
    batch = as_float_batch(img, kernel.dtype)
    if padding is not None:
        batch = nn.functional.pad(batch, padding, mode="reflect")
    result = nn.functional.conv2d(
        batch, kernel.expand(channels, 1, *kernel.shape), groups=batch.shape[-3]
    )
    return restore(result, img)


def _gaussian(size: int, sigma: float, like: dict) -> Tensor:
    half = (size - 1) * 0.5
    density = exp(-0.5 * (linspace(-half, half, size, **like) / sigma).pow(2))
    return density / density.sum()


def gaussian_blur(
    img: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Any:
    """Convolve with a Gaussian, the image mirrored about its outermost pixels.

    Args:
        img: a PIL image or a tensor (..., C, H, W).
        kernel_size: odd width, or (width, height), of the kernel.
        sigma: standard deviation in pixels, or (along x, along y); default: 0.15 * size + 0.35.

    Raises:
        TypeError, ValueError: for arguments of other kinds, or sizes and deviations that are not positive.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.gaussian_blur(torch.eye(3).unsqueeze(0), 3, 1.0)[0, 1]
        tensor([0.3715, 0.3544, 0.3715])
    """
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(
            f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}"
        )
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    deviations = [float(sigma)] if isinstance(sigma, (int, float)) else list(sigma)
    if len(deviations) == 1:
        deviations *= 2
    if len(deviations) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(deviations)}")
    if any(deviation <= 0.0 for deviation in deviations):
        raise ValueError(f"sigma should have positive values. Got {deviations}")
    if not isinstance(img, Tensor):
        if not is_pil_image(img):
            raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
        return to_pil_image(_blur(pil_to_tensor(img), sizes, deviations), mode=img.mode)
    return _blur(img, sizes, deviations)


def _blur(img: Tensor, sizes: list[int], deviations: list[float]) -> Tensor:
    check_image_tensor(img)
    like = {"dtype": img.dtype if img.is_floating_point() else float32, "device": img.device}
    across, down = (_gaussian(size, s, like) for size, s in zip(sizes, deviations))
    width, height = (size // 2 for size in sizes)
    return _filter_channels(img, down[:, None].mm(across[None, :]), [width, width, height, height])


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """Move all values away from a slightly blurred image: 0 gives that one, 1 the image itself.

    Args:
        img: a PIL image or a tensor (..., 1 or 3, H, W).
        sharpness_factor: not negative for tensors.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.adjust_sharpness(torch.eye(3).unsqueeze(0), 0.0)[0, 1]
        tensor([0.0000, 0.5385, 0.0000])
    """
    if not isinstance(img, Tensor):
        return pillow("ImageEnhance").Sharpness(check_pil(img)).enhance(sharpness_factor)
    check_factor("sharpness_factor", sharpness_factor)
    blurred = softened(img)
    return img if blurred is None else blend(img, blurred, sharpness_factor)


def softened(img: Tensor) -> Tensor | None:
    """`img` (..., 1 or 3, H, W) slightly blurred but for its outermost pixels; None: it has no others."""
    check_image_tensor(img, channels=(1, 3))
    if min(img.shape[-2:]) <= 2:
        return None
    kernel = ones(
        (3, 3), dtype=img.dtype if img.is_floating_point() else float32, device=img.device
    )
    kernel[1, 1] = 5.0
    blurred = img.clone()
    blurred[..., 1:-1, 1:-1] = _filter_channels(img, kernel / kernel.sum(), None)
    return blurred
