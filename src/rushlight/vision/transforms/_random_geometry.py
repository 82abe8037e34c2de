"""Random crops, flips, rotations and deformations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from ... import Tensor, cat, exp, log, rand, randint
from ... import tensor as _tensor
from ...nn.modules.module import Module
from . import functional as F
from ._arguments import INT_PAIR, angles, check_length, checked_fill, fill_of, uniform
from ._common import InterpolationMode, interpolation_from_int, pair


def _mode(interpolation: Any) -> InterpolationMode:
    return (
        interpolation_from_int(interpolation) if isinstance(interpolation, int) else interpolation
    )


def _integer(low: int, high: int) -> int:
    """A number from `low` to `high` - 1."""
    return int(randint(low, high, size=(1,)).item())


class RandomCrop(Module):
    """A part of the image, of a given size, at a random place.

    Args:
        size: (height, width), or the length of both edges.
        padding: added around the image first, as of `functional.pad`.
        pad_if_needed: add to both sides what an image lacks.
        fill, padding_mode: as of `functional.pad`.

    Raises:
        ValueError: when called with a smaller image, unless `pad_if_needed`.

    Example:
        >>> from rushlight.vision.transforms import RandomCrop
        >>> RandomCrop(32, padding=4)(torch.zeros(3, 32, 32)).shape
        torch.Size([3, 32, 32])
    """

    @staticmethod
    def get_params(img: Any, output_size: Sequence[int]) -> tuple[int, int, int, int]:
        """Draw (top, left, height, width)."""
        _, height, width = F.get_dimensions(img)
        rows, columns = output_size
        if height < rows or width < columns:
            raise ValueError(
                f"Required crop size {(rows, columns)} is larger than input image size {(height, width)}"
            )
        if (rows, columns) == (height, width):
            return 0, 0, height, width
        top = _integer(0, height - rows + 1)
        return top, _integer(0, width - columns + 1), rows, columns

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = tuple(pair(size, INT_PAIR))
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            _, height, width = F.get_dimensions(img)
            if width < self.size[1]:
                img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
            if height < self.size[0]:
                img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class RandomResizedCrop(Module):
    """A part of the image, of random area, shape and place, resized.

    Args:
        size: (height, width) of the result, or the length of both edges.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest width / height, drawn evenly on a logarithmic scale.
        interpolation, antialias: as of `functional.resize`.

    Example:
        >>> from rushlight.vision.transforms import RandomResizedCrop
        >>> RandomResizedCrop(8)(torch.zeros(3, 20, 30)).shape
        torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair(size, INT_PAIR)
        check_scale_and_ratio(scale, ratio)
        self.interpolation = _mode(interpolation)
        self.antialias = antialias
        self.scale = scale
        self.ratio = ratio

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """Draw (top, left, height, width); after ten misses, the largest fitting middle part."""
        _, height, width = F.get_dimensions(img)
        return drawn_part(height, width, scale, ratio)

    def forward(self, img: Any) -> Any:
        box = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *box, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self) -> str:
        scale = tuple(round(s, 4) for s in self.scale)
        ratio = tuple(round(r, 4) for r in self.ratio)
        return (
            f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


def drawn_part(
    height: int, width: int, scale: Sequence[float], ratio: Sequence[float]
) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a random part; after ten misses, the largest fitting middle part."""
    for area, aspect in drawn_boxes(height * width, scale, ratio):
        columns = round(math.sqrt(area * aspect))
        rows = round(math.sqrt(area / aspect))
        if 0 < columns <= width and 0 < rows <= height:
            top = _integer(0, height - rows + 1)
            return top, _integer(0, width - columns + 1), rows, columns
    rows, columns = height, width
    if width / height < min(ratio):
        rows = round(width / min(ratio))
    elif width / height > max(ratio):
        columns = round(height * max(ratio))
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def check_scale_and_ratio(scale: Any, ratio: Any) -> None:
    if not isinstance(scale, Sequence):
        raise TypeError("Scale should be a sequence")
    if not isinstance(ratio, Sequence):
        raise TypeError("Ratio should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)")


def drawn_boxes(area: int, scale: Sequence[float], ratio: Sequence[float]) -> Any:
    """Ten random (area, aspect ratio)."""
    low, high = log(_tensor(ratio)).tolist()
    for _ in range(10):
        share = uniform(scale[0], scale[1])
        yield area * share, exp(_tensor([uniform(low, high)])).item()


class RandomHorizontalFlip(Module):
    """Exchange left and right, with a probability.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomHorizontalFlip
        >>> RandomHorizontalFlip(p=1.0)(torch.tensor([[[1, 2]]]))
        tensor([[[2, 1]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if rand(1) < self.p else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomVerticalFlip(Module):
    """Exchange top and bottom, with a probability.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import RandomVerticalFlip
        >>> RandomVerticalFlip(p=1.0)(torch.tensor([[[1], [2]]])).flatten()
        tensor([2, 1])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if rand(1) < self.p else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomPerspective(Module):
    """Move the image's corners inwards at random, with a probability; see `functional.perspective`.

    Args:
        distortion_scale: how far, as a share of half the image's size.
        p: probability.
        interpolation, fill: as of `functional.perspective`.

    Example:
        >>> from rushlight.vision.transforms import RandomPerspective
        >>> RandomPerspective(p=1.0)(torch.zeros(3, 8, 8)).shape
        torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.p = p
        self.interpolation = _mode(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = checked_fill(fill)

    def forward(self, img: Any) -> Any:
        channels, height, width = F.get_dimensions(img)
        fill = fill_of(img, self.fill, channels)
        if rand(1) < self.p:
            start, end = self.get_params(width, height, self.distortion_scale)
            return F.perspective(img, start, end, self.interpolation, fill)
        return img

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners, and where they move to: upper left, upper right, lower right, lower left."""
        across = int(distortion_scale * (width // 2))
        down = int(distortion_scale * (height // 2))
        left, right = (0, across + 1), (width - across - 1, width)
        top, bottom = (0, down + 1), (height - down - 1, height)
        end = [
            [_integer(*x), _integer(*y)]
            for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
        ]
        start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        return start, end

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomRotation(Module):
    """Rotate by a random angle; see `functional.rotate`.

    Args:
        degrees: (smallest, largest) angle, or a number for (-degrees, degrees).
        interpolation, expand, center, fill: as of `functional.rotate`.

    Example:
        >>> from rushlight.vision.transforms import RandomRotation
        >>> RandomRotation(15)
        RandomRotation(degrees=[-15.0, 15.0], interpolation=nearest, expand=False, fill=0)
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if center is not None:
            check_length(center, "center")
        self.center = center
        self.interpolation = _mode(interpolation)
        self.expand = expand
        self.fill = checked_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """Draw an angle."""
        return uniform(float(degrees[0]), float(degrees[1]))

    def forward(self, img: Any) -> Any:
        fill = fill_of(img, self.fill, F.get_dimensions(img)[0])
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        parts = [
            f"degrees={self.degrees}",
            f"interpolation={self.interpolation.value}",
            f"expand={self.expand}",
        ]
        if self.center is not None:
            parts.append(f"center={self.center}")
        if self.fill is not None:
            parts.append(f"fill={self.fill}")
        return f"{type(self).__name__}({', '.join(parts)})"


class RandomAffine(Module):
    """A random affine map that keeps the image's size; see `functional.affine`.

    Args:
        degrees: (smallest, largest) angle, or a number for (-degrees, degrees).
        translate: largest shift along (x, y), as a share of the image's size.
        scale: (smallest, largest) factor.
        shear: a number or two: range along x; four: along x and along y.
        interpolation, fill, center: as of `functional.affine`.

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import RandomAffine
        >>> RandomAffine(0, translate=(0.1, 0.1))(torch.zeros(1, 28, 28)).shape
        torch.Size([1, 28, 28])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: float | Sequence[float] = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if translate is not None:
            check_length(translate, "translate")
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        self.translate = translate
        if scale is not None:
            check_length(scale, "scale")
            if any(s <= 0 for s in scale):
                raise ValueError("scale values should be positive")
        self.scale = scale
        self.shear = shear if shear is None else angles(shear, "shear", (2, 4))
        self.interpolation = _mode(interpolation)
        self.fill = checked_fill(fill)
        if center is not None:
            check_length(center, "center")
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Draw (angle, shift, scale, shear); `img_size` is (width, height)."""
        angle = uniform(float(degrees[0]), float(degrees[1]))
        shift = (0, 0)
        if translate is not None:
            most = [float(share * size) for share, size in zip(translate, img_size)]
            shift = (round(uniform(-most[0], most[0])), round(uniform(-most[1], most[1])))
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = uniform(shears[0], shears[1])
            if len(shears) == 4:
                shear_y = uniform(shears[2], shears[3])
        return angle, shift, scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        channels, height, width = F.get_dimensions(img)
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, [width, height]
        )
        return F.affine(
            img,
            *drawn,
            interpolation=self.interpolation,
            fill=fill_of(img, self.fill, channels),
            center=self.center,
        )

    def __repr__(self) -> str:
        parts = [f"degrees={self.degrees}"]
        parts += [
            f"{name}={getattr(self, name)}"
            for name in ("translate", "scale", "shear")
            if getattr(self, name) is not None
        ]
        if self.interpolation is not InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _float_pair(value: Any, name: str) -> Sequence[float]:
    if not isinstance(value, (float, Sequence)):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if isinstance(value, float):
        return [value, value]
    if len(value) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    for element in value:
        if not isinstance(element, float):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(element)}")
    return value


class ElasticTransform(Module):
    """Move pixels by smooth random displacements; see `functional.elastic_transform`.

    Args:
        alpha: their strength, or (along x, along y).
        sigma: their smoothness, or (along x, along y): the standard deviation of a Gaussian, in pixels.
        interpolation, fill: as of `functional.elastic_transform`.

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import ElasticTransform
        >>> ElasticTransform(sigma=1.0)(torch.zeros(3, 16, 16)).shape
        torch.Size([3, 16, 16])
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.alpha = _float_pair(alpha, "alpha")
        self.sigma = _float_pair(sigma, "sigma")
        self.interpolation = _mode(interpolation)
        if isinstance(fill, (int, float)):
            fill = [fill]
        elif not isinstance(fill, (list, tuple)):
            raise TypeError(
                f"fill should be int or float or a list or tuple of them. Got {type(fill)}"
            )
        self.fill = [float(value) for value in fill]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: list[int]) -> Tensor:
        """Draw displacements (1, H, W, 2)."""
        along = []
        # Along x they are measured in widths, along y in heights.
        for strength, deviation, extent in zip(alpha, sigma, size[::-1]):
            noise = rand([1, 1, *size]) * 2 - 1
            if deviation > 0.0:
                width = int(8 * deviation + 1)
                width += 1 - width % 2
                noise = F.gaussian_blur(noise, [width, width], list(sigma))
            along.append(noise * strength / extent)
        return cat(along, 1).permute(0, 2, 3, 1)

    def forward(self, tensor: Any) -> Any:
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )
