"""Affine maps, rotation, perspective and elastic deformation.

Tensors are sampled at the points of a grid (N, H, W, 2) with coordinates from -1 to 1, PIL images by PIL.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Number
from typing import Any

from ... import Tensor, cat, float32, linspace, meshgrid, nn, ones, stack, tensor, where
from ._common import (
    PIL_FILTERS,
    InterpolationMode,
    as_float_batch,
    check_image_tensor,
    check_pil,
    get_dimensions,
    interpolation_from_int,
    interpolation_mode,
    is_pil_image,
    restore,
)
from ._conversion import pil_to_tensor, to_pil_image
from ._geometry import pil_fill

# PIL's numbers of kinds of maps.
_PIL_AFFINE, _PIL_PERSPECTIVE = 0, 2


def _check_sampling(img: Tensor, mode: InterpolationMode, fill: Any) -> None:
    check_image_tensor(img)
    if fill is not None and not isinstance(fill, (int, float, tuple, list)):
        warnings.warn("Argument fill should be either int, float, tuple or list")
    channels = get_dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the "
            f"image ({len(fill)} != {channels})"
        )
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")


def _sample(img: Tensor, grid: Tensor, mode: str, fill: Any) -> Tensor:
    """`img` (..., C, H, W) at the points of `grid` (1, H', W', 2), and `fill` where they lie outside."""
    batch = as_float_batch(img, grid.dtype)
    if batch.shape[0] > 1:
        grid = grid.expand(batch.shape[0], -1, -1, -1)
    if fill is not None:  # one more channel tells how much of a pixel comes from the image
        count, _, height, width = batch.shape
        inside = ones((count, 1, height, width), dtype=batch.dtype, device=batch.device)
        batch = cat((batch, inside), dim=1)
    result = nn.functional.grid_sample(
        batch, grid, mode=mode, padding_mode="zeros", align_corners=False
    )
    if fill is not None:
        result, share = result[:, :-1], result[:, -1:]
        values = list(fill) if isinstance(fill, (tuple, list)) else [float(fill)]
        around = tensor(values, dtype=result.dtype, device=result.device).view(1, -1, 1, 1)
        if mode == "nearest":
            result = where(share >= 0.5, result, around)
        else:
            result = result * share + (1.0 - share) * around
    return restore(result, img)


def _grid_type(img: Tensor) -> Any:
    return img.dtype if img.is_floating_point() else float32


def _mapped_pixels(
    rows: Tensor, first_x: float, first_y: float, height: int, width: int
) -> list[Tensor]:
    """a x + b y + c (H, W) for each row (a, b, c), over pixels with the given first x and y."""
    like = {"dtype": rows.dtype, "device": rows.device}
    x = linspace(first_x, first_x + width - 1, width, **like)
    y = linspace(first_y, first_y + height - 1, height, **like)[:, None]
    return [x * a + y * b + c for a, b, c in rows]


def _affine_grid(img: Tensor, matrix: list[float], height: int, width: int) -> Tensor:
    """The sampling grid of an inverse affine map, given in pixels from the image's centre."""
    like = {"dtype": _grid_type(img), "device": img.device}
    half = tensor([[0.5 * img.shape[-1]], [0.5 * img.shape[-2]]], **like)
    rows = tensor(matrix, **like).view(2, 3) / half
    first = 0.5 - 0.5 * width, 0.5 - 0.5 * height
    return stack(_mapped_pixels(rows, *first, height, width), -1).unsqueeze(0)


def inverse_affine_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
    v2: bool = False,
) -> list[float]:
    """The six numbers of the map from output to input pixels; `v2`: rounded as `transforms.v2` rounds.

    The forward map is T C R(angle) Shear Scale C^-1, with T the translation, C that to the centre, angles in
    degrees; this is its inverse, C Scale^-1 Shear^-1 R^-1 C^-1 T^-1.
    """
    a, b, c, d = _turned_and_sheared(angle, shear, v2)
    (cx, cy), (tx, ty) = center, translate
    rows = []
    # The inverse of [[a, b], [c, d]], whose determinant is 1.
    for (p, q), origin in zip(((d / scale, -b / scale), (-c / scale, a / scale)), (cx, cy)):
        moved = p * (-cx - tx), q * (-cy - ty)
        rows += [p, q, origin + moved[0] + moved[1] if v2 else moved[0] + moved[1] + origin]
    return rows


def forward_affine_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """The six numbers of the map from input to output pixels; see `inverse_affine_matrix`."""
    a, b, c, d = (scale * value for value in _turned_and_sheared(angle, shear))
    (cx, cy), (tx, ty) = center, translate
    return [a, b, cx + tx - a * cx - b * cy, c, d, cy + ty - c * cx - d * cy]


def _turned_and_sheared(
    angle: float, shear: Sequence[float], v2: bool = False
) -> tuple[float, float, float, float]:
    """The matrix [[a, b], [c, d]] of R(angle) Shear."""
    turn, shear_x, shear_y = (math.radians(value) for value in (angle, *shear))
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    if v2:
        b, d = -(a * math.tan(shear_x) + math.sin(turn)), math.cos(turn) - c * math.tan(shear_x)
    else:
        b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
        d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    return a, b, c, d


def _centre_offset(img: Tensor, center: Sequence[float] | None) -> list[float]:
    """`center`, counted from the upper left corner, counted from the image's centre."""
    if center is None:
        return [0.0, 0.0]
    _, height, width = get_dimensions(img)
    return [c - s * 0.5 for c, s in zip(center, (width, height))]


def _check_turn(angle: Any, center: Any) -> None:
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")


def shear_pair(shear: Any) -> Sequence[float]:
    """Degrees along (x, y), from a number, one, or two."""
    if not isinstance(shear, (Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if isinstance(shear, Number):
        shear = [shear, 0.0]
    elif len(shear) == 1:
        shear = [shear[0], shear[0]]
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {list(shear)}")
    return shear


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: float | Sequence[float] | None = None,
) -> Any:
    """Rotate counter-clockwise.

    Args:
        img: a PIL image or a tensor (..., H, W).
        angle: in degrees.
        interpolation: of tensors: NEAREST or BILINEAR.
        expand: make the result large enough for the whole rotated image.
        center: (x, y) from the upper left corner; default: the image's centre.
        fill: value outside the image, or one per channel; default: 0.

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.rotate(torch.tensor([[[1, 2], [3, 4]]]), 90)
        tensor([[[2, 4],
                 [1, 3]]])
    """
    mode = interpolation_mode(interpolation)
    _check_turn(angle, center)
    if not isinstance(img, Tensor):
        options = {"fillcolor": pil_fill(check_pil(img), fill)}
        return img.rotate(angle, PIL_FILTERS[mode], expand, center, **options)
    _check_sampling(img, mode, fill)
    matrix = inverse_affine_matrix(_centre_offset(img, center), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    height, width = img.shape[-2:]
    if expand:
        height, width = expanded_size(matrix, height, width)
    return _sample(img, _affine_grid(img, matrix, height, width), mode.value, fill)


def expanded_size(matrix: list[float], height: int, width: int) -> tuple[int, int]:
    """(height, width) of the box around the mapped corners of the image."""
    x, y = 0.5 * width, 0.5 * height
    corners = tensor([[-x, -y, 1.0], [-x, y, 1.0], [x, y, 1.0], [x, -y, 1.0]])
    mapped = corners.matmul(tensor(matrix).view(2, 3).T)
    middle = tensor([x, y])
    # Rounding errors below a ten-thousandth of a pixel do not add a line of pixels.
    low, high = (
        ((extreme + middle) / 1e-4).trunc() * 1e-4 for extreme in (mapped.amin(0), mapped.amax(0))
    )
    columns, rows = (high.ceil() - low.floor()).tolist()
    return int(rows), int(columns)


def affine(
    img: Any,
    angle: float,
    translate: Sequence[int],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    fill: float | Sequence[float] | None = None,
    center: Sequence[float] | None = None,
) -> Any:
    """Shear, scale, rotate and shift, keeping the image's size.

    Args:
        img: a PIL image or a tensor (..., H, W).
        angle: of the clockwise rotation, in degrees.
        translate: (right, down), in pixels.
        scale: factor > 0.
        shear: degrees along x, or along (x, y).
        interpolation: of tensors: NEAREST or BILINEAR.
        fill: value outside the image, or one per channel; default: 0.
        center: of rotation: (x, y) from the upper left corner; default: the image's centre.

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.affine(torch.tensor([[[1, 2], [3, 4]]]), 0.0, [1, 0], 1.0, 0.0)
        tensor([[[0, 1],
                 [0, 3]]])
    """
    return apply_affine(
        img, angle, translate, scale, shear, interpolation_mode(interpolation), fill, center
    )


def apply_affine(
    img: Any,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    mode: InterpolationMode,
    fill: Any,
    center: Any,
    v2: bool = False,
) -> Any:
    """`affine`; `v2`: with the numbers of the map rounded as `transforms.v2` rounds."""
    _check_turn(angle, None)
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    shear = shear_pair(shear)
    _check_turn(angle, center)
    if isinstance(img, Tensor):
        offset = _centre_offset(img, center)
        matrix = inverse_affine_matrix(offset, angle, translate, scale, shear, v2)
        _check_sampling(img, mode, fill)
        return _sample(img, _affine_grid(img, matrix, *img.shape[-2:]), mode.value, fill)
    _, height, width = get_dimensions(img)
    middle = [width * 0.5, height * 0.5] if center is None else center
    matrix = inverse_affine_matrix(middle, angle, translate, scale, shear, v2)
    options = {"fillcolor": pil_fill(img, fill)}
    return img.transform(img.size, _PIL_AFFINE, matrix, PIL_FILTERS[mode], **options)


def perspective_coefficients(
    startpoints: Sequence[Sequence[int]], endpoints: Sequence[Sequence[int]]
) -> list[float]:
    """(a, ..., h) of the map (x, y) -> ((ax + by + c) / (gx + hy + 1), (dx + ey + f) / (gx + hy + 1)).

    It takes the end points to the start points: the result's pixels to the image's.
    """
    import numpy

    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    q, r = numpy.linalg.qr(numpy.array(rows, numpy.float64))
    wanted = q.T @ numpy.array(startpoints, numpy.float64).reshape(8)
    return numpy.linalg.solve(r, wanted).astype(numpy.float32).tolist()


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    fill: float | Sequence[float] | None = None,
) -> Any:
    """The image as seen from elsewhere: four points of it move to four others.

    Args:
        img: a PIL image or a tensor (..., H, W).
        startpoints: four [x, y]: upper left, upper right, lower right, lower left corner.
        endpoints: where they move to.
        interpolation: of tensors: NEAREST or BILINEAR.
        fill: value outside the image, or one per channel; default: 0.

    Raises:
        TypeError, ValueError: for arguments of other kinds or lengths.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> corners = [[0, 0], [3, 0], [3, 3], [0, 3]]
        >>> F.perspective(torch.ones(1, 4, 4), corners, [[0, 0], [3, 0], [3, 2], [0, 2]]).sum(-1)
        tensor([[4., 4., 3., 0.]])
    """
    return perspective_by(
        img, perspective_coefficients(startpoints, endpoints), interpolation, fill
    )


def perspective_by(
    img: Any, coefficients: Sequence[float], interpolation: InterpolationMode, fill: Any
) -> Any:
    """`perspective`, given the numbers of `perspective_coefficients`."""
    mode = interpolation_mode(interpolation)
    if not isinstance(img, Tensor):
        options = {"fillcolor": pil_fill(check_pil(img), fill)}
        return img.transform(img.size, _PIL_PERSPECTIVE, coefficients, PIL_FILTERS[mode], **options)
    _check_sampling(img, mode, fill)
    return _sample(img, _perspective_grid(img, coefficients), mode.value, fill)


def _perspective_grid(img: Tensor, coefficients: Sequence[float]) -> Tensor:
    a, b, c, d, e, f, g, h = coefficients
    height, width = img.shape[-2:]
    like = {"dtype": _grid_type(img), "device": img.device}
    above = tensor([[a, b, c], [d, e, f]], **like) / tensor([[0.5 * width], [0.5 * height]], **like)
    below = tensor([[g, h, 1.0]], **like)
    x, y, scale = _mapped_pixels(cat((above, below)), 0.5, 0.5, height, width)
    return (stack((x, y), -1) / scale.unsqueeze(-1) - 1.0).unsqueeze(0)


def elastic_transform(
    img: Any,
    displacement: Tensor,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    fill: float | Sequence[float] | None = None,
) -> Any:
    """Move each pixel by its own displacement.

    Args:
        img: a PIL image or a tensor (..., H, W).
        displacement: (1, H, W, 2), in halves of the image's size.
        interpolation: NEAREST or BILINEAR.
        fill: value outside the image, or one per channel; default: 0.

    Raises:
        TypeError, ValueError: for an image or displacement of another kind or shape.

    Example:
        >>> from rushlight.vision.transforms import functional as F
        >>> F.elastic_transform(torch.tensor([[[1.0, 2.0]]]), torch.zeros(1, 1, 2, 2))
        tensor([[[1., 2.]]])
    """
    if isinstance(interpolation, int):
        warnings.warn(
            "Argument interpolation should be of type InterpolationMode instead of int. Please, use "
            "InterpolationMode enum."
        )
        interpolation = interpolation_from_int(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    if not isinstance(img, Tensor):
        if not is_pil_image(img):
            raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
        moved = elastic_transform(pil_to_tensor(img), displacement, interpolation, fill)
        return to_pil_image(moved, mode=img.mode)
    height, width = img.shape[-2:]
    if displacement.shape != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be {(1, height, width, 2)}, but given {displacement.shape}"
        )
    y, x = meshgrid(
        *(linspace((1 - n) / n, (n - 1) / n, n, device=img.device) for n in (height, width)),
        indexing="ij",
    )
    grid = stack([x, y], -1).unsqueeze(0) + displacement.to(img.device)
    return _sample(img, grid, interpolation.value, fill)
