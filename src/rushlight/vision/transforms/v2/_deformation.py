"""Random rotations, affine maps, perspective and elastic deformation of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _random_geometry as v1
from .._arguments import angles, check_length
from .._common import InterpolationMode
from .._warp import perspective_coefficients
from . import functional as F
from ._transform import RandomApplyTransform, Transform
from ._utils import fill_for, fill_table, query_size

_BILINEAR, _NEAREST = "bilinear", "nearest"  # as repr shows them
_Mode = InterpolationMode | int | str
_Degrees = float | Sequence[float]


class RandomRotation(Transform):
    """Rotate by a random angle.

    Args:
        degrees: (smallest, largest) angle, or a number for (-degrees, degrees).
        interpolation: of images; masks take the nearest pixel.
        expand: make the result large enough for the whole rotated image.
        center: (x, y) from the upper left corner; default: the image's centre.
        fill: value outside the image, one per channel, or a dictionary: kind of input -> value.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomRotation(15)
        RandomRotation(degrees=[-15.0, 15.0], interpolation=nearest, expand=False, fill=0)
    """

    _v1_transform_cls = v1.RandomRotation

    def __init__(
        self,
        degrees: _Degrees,
        interpolation: _Mode = _NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        self.interpolation = interpolation
        self.expand = expand
        self.fill = fill
        self._fill = fill_table(fill)
        if center is not None:
            check_length(center, "center")
        self.center = center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"angle": v1.RandomRotation.get_params(self.degrees)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "expand": self.expand}
        fill = fill_for(self._fill, inpt)
        return self._call_kernel(F.rotate, inpt, **params, **options, center=self.center, fill=fill)


class RandomAffine(Transform):
    """A random affine map that keeps the image's size.

    Args:
        degrees: (smallest, largest) angle, or a number for (-degrees, degrees).
        translate: largest shift along (x, y), as a share of the image's size.
        scale: (smallest, largest) factor.
        shear: a number or two: range along x; four: along x and along y.
        interpolation, fill, center: as of `RandomRotation`.

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomAffine(0, translate=(0.1, 0.1))(torch.zeros(1, 28, 28)).shape
        torch.Size([1, 28, 28])
    """

    _v1_transform_cls = v1.RandomAffine

    def __init__(
        self,
        degrees: _Degrees,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: _Degrees | None = None,
        interpolation: _Mode = _NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        checked = v1.RandomAffine(degrees, translate, scale, shear, center=center)
        self.degrees = checked.degrees
        self.translate = translate
        self.scale = scale
        self.shear = checked.shear
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_table(fill)
        self.center = center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        extent = query_size(flat_inputs)[::-1]
        drawn = v1.RandomAffine.get_params(
            self.degrees, self.translate, self.scale, self.shear, extent
        )
        return dict(zip(("angle", "translate", "scale", "shear"), drawn))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "fill": fill_for(self._fill, inpt)}
        return self._call_kernel(F.affine, inpt, **params, **options, center=self.center)


class RandomPerspective(RandomApplyTransform):
    """Move the image's corners inwards at random, with a probability.

    Args:
        distortion_scale: how far, as a share of half the image's size.
        p: probability.
        interpolation, fill: as of `RandomRotation`.

    Raises:
        ValueError: for a scale outside 0 ... 1.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomPerspective(p=1.0)(torch.zeros(3, 8, 8)).shape
        torch.Size([3, 8, 8])
    """

    _v1_transform_cls = v1.RandomPerspective

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: _Mode = _BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__(p=p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale = distortion_scale
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_table(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        start, end = v1.RandomPerspective.get_params(width, height, self.distortion_scale)
        return {"coefficients": perspective_coefficients(start, end)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "fill": fill_for(self._fill, inpt)}
        return self._call_kernel(F.perspective, inpt, None, None, **params, **options)


class ElasticTransform(Transform):
    """Move pixels by smooth random displacements.

    Args:
        alpha: their strength, or (along x, along y).
        sigma: their smoothness, or (along x, along y): the standard deviation of a Gaussian, in pixels.
        interpolation, fill: as of `RandomRotation`.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.ElasticTransform(sigma=1.0)(torch.zeros(3, 16, 16)).shape
        torch.Size([3, 16, 16])
    """

    _v1_transform_cls = v1.ElasticTransform

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: _Mode = _BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha = _pair(alpha, "alpha")
        self.sigma = _pair(sigma, "sigma")
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_table(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        size = list(query_size(flat_inputs))
        return {"displacement": v1.ElasticTransform.get_params(self.alpha, self.sigma, size)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "fill": fill_for(self._fill, inpt)}
        return self._call_kernel(F.elastic, inpt, **params, **options)


def _pair(value: Any, name: str) -> list[float]:
    if isinstance(value, (int, float)):
        return [float(value)] * 2
    check_length(value, name, (1, 2))
    values = [float(v) for v in value]
    return values if len(values) == 2 else values * 2
