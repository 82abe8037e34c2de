"""What geometric transforms do to points, and so to key points and to the corners of boxes.

A map takes points (N, 2), (x, y) from the upper left corner of the image, in pixels, to where they move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..... import Tensor, cat, int64, linspace, meshgrid, ones, stack, tensor
from .... import tv_tensors
from ..._geometry import middle, output_size, padding_sides
from ..._warp import (
    expanded_size,
    forward_affine_matrix,
    inverse_affine_matrix,
    perspective_coefficients,
    shear_pair,
)
from ._registry import is_pure_tensor

_Map = Callable[[Tensor], Tensor]


def padded(
    canvas_size: Sequence[int], padding: Any, padding_mode: str, what: str
) -> tuple[int, int, tuple[int, int]]:
    """How far padding moves points to the right and down, and the new (height, width)."""
    if padding_mode != "constant":
        raise ValueError(
            f"Padding mode '{padding_mode}' is not supported with {what}"
            + (" (supported modes are constant)" if what == "KeyPoints" else "")
        )
    left, top, right, bottom = padding_sides(padding)
    height, width = canvas_size
    return left, top, (height + top + bottom, width + left + right)


def anchored(canvas_size: Sequence[int], size: int | Sequence[int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the middle of the image.

    Where the image lacks an odd number of pixels, torchvision rounds to even here and down for the image itself.
    """
    _, _, rows, columns = middle(canvas_size, size)
    top, left = (round((n - m) / 2.0) for n, m in zip(canvas_size, (rows, columns)))
    return top, left, rows, columns


def _linear(points: Tensor, matrix: Sequence[float]) -> Tensor:
    """Points mapped by the six numbers of an affine map."""
    rows = tensor(matrix, dtype=points.dtype, device=points.device).view(2, 3)
    beside = cat((points, ones(len(points), 1, dtype=points.dtype, device=points.device)), 1)
    return beside.matmul(rows.T)


def affine_map(
    canvas_size: Sequence[int],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    center: Sequence[float] | None,
) -> tuple[_Map, tuple[int, int]]:
    """The map of `affine`, and the (height, width) of its result."""
    height, width = canvas_size
    around = [width * 0.5, height * 0.5] if center is None else center
    matrix = forward_affine_matrix(around, angle, translate, scale, shear_pair(shear))
    return lambda points: _linear(points, matrix), (height, width)


def rotation(
    canvas_size: Sequence[int], angle: float, expand: bool, center: Sequence[float] | None
) -> tuple[_Map, tuple[int, int]]:
    """The map of `rotate`, and the (height, width) of its result."""
    height, width = canvas_size
    around = [width * 0.5, height * 0.5] if center is None else center
    matrix = forward_affine_matrix(around, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    if not expand:
        return lambda points: _linear(points, matrix), (height, width)
    # torchvision measures the canvas about another point than the image's middle: the result can be a pixel smaller
    # or larger than the rotated image.
    inverse = inverse_affine_matrix(around, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    corners = tensor([[0.0, 0.0], [0.0, height], [width, height], [width, 0.0]])
    low = _linear(corners, matrix).amin(0)

    def move(points: Tensor) -> Tensor:
        return _linear(points, matrix) - low.to(points.device, points.dtype)

    return move, expanded_size(inverse, height, width)


def perspective_map(
    startpoints: Sequence[Sequence[int]] | None,
    endpoints: Sequence[Sequence[int]] | None,
    coefficients: Sequence[float] | None,
) -> _Map:
    """The map of `perspective`: the inverse of the one with these coefficients."""
    a, b, c, d, e, f, g, h = perspective_numbers(startpoints, endpoints, coefficients)
    # The adjugate of [[a, b, c], [d, e, f], [g, h, 1]], which is the inverse but for a factor.
    rows = [
        [e - f * h, c * h - b, b * f - c * e],
        [f * g - d, a - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    scale = rows[2][2]
    if scale == 0:
        raise RuntimeError(
            "Provided perspective coefficients can not be inverted to transform bounding boxes. "
            f"Coefficients: {[a, b, c, d, e, f, g, h]}"
        )

    def move(points: Tensor) -> Tensor:
        matrix = tensor(rows, dtype=points.dtype, device=points.device) / scale
        homogeneous = points.matmul(matrix[:, :2].T) + matrix[:, 2]
        return homogeneous[:, :2] / homogeneous[:, 2:]

    return move


def perspective_numbers(startpoints: Any, endpoints: Any, coefficients: Any) -> list[float]:
    """The eight coefficients, given, or from four points and where they move to."""
    if coefficients is not None:
        if startpoints is not None and endpoints is not None:
            raise ValueError(
                "The startpoints/endpoints and the coefficients shouldn't be defined concurrently."
            )
        if len(coefficients) != 8:
            raise ValueError("Argument coefficients should have 8 float values")
        return list(coefficients)
    if startpoints is None or endpoints is None:
        raise ValueError(
            "Either the startpoints/endpoints or the coefficients must have non `None` values."
        )
    return perspective_coefficients(startpoints, endpoints)


def elastic_map(canvas_size: Sequence[int], displacement: Tensor, round_up: bool = False) -> _Map:
    """The map of `elastic`, whose inverse at a point is taken to be minus the displacement at the pixel before it.

    `round_up`: at the pixel after it.
    """
    height, width = canvas_size
    like = {"dtype": displacement.dtype, "device": displacement.device}
    axes = (linspace((1 - n) / n, (n - 1) / n, n, **like) for n in (height, width))
    y, x = meshgrid(*axes, indexing="ij")
    places = stack([x, y], -1) - displacement[0]
    pixels = (places + 1) * (0.5 * tensor([width, height], **like)) - 0.5

    def move(points: Tensor) -> Tensor:
        pixel = (points.ceil() if round_up else points).to(int64)
        columns, rows = pixel[:, 0].clamp(0, width - 1), pixel[:, 1].clamp(0, height - 1)
        return pixels.to(points.device, points.dtype)[rows, columns]

    return move


def _move(points: Tensor, move: _Map) -> Tensor:
    """Points (..., 2) moved, also to outside the image."""
    if points.numel() == 0:
        return points
    floats = points if points.is_floating_point() else points.float()
    return move(floats.reshape(-1, 2)).reshape(points.shape).to(points.dtype)


def _clamped(points: Tensor, canvas_size: Sequence[int]) -> Tensor:
    height, width = canvas_size
    return stack((points[..., 0].clamp(0, width - 1), points[..., 1].clamp(0, height - 1)), -1)


def _canvas_of(inpt: Any, canvas_size: Any, name: str) -> tuple[int, int]:
    """That of key points, or the one given with a plain tensor."""
    if isinstance(inpt, tv_tensors.KeyPoints):
        if canvas_size is not None:
            raise ValueError("For keypoints tv_tensor inputs, `canvas_size` must not be passed.")
        return inpt.canvas_size
    if not is_pure_tensor(inpt):
        raise TypeError(
            f"Input can either be a plain tensor or a keypoints tv_tensor, but got {type(inpt)} instead."
        )
    if canvas_size is None:
        raise ValueError("For pure tensor inputs, `canvas_size` has to be passed.")
    return canvas_size


def clamp_keypoints(inpt: Tensor, canvas_size: tuple[int, int] | None = None) -> Tensor:
    """Points moved to the image's border where they lie outside.

    Args:
        inpt: `KeyPoints`, or a plain tensor (..., 2) together with `canvas_size`.

    Raises:
        TypeError, ValueError: for other arguments.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.clamp_keypoints(torch.tensor([[-1, 9]]), (4, 5))
        tensor([[0, 3]])
    """
    extent = _canvas_of(inpt, canvas_size, "clamp_keypoints")
    plain = _clamped(inpt.as_subclass(Tensor), extent)
    return tv_tensors.wrap(plain, like=inpt) if isinstance(inpt, tv_tensors.KeyPoints) else plain


def sanitize_keypoints(
    key_points: Tensor, canvas_size: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """The points that lie within the image, and which those are.

    Args:
        key_points: `KeyPoints`, or a plain tensor (N, ..., 2) together with `canvas_size`; of several points per
            row, all must lie within.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.sanitize_keypoints(torch.tensor([[1, 1], [1, 9]]), (4, 5))[1]
        tensor([ True, False])
    """
    height, width = _canvas_of(key_points, canvas_size, "sanitize_keypoints")
    plain = key_points.as_subclass(Tensor)
    x, y = plain[..., 0], plain[..., 1]
    valid = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    valid = valid.flatten(1).all(1) if valid.ndim > 1 else valid
    kept = plain[valid]
    if isinstance(key_points, tv_tensors.KeyPoints):
        kept = tv_tensors.wrap(kept, like=key_points)
    return kept, valid


def horizontal_flip_keypoints(keypoints: Tensor, canvas_size: tuple[int, int]) -> Tensor:
    """Points with left and right exchanged."""
    return stack((canvas_size[1] - 1 - keypoints[..., 0], keypoints[..., 1]), -1)


def vertical_flip_keypoints(keypoints: Tensor, canvas_size: tuple[int, int]) -> Tensor:
    """Points with top and bottom exchanged."""
    return stack((keypoints[..., 0], canvas_size[0] - 1 - keypoints[..., 1]), -1)


def resize_keypoints(
    keypoints: Tensor,
    size: int | Sequence[int] | None,
    canvas_size: tuple[int, int],
    max_size: int | None = None,
) -> tuple[Tensor, tuple[int, int]]:
    """Points of the resized image, and its size."""
    height, width = canvas_size
    new_height, new_width = output_size(canvas_size, size, max_size)
    if (new_height, new_width) == (height, width):
        return keypoints, canvas_size
    ratios = tensor([new_width / width, new_height / height], device=keypoints.device)
    return keypoints.mul(ratios).to(keypoints.dtype), (new_height, new_width)


def crop_keypoints(
    keypoints: Tensor, top: int, left: int, height: int, width: int
) -> tuple[Tensor, tuple[int, int]]:
    """Points of a part of the image, and its size."""
    shift = tensor([left, top], dtype=keypoints.dtype, device=keypoints.device)
    return keypoints - shift, (height, width)


def center_crop_keypoints(
    keypoints: Tensor, canvas_size: tuple[int, int], output_size: int | Sequence[int]
) -> tuple[Tensor, tuple[int, int]]:
    """Points of the middle of the image, and its size."""
    return crop_keypoints(keypoints, *anchored(canvas_size, output_size))


def resized_crop_keypoints(
    keypoints: Tensor,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
) -> tuple[Tensor, tuple[int, int]]:
    """Points of a part of the image, resized, and its size."""
    points, canvas = crop_keypoints(keypoints, top, left, height, width)
    return resize_keypoints(points, size, canvas)


def pad_keypoints(
    keypoints: Tensor,
    canvas_size: tuple[int, int],
    padding: int | Sequence[int],
    padding_mode: str = "constant",
) -> tuple[Tensor, tuple[int, int]]:
    """Points of the image with pixels added around it, and its size."""
    left, top, canvas = padded(canvas_size, padding, padding_mode, "KeyPoints")
    shift = tensor([left, top], dtype=keypoints.dtype, device=keypoints.device)
    return keypoints + shift, canvas


def affine_keypoints(
    keypoints: Tensor,
    canvas_size: tuple[int, int],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    center: Sequence[float] | None = None,
) -> Tensor:
    """Points of the image after an affine map."""
    move, _ = affine_map(canvas_size, angle, translate, scale, shear, center)
    return _move(keypoints, move)


def rotate_keypoints(
    keypoints: Tensor,
    canvas_size: tuple[int, int],
    angle: float,
    expand: bool = False,
    center: Sequence[float] | None = None,
) -> tuple[Tensor, tuple[int, int]]:
    """Points of the rotated image, and its size."""
    move, canvas = rotation(canvas_size, angle, expand, center)
    return _move(keypoints, move), canvas


def perspective_keypoints(
    keypoints: Tensor,
    canvas_size: tuple[int, int],
    startpoints: Sequence[Sequence[int]] | None,
    endpoints: Sequence[Sequence[int]] | None,
    coefficients: Sequence[float] | None = None,
) -> Tensor:
    """Points of the image seen from elsewhere."""
    return _move(keypoints, perspective_map(startpoints, endpoints, coefficients))


def elastic_keypoints(
    keypoints: Tensor, canvas_size: tuple[int, int], displacement: Tensor
) -> Tensor:
    """Points of the bent image."""
    return _move(keypoints, elastic_map(canvas_size, displacement))
