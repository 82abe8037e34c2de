"""Random changes of the colours and values of images and videos; masks, boxes and labels stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import rand, randint, randperm
from .. import _random_color as v1
from .._arguments import uniform
from . import functional as F
from ._transform import RandomApplyTransform, Transform
from ._utils import query_chw

_Range = float | Sequence[float] | None


class Grayscale(Transform):
    """Luma of an RGB image.

    Args:
        num_output_channels: 1 or 3.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.Grayscale()(torch.zeros(3, 4, 5)).shape
        torch.Size([1, 4, 5])
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels
        )


class RandomGrayscale(RandomApplyTransform):
    """Replace colours by their luma, with a probability; the number of channels stays.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomGrayscale(p=1.0)(torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)).flatten()
        tensor([0.2989, 0.2989, 0.2989])
    """

    _v1_transform_cls = v1.RandomGrayscale

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p=p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"num_output_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.rgb_to_grayscale, inpt, **params)


class RGB(Transform):
    """Three equal channels of a grey image; others stay.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RGB()(torch.zeros(1, 4, 5)).shape
        torch.Size([3, 4, 5])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.grayscale_to_rgb, inpt)


class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue at random, in random order.

    Args:
        brightness, contrast, saturation: (smallest, largest) factor, or a number x for (max(0, 1 - x), 1 + x).
        hue: (smallest, largest) part of a full turn, within (-0.5, 0.5), or a number x for (-x, x).

    Raises:
        TypeError, ValueError: for arguments of other kinds or outside their bounds.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.ColorJitter(0.5, hue=0.1)
        ColorJitter(brightness=(0.5, 1.5), hue=(-0.1, 0.1))
    """

    _v1_transform_cls = v1.ColorJitter

    def __init__(
        self,
        brightness: _Range = None,
        contrast: _Range = None,
        saturation: _Range = None,
        hue: _Range = None,
    ) -> None:
        super().__init__()
        checked = v1.ColorJitter(*(r or 0 for r in (brightness, contrast, saturation, hue)))  # type: ignore[arg-type]
        self.brightness = checked.brightness
        self.contrast = checked.contrast
        self.saturation = checked.saturation
        self.hue = checked.hue

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        order, *factors = v1.ColorJitter.get_params(
            self.brightness, self.contrast, self.saturation, self.hue
        )
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for number in params["order"]:
            factor = params["factors"][number]
            if factor is not None:
                inpt = self._call_kernel(changes[number], inpt, factor)
        return inpt


class RandomChannelPermutation(Transform):
    """Put the channels in a random order.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> sorted(v2.RandomChannelPermutation()(torch.arange(3).view(3, 1, 1)).flatten().tolist())
        [0, 1, 2]
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"permutation": randperm(query_chw(flat_inputs)[0])}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.permute_channels, inpt, params["permutation"].tolist())


class RandomPhotometricDistort(Transform):
    """Change brightness, contrast, saturation, hue and the order of channels, each with a probability.

    As for SSD (https://arxiv.org/abs/1512.02325).

    Args:
        brightness, contrast, saturation: (smallest, largest) factor.
        hue: (smallest, largest) part of a full turn.
        p: probability of each.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomPhotometricDistort()(torch.zeros(3, 4, 5)).shape
        torch.Size([3, 4, 5])
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.hue = hue
        self.saturation = saturation
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels = query_chw(flat_inputs)[0]
        params: dict[str, Any] = {
            name: uniform(*getattr(self, name)) if rand(1) < self.p else None
            for name in ("brightness", "contrast", "saturation", "hue")
        }
        params["contrast first"] = bool(rand(()) < 0.5)
        params["permutation"] = randperm(channels) if rand(1) < self.p else None
        return params

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        contrast = [("contrast", F.adjust_contrast)]
        first = params["contrast first"]
        changes = [("brightness", F.adjust_brightness), *(contrast if first else [])]
        changes += [("saturation", F.adjust_saturation), ("hue", F.adjust_hue)]
        for name, change in changes + ([] if first else contrast):
            if params[name] is not None:
                inpt = self._call_kernel(change, inpt, params[name])
        if params["permutation"] is not None:
            order = params["permutation"].tolist()
            inpt = self._call_kernel(F.permute_channels, inpt, permutation=order)
        return inpt


class RandomEqualize(RandomApplyTransform):
    """Equalize the histogram of each channel, with a probability.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomEqualize(p=1.0)(torch.zeros(1, 4, 4, dtype=torch.uint8)).shape
        torch.Size([1, 4, 4])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.equalize, inpt)


class RandomInvert(RandomApplyTransform):
    """Invert all values, with a probability.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomInvert(p=1.0)(torch.tensor([[[0.25]]]))
        tensor([[[0.7500]]])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.invert, inpt)


class RandomPosterize(RandomApplyTransform):
    """Keep only the upper bits of each value, with a probability.

    Args:
        bits: how many. p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomPosterize(bits=1, p=1.0)(torch.tensor([[[255]]], dtype=torch.uint8))
        tensor([[[128]]], dtype=torch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.bits = bits

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.posterize, inpt, bits=self.bits)


class RandomSolarize(RandomApplyTransform):
    """Invert the values that are not below a threshold, with a probability.

    Args:
        threshold: the threshold. p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomSolarize(threshold=0.5, p=1.0)(torch.tensor([[[0.25, 1.0]]]))
        tensor([[[0.2500, 0.0000]]])
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.threshold = threshold

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.solarize, inpt, threshold=self.threshold)


class RandomAutocontrast(RandomApplyTransform):
    """Stretch each channel to its full range, with a probability.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomAutocontrast(p=1.0)(torch.tensor([[[0.25, 0.5]]]))
        tensor([[[0., 1.]]])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.autocontrast, inpt)


class RandomAdjustSharpness(RandomApplyTransform):
    """Change the sharpness, with a probability.

    Args:
        sharpness_factor: 0 blurs, 1 changes nothing, 2 sharpens. p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomAdjustSharpness(2, p=1.0)(torch.zeros(3, 4, 4)).shape
        torch.Size([3, 4, 4])
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.adjust_sharpness, inpt, sharpness_factor=self.sharpness_factor)


class JPEG(Transform):
    """Compress the image as a JPEG file of random quality, and read it back.

    Args:
        quality: 1 ... 100, or (smallest, largest).

    Raises:
        ValueError: for others.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.JPEG((20, 60))(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    def __init__(self, quality: int | Sequence[int]) -> None:
        super().__init__()
        low, high = (quality, quality) if isinstance(quality, int) else quality
        whole = isinstance(low, int) and isinstance(high, int)
        if not whole or not 1 <= low <= high <= 100:
            raise ValueError(f"quality must be an integer from 1 to 100, got {quality =}")
        self.quality = [low, high]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        low, high = self.quality
        return {"quality": int(randint(low, high + 1, ()))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.jpeg, inpt, quality=params["quality"])
