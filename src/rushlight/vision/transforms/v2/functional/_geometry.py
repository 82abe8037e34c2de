"""Sizes, crops, borders, flips and deformations of images, videos, masks, boxes and key points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from ..... import Tensor, cat
from ... import _geometry as v1
from ... import _warp as v1_warp
from ..._common import InterpolationMode, interpolation_from_int
from . import _boxes, _points
from ._registry import functional

_BILINEAR, _NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST
_Size = int | Sequence[int]


def mode_of(interpolation: Any) -> InterpolationMode:
    """A mode, Pillow's number of one, or its name."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    if isinstance(interpolation, int):
        return interpolation_from_int(interpolation)
    if isinstance(interpolation, str):
        return InterpolationMode(interpolation.lower())
    raise ValueError(
        "Argument interpolation should be an `InterpolationMode` or a corresponding Pillow integer constant, "
        f"but got {interpolation}."
    )


def _sides(padding: Any) -> Any:
    """`padding` as the functions of images take it."""
    return list(padding) if isinstance(padding, tuple) else padding


def frames(kernel: Callable) -> Callable:
    """`kernel`, a function of (..., C, H, W) up to four dimensions, for any number of them."""

    @wraps(kernel)
    def call(image: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(image, Tensor) or image.ndim <= 4:
            return kernel(image, *args, **kwargs)
        leading = image.shape[:-3]
        result = kernel(image.flatten(0, -4), *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(part.unflatten(0, leading) for part in result)
        return result.unflatten(0, leading)

    return call


def _as_image(kernel: Callable) -> Callable:
    """`kernel`, a function of (..., C, H, W), for masks, which may be (H, W)."""

    @wraps(kernel)
    def call(mask: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        flat = mask.ndim < 3
        result = kernel(mask.unsqueeze(0) if flat else mask, *args, **kwargs)
        return result.squeeze(0) if flat else result

    return call


@frames
def resize_image(
    image: Any,
    size: _Size | None,
    interpolation: InterpolationMode | int | str = _BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    mode = mode_of(interpolation)
    if not isinstance(image, Tensor):
        return v1.resize(image, size, mode, max_size, antialias)
    extent = (image.shape[-2], image.shape[-1])
    sizes = v1.output_size(extent, size, max_size)
    if sizes == extent:
        return image
    return v1.resize_tensor(image, sizes, mode, bool(antialias), as_bytes=True)


@_as_image
def resize_mask(
    mask: Tensor,
    size: _Size | None,
    interpolation: InterpolationMode | int | str = _NEAREST,
    max_size: int | None = None,
) -> Tensor:
    return resize_image(mask, size, _NEAREST, max_size)


@frames
def center_crop_image(image: Any, output_size: _Size) -> Any:
    return v1.center_crop(image, output_size)


@frames
def crop_image(image: Any, top: int, left: int, height: int, width: int) -> Any:
    return v1.crop(image, top, left, height, width)


@frames
def resized_crop_image(
    image: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: _Size,
    interpolation: InterpolationMode | int | str = _BILINEAR,
    antialias: bool | None = True,
) -> Any:
    part = v1.crop(image, top, left, height, width)
    return resize_image(part, size, interpolation, antialias=antialias)


@_as_image
def resized_crop_mask(
    mask: Tensor, top: int, left: int, height: int, width: int, size: _Size
) -> Tensor:
    return resized_crop_image(mask, top, left, height, width, size, _NEAREST)


@frames
def pad_image(
    image: Any,
    padding: _Size,
    fill: float | Sequence[float] | None = None,
    padding_mode: str = "constant",
) -> Any:
    """Pixels added around; `fill` may be one number per channel."""
    if not isinstance(image, Tensor):
        return v1.pad(image, _sides(padding), 0 if fill is None else fill, padding_mode)
    if isinstance(fill, Sequence) and len(fill) == 1:
        fill = fill[0]
    if not isinstance(fill, Sequence):
        return v1.pad(image, _sides(padding), fill, padding_mode)
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported if fill is not scalar")
    if len(fill) != image.shape[-3]:
        raise ValueError(f"fill has {len(fill)} values for {image.shape[-3]} channels")
    planes = image.split(1, -3)
    return cat([v1.pad(p, _sides(padding), value) for p, value in zip(planes, fill)], -3)


@_as_image
def pad_mask(
    mask: Tensor,
    padding: _Size,
    fill: float | Sequence[float] | None = None,
    padding_mode: str = "constant",
) -> Tensor:
    if isinstance(fill, Sequence):
        raise ValueError("Non-scalar fill value is not supported")
    return pad_image(mask, padding, fill, padding_mode)


@frames
def horizontal_flip_image(image: Any) -> Any:
    return v1.hflip(image)


@frames
def vertical_flip_image(image: Any) -> Any:
    return v1.vflip(image)


@frames
def five_crop_image(image: Any, size: _Size) -> tuple:
    return v1.five_crop(image, size)


@frames
def ten_crop_image(image: Any, size: _Size, vertical_flip: bool = False) -> tuple:
    return v1.ten_crop(image, size, vertical_flip)


def _fill_of(image: Any, fill: Any) -> Any:
    """`fill` as the functions of images take it: of tensors, floats."""
    if fill is None or not isinstance(image, Tensor):
        return fill
    return [float(value) for value in fill] if isinstance(fill, (tuple, list)) else [float(fill)]


@frames
def rotate_image(
    image: Any,
    angle: float,
    interpolation: InterpolationMode | int | str = _NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: float | Sequence[float] | None = None,
) -> Any:
    angle = angle % 360
    square = image.shape[-1] == image.shape[-2] if isinstance(image, Tensor) else False
    if isinstance(image, Tensor) and center is None and angle % 90 == 0:
        quarters = int(angle) // 90
        if expand or square or quarters % 2 == 0:
            return image.rot90(quarters, (-2, -1))  # exact, where interpolation would be nearly so
    return v1_warp.rotate(
        image, angle, mode_of(interpolation), expand, center, _fill_of(image, fill)
    )


@_as_image
def rotate_mask(
    mask: Tensor,
    angle: float,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: float | Sequence[float] | None = None,
) -> Tensor:
    return rotate_image(mask, angle, _NEAREST, expand, center, fill)


@frames
def affine_image(
    image: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode | int | str = _NEAREST,
    fill: float | Sequence[float] | None = None,
    center: Sequence[float] | None = None,
) -> Any:
    mode, fill = mode_of(interpolation), _fill_of(image, fill)
    return v1_warp.apply_affine(image, angle, translate, scale, shear, mode, fill, center, v2=True)


@_as_image
def affine_mask(
    mask: Tensor,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    fill: float | Sequence[float] | None = None,
    center: Sequence[float] | None = None,
) -> Tensor:
    return affine_image(mask, angle, translate, scale, shear, _NEAREST, fill, center)


@frames
def perspective_image(
    image: Any,
    startpoints: Sequence[Sequence[int]] | None,
    endpoints: Sequence[Sequence[int]] | None,
    interpolation: InterpolationMode | int | str = _BILINEAR,
    fill: float | Sequence[float] | None = None,
    coefficients: Sequence[float] | None = None,
) -> Any:
    numbers = _points.perspective_numbers(startpoints, endpoints, coefficients)
    return v1_warp.perspective_by(image, numbers, mode_of(interpolation), _fill_of(image, fill))


@_as_image
def perspective_mask(
    mask: Tensor,
    startpoints: Sequence[Sequence[int]] | None,
    endpoints: Sequence[Sequence[int]] | None,
    fill: float | Sequence[float] | None = None,
    coefficients: Sequence[float] | None = None,
) -> Tensor:
    return perspective_image(mask, startpoints, endpoints, _NEAREST, fill, coefficients)


@frames
def elastic_image(
    image: Any,
    displacement: Tensor,
    interpolation: InterpolationMode | int | str = _BILINEAR,
    fill: float | Sequence[float] | None = None,
) -> Any:
    mode = mode_of(interpolation)
    return v1_warp.elastic_transform(image, displacement, mode, _fill_of(image, fill))


@_as_image
def elastic_mask(
    mask: Tensor, displacement: Tensor, fill: float | Sequence[float] | None = None
) -> Tensor:
    return elastic_image(mask, displacement, _NEAREST, fill)


def _geometric(name: str, mask: Callable | None = None, keypoints: bool = True) -> Callable:
    image = globals()[f"{name}_image"]
    return functional(
        image,
        pil=image,
        mask=mask or globals().get(f"{name}_mask") or _as_image(image),
        boxes=getattr(_boxes, f"{name}_bounding_boxes"),
        keypoints=getattr(_points, f"{name}_keypoints"),
    )


resize = _geometric("resize")
center_crop = _geometric("center_crop")
crop = _geometric("crop")
resized_crop = _geometric("resized_crop")
pad = _geometric("pad")
horizontal_flip = hflip = _geometric("horizontal_flip")
vertical_flip = vflip = _geometric("vertical_flip")
rotate = _geometric("rotate")
affine = _geometric("affine")
perspective = _geometric("perspective")
elastic = elastic_transform = _geometric("elastic")
five_crop = functional(five_crop_image, pil=five_crop_image)
ten_crop = functional(ten_crop_image, pil=ten_crop_image)
