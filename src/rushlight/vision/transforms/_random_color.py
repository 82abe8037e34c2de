"""Random changes of colours and values, blur, and erasing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import Any

from ... import Tensor, empty, float32, rand, randperm
from ... import tensor as _tensor
from ...nn.modules.module import Module
from . import functional as F
from ._arguments import uniform
from ._common import pair
from ._random_geometry import _integer, check_scale_and_ratio, drawn_boxes

_Range = float | tuple[float, float]


class ColorJitter(Module):
    """Change brightness, contrast, saturation and hue at random, in random order.

    Args:
        brightness, contrast, saturation: (smallest, largest) factor, or a number x for (max(0, 1 - x), 1 + x).
        hue: (smallest, largest) part of a full turn, within (-0.5, 0.5), or a number x for (-x, x).

    Raises:
        TypeError, ValueError: for arguments of other kinds or outside their bounds.

    Example:
        >>> from rushlight.vision.transforms import ColorJitter
        >>> ColorJitter(0.5, hue=0.1)
        ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=(-0.1, 0.1))
    """

    def __init__(
        self,
        brightness: _Range = 0,
        contrast: _Range = 0,
        saturation: _Range = 0,
        hue: _Range = 0,
    ) -> None:
        super().__init__()
        self.brightness = self._check_input(brightness, "brightness")
        self.contrast = self._check_input(contrast, "contrast")
        self.saturation = self._check_input(saturation, "saturation")
        self.hue = self._check_input(
            hue, "hue", center=0, bound=(-0.5, 0.5), clip_first_on_zero=False
        )

    def _check_input(
        self,
        value: Any,
        name: str,
        center: float = 1,
        bound: tuple[float, float] = (0, math.inf),
        clip_first_on_zero: bool = True,
    ) -> tuple[float, float] | None:
        if isinstance(value, Number):
            if value < 0:  # type: ignore[operator]
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            value = [center - float(value), center + float(value)]  # type: ignore[arg-type]
            if clip_first_on_zero:
                value[0] = max(value[0], 0.0)
        elif isinstance(value, (tuple, list)) and len(value) == 2:
            value = [float(value[0]), float(value[1])]
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= value[0] <= value[1] <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {value}.")
        return None if value[0] == value[1] == center else tuple(value)

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> tuple:
        """Draw (order, brightness, contrast, saturation, hue), None for what does not change."""
        order = randperm(4)
        ranges = (brightness, contrast, saturation, hue)
        return (order, *(None if r is None else uniform(r[0], r[1]) for r in ranges))

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for number in order.tolist():
            if factors[number] is not None:
                img = changes[number](img, factors[number])
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


class RandomGrayscale(Module):
    """Replace colours by their luma, with a probability; the number of channels stays.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomGrayscale
        >>> RandomGrayscale(p=1.0)(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)).flatten()
        tensor([0.2989, 0.2989, 0.2989])
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        channels = F.get_dimensions(img)[0]
        return F.rgb_to_grayscale(img, channels) if rand(1) < self.p else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomErasing(Module):
    """Erase a box of random area, shape and place, with a probability (https://arxiv.org/abs/1708.04896).

    Args:
        p: probability.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest height / width.
        value: put there: a number, one per channel, or "random" for normal noise.
        inplace: change the tensor itself.

    Raises:
        TypeError, ValueError: for arguments of other kinds or outside their bounds.

    Example:
        >>> from rushlight.vision.transforms import RandomErasing
        >>> erased = RandomErasing(p=1.0)(torch.ones(3, 16, 16))
        >>> bool((erased == 0).any())
        True
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, (Number, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        check_scale_and_ratio(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Tensor,
        scale: Sequence[float],
        ratio: Sequence[float],
        value: list[float] | None = None,
    ) -> tuple[int, int, int, int, Tensor]:
        """Draw (top, left, height, width, what to put there); after ten misses, the image itself."""
        channels, height, width = img.shape[-3:]
        box = erased_box(channels, height, width, scale, ratio, value)
        return (0, 0, height, width, img) if box is None else box

    def forward(self, img: Tensor) -> Tensor:
        if not rand(1) < self.p:
            return img
        value: Any = self.value
        if isinstance(value, str):
            value = None
        elif isinstance(value, (int, float)):
            value = [float(value)]
        elif isinstance(value, (list, tuple)):
            value = [float(v) for v in value]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        drawn = self.get_params(img, self.scale, self.ratio, value)
        return F.erase(img, *drawn, self.inplace)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )


def erased_box(
    channels: int,
    height: int,
    width: int,
    scale: Sequence[float],
    ratio: Sequence[float],
    value: list[float] | None,
) -> tuple[int, int, int, int, Tensor] | None:
    """(top, left, height, width, what to put there: `value`, or noise) of a random box; None: ten misses."""
    for area, aspect in drawn_boxes(height * width, scale, ratio):
        rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if not (rows < height and columns < width):
            continue
        if value is None:
            content = empty([channels, rows, columns], dtype=float32).normal_()
        else:
            content = _tensor(value)[:, None, None]
        top = _integer(0, height - rows + 1)
        return top, _integer(0, width - columns + 1), rows, columns, content
    return None


class GaussianBlur(Module):
    """Blur with a Gaussian of random width; see `functional.gaussian_blur`.

    Args:
        kernel_size: odd width, or (width, height), of the kernel.
        sigma: (smallest, largest) standard deviation in pixels, or one number.

    Raises:
        ValueError: for sizes and deviations that are not positive, or sizes that are even.

    Example:
        >>> from rushlight.vision.transforms import GaussianBlur
        >>> GaussianBlur(5)(torch.zeros(3, 16, 16)).shape
        torch.Size([3, 16, 16])
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, Number):
            if sigma <= 0:  # type: ignore[operator]
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        elif not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """Draw a standard deviation."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


class _WithProbability(Module):
    """A change that is made with the probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return self._change(img) if rand(1).item() < self.p else img

    def _change(self, img: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomInvert(_WithProbability):
    """Invert all values, with a probability; see `functional.invert`.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomInvert
        >>> RandomInvert(p=1.0)(torch.tensor([[[0.25]]]))
        tensor([[[0.7500]]])
    """

    def _change(self, img: Any) -> Any:
        return F.invert(img)


class RandomPosterize(_WithProbability):
    """Keep only the upper bits of each byte, with a probability; see `functional.posterize`.

    Args:
        bits: how many. p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomPosterize
        >>> RandomPosterize(bits=1, p=1.0)(torch.tensor([[[255]]], dtype=torch.uint8))
        tensor([[[128]]], dtype=torch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def _change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_WithProbability):
    """Invert the values above a threshold, with a probability; see `functional.solarize`.

    Args:
        threshold: values that are not below it change. p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomSolarize
        >>> RandomSolarize(threshold=0.5, p=1.0)(torch.tensor([[[0.25, 1.0]]]))
        tensor([[[0.2500, 0.0000]]])
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def _change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_WithProbability):
    """Change the sharpness, with a probability; see `functional.adjust_sharpness`.

    Args:
        sharpness_factor: 0 blurs, 1 changes nothing, 2 sharpens. p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomAdjustSharpness
        >>> RandomAdjustSharpness(2, p=1.0)(torch.zeros(3, 4, 4)).shape
        torch.Size([3, 4, 4])
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _change(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomAutocontrast(_WithProbability):
    """Stretch each channel to its full range, with a probability; see `functional.autocontrast`.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomAutocontrast
        >>> RandomAutocontrast(p=1.0)(torch.tensor([[[0.25, 0.5]]]))
        tensor([[[0., 1.]]])
    """

    def _change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_WithProbability):
    """Equalize the histogram of each channel, with a probability; see `functional.equalize`.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomEqualize
        >>> RandomEqualize(p=1.0)(torch.zeros(1, 4, 4, dtype=torch.uint8)).shape
        torch.Size([1, 4, 4])
    """

    def _change(self, img: Any) -> Any:
        return F.equalize(img)
