"""Sizes, crops, borders and flips of samples; deformations are in `_deformation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import rand, randint, tensor
from ... import ops, tv_tensors
from .. import _random_geometry as v1
from .._arguments import INT_PAIR
from .._common import InterpolationMode, pair
from .._geometry import check_padding, padding_sides
from . import functional as F
from ._transform import RandomApplyTransform, Transform
from ._utils import (
    fill_for,
    fill_table,
    get_bounding_boxes,
    has_any,
    query_size,
)
from .functional._registry import is_pil_image

_BILINEAR = "bilinear"  # as repr shows it
_Mode = InterpolationMode | int | str
_Size = int | Sequence[int]


class RandomHorizontalFlip(RandomApplyTransform):
    """Exchange left and right, with a probability.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> boxes = tv_tensors.BoundingBoxes([[0, 0, 1, 1]], format="XYXY", canvas_size=(2, 4))
        >>> v2.RandomHorizontalFlip(p=1.0)(boxes).tolist()
        [[3, 0, 4, 1]]
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomApplyTransform):
    """Exchange top and bottom, with a probability.

    Args:
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomVerticalFlip(p=1.0)(torch.tensor([[[1], [2]]])).flatten()
        tensor([2, 1])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.vertical_flip, inpt)


class Resize(Transform):
    """Resize; see `transforms.functional.resize`.

    Args:
        size: (height, width), the length of the shorter edge, or None: the longer edge becomes `max_size`.
        interpolation: a mode, its name, or Pillow's number.
        max_size: upper limit of the longer edge.
        antialias: filter when a tensor is made smaller.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.Resize(4)(torch.zeros(3, 8, 16)).shape
        torch.Size([3, 4, 8])
    """

    def __init__(
        self,
        size: _Size | None,
        interpolation: _Mode = _BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if isinstance(size, int):
            size = [size]
        elif isinstance(size, Sequence) and len(size) in (1, 2):
            size = list(size)
        elif size is None:
            if not isinstance(max_size, int):
                raise ValueError(
                    f"max_size must be an integer when size is None, but got {max_size} instead."
                )
        else:
            raise ValueError(
                f"size can be an integer, a sequence of one or two integers, or None, but got {size} instead."
            )
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(
            F.resize,
            inpt,
            self.size,
            interpolation=self.interpolation,
            max_size=self.max_size,
            antialias=self.antialias,
        )


class CenterCrop(Transform):
    """The middle of the image.

    Args:
        size: (height, width), or the length of both edges.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.CenterCrop(4)(torch.zeros(3, 8, 16)).shape
        torch.Size([3, 4, 4])
    """

    def __init__(self, size: _Size) -> None:
        super().__init__()
        self.size = checked_size(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.center_crop, inpt, output_size=self.size)


def checked_size(size: Any) -> Sequence[int]:
    """(height, width), from a number or a sequence of one or two."""
    if not isinstance(size, (int, Sequence)):
        raise TypeError(f"size should be int or sequence. Got {type(size)}")
    if isinstance(size, Sequence) and len(size) == 1:
        return [size[0], size[0]]
    return pair(size, INT_PAIR)


class RandomResizedCrop(Transform):
    """A part of the image, of random area, shape and place, resized.

    Args:
        size: (height, width) of the result, or the length of both edges.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest width / height, drawn evenly on a logarithmic scale.
        interpolation, antialias: as of `Resize`.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomResizedCrop(8)(torch.zeros(3, 20, 30)).shape
        torch.Size([3, 8, 8])
    """

    _v1_transform_cls = v1.RandomResizedCrop

    def __init__(
        self,
        size: _Size,
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: _Mode = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = checked_size(size)
        v1.check_scale_and_ratio(scale, ratio)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        box = v1.drawn_part(*query_size(flat_inputs), self.scale, self.ratio)
        return dict(zip(("top", "left", "height", "width"), box))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resized_crop, inpt, **params, size=self.size, **options)


class FiveCrop(Transform):
    """A tuple of the four corners and the middle of the image.

    Args:
        size: (height, width), or the length of both edges.

    Raises:
        TypeError: when called with masks, boxes or key points.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> len(v2.FiveCrop(4)(torch.zeros(3, 8, 16)))
        5
    """

    def __init__(self, size: _Size) -> None:
        super().__init__()
        self.size = checked_size(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.five_crop, inpt, self.size)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints):
            raise TypeError(
                f"BoundingBoxes'es, Mask's and KeyPoints are not supported by {type(self).__name__}()"
            )


class TenCrop(Transform):
    """A tuple of five crops of the image and five of its mirror image.

    Args:
        size: (height, width), or the length of both edges.
        vertical_flip: exchange top and bottom instead of left and right.

    Raises:
        TypeError: when called with masks, boxes or key points.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> len(v2.TenCrop(4)(torch.zeros(3, 8, 16)))
        10
    """

    def __init__(self, size: _Size, vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = checked_size(size)
        self.vertical_flip = vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.ten_crop, inpt, self.size, vertical_flip=self.vertical_flip)

    check_inputs = FiveCrop.check_inputs


class Pad(Transform):
    """Add pixels around the image.

    Args:
        padding: of all sides, of (left and right, top and bottom), or of (left, top, right, bottom).
        fill: their value, one per channel, or a dictionary: kind of input -> value.
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.Pad((1, 2))(torch.zeros(3, 4, 5)).shape
        torch.Size([3, 8, 7])
    """

    def __init__(self, padding: _Size, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        check_padding(padding, padding_mode)
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill = fill
        self._fill = fill_table(fill)
        self.padding_mode = padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_for(self._fill, inpt)
        options = {"padding": self.padding, "fill": fill, "padding_mode": self.padding_mode}
        return self._call_kernel(F.pad, inpt, **options)


class RandomZoomOut(RandomApplyTransform):
    """Put the image at a random place of a larger canvas, with a probability.

    Args:
        fill: value around it, one per channel, or a dictionary: kind of input -> value.
        side_range: smallest and largest factor of the canvas's edges.
        p: probability.

    Raises:
        ValueError: for factors that are not in order, or below 1.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomZoomOut(side_range=(2.0, 2.0), p=1.0)(torch.zeros(3, 4, 5)).shape
        torch.Size([3, 8, 10])
    """

    def __init__(
        self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5
    ) -> None:
        super().__init__(p=p)
        self.fill = fill
        self._fill = fill_table(fill)
        self.side_range = side_range
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        low, high = self.side_range
        factor = low + rand(1) * (high - low)
        canvas_width, canvas_height = int(width * factor), int(height * factor)
        share = rand(2)
        left = int((canvas_width - width) * share[0])
        top = int((canvas_height - height) * share[1])
        return {
            "padding": [
                left,
                top,
                canvas_width - (left + width),
                canvas_height - (top + height),
            ]
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.pad, inpt, **params, fill=fill_for(self._fill, inpt))


class RandomCrop(Transform):
    """A part of the image, of a given size, at a random place.

    Args:
        size: (height, width), or the length of both edges.
        padding, fill, padding_mode: added around the image first; as of `Pad`.
        pad_if_needed: add to both sides what an image lacks.

    Raises:
        ValueError: when called with a smaller image, unless `pad_if_needed`.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomCrop(32, padding=4)(torch.zeros(3, 32, 32)).shape
        torch.Size([3, 32, 32])
    """

    _v1_transform_cls = v1.RandomCrop

    def __init__(
        self,
        size: _Size,
        padding: _Size | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = checked_size(size)
        if pad_if_needed or padding is not None:
            check_padding(0 if padding is None else padding, padding_mode)
        self.padding = None
        if padding is not None:
            left, top, right, bottom = padding_sides(padding)
            self.padding = [left, right, top, bottom]  # as repr shows it
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self._fill = fill_table(fill)
        self.padding_mode = padding_mode

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        old_height, old_width = query_size(flat_inputs)
        rows, columns = self.size
        left, right, top, bottom = [0] * 4 if self.padding is None else self.padding
        height, width = old_height + top + bottom, old_width + left + right
        if self.pad_if_needed:
            more_rows, more_columns = max(rows - height, 0), max(columns - width, 0)
            top, bottom, height = top + more_rows, bottom + more_rows, height + 2 * more_rows
            left, right, width = left + more_columns, right + more_columns, width + 2 * more_columns
        if height < rows or width < columns:
            raise ValueError(
                f"Required crop size {(rows, columns)} is larger than "
                f"{'padded ' if self.padding is not None else ''}input image size {(height, width)}."
            )
        # A random number is drawn only for an edge that is cut.
        row = int(randint(0, height - rows + 1, size=(1,))) if height > rows else 0
        column = int(randint(0, width - columns + 1, size=(1,))) if width > columns else 0
        return {
            "box": {"top": row, "left": column, "height": rows, "width": columns},
            "cut": (height, width) != (rows, columns),
            "padding": [left, top, right, bottom],
            "pad": (height, width) != (old_height, old_width),
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if params["pad"]:
            fill = fill_for(self._fill, inpt)
            options = {"fill": fill, "padding_mode": self.padding_mode}
            inpt = self._call_kernel(F.pad, inpt, padding=params["padding"], **options)
        if params["cut"]:
            inpt = self._call_kernel(F.crop, inpt, **params["box"])
        return inpt


class RandomIoUCrop(Transform):
    """A random part of the image that covers a box well (SSD, https://arxiv.org/abs/1512.02325, section 2.2).

    Boxes whose centres lie outside become empty: let `SanitizeBoundingBoxes` take them out.

    Args:
        min_scale, max_scale: of the part's edges, as shares of the image's.
        min_aspect_ratio, max_aspect_ratio: of the part's width / height.
        sampler_options: the overlaps (intersection over union) to choose from; 1 or more: the whole image.
        trials: parts tried before another overlap is chosen.

    Raises:
        TypeError: when called without boxes and an image.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> boxes = tv_tensors.BoundingBoxes([[0, 0, 8, 8]], format="XYXY", canvas_size=(8, 8))
        >>> image, boxes = v2.RandomIoUCrop()(torch.zeros(3, 8, 8), boxes)
        >>> image.shape[-2:] == torch.Size(boxes.canvas_size)
        True
    """

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: list[float] | None = None,
        trials: int = 40,
    ) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.min_aspect_ratio = min_aspect_ratio
        self.max_aspect_ratio = max_aspect_ratio
        self.options = sampler_options or [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
        self.trials = trials

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if not (
            has_any(flat_inputs, tv_tensors.BoundingBoxes)
            and has_any(flat_inputs, is_pil_image, tv_tensors.Image, F.is_pure_tensor)
        ):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images and bounding boxes. "
                "Sample can also contain masks."
            )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        boxes = get_bounding_boxes(flat_inputs)
        corners = F.convert_bounding_box_format(boxes, new_format="XYXY")
        corners = tv_tensors.TVTensor.as_subclass(corners, type(rand(0)))
        while True:
            wanted = self.options[int(randint(low=0, high=len(self.options), size=(1,)))]
            if wanted >= 1.0:
                return {}
            for _ in range(self.trials):
                part = self._drawn_part(height, width)
                if part is None:
                    continue
                left, top, right, bottom = part
                x, y = 0.5 * (corners[..., 0::2].sum(-1)), 0.5 * (corners[..., 1::2].sum(-1))
                inside = (left < x) & (x < right) & (top < y) & (y < bottom)
                if not inside.any():
                    continue
                around = tensor([part], dtype=corners.dtype, device=corners.device)
                if ops.box_iou(corners[inside], around).max() >= wanted:
                    box = {"top": top, "left": left, "height": bottom - top, "width": right - left}
                    return {"box": box, "inside": inside}

    def _drawn_part(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        """(left, top, right, bottom); None: a miss."""
        scale = self.min_scale + (self.max_scale - self.min_scale) * rand(2)
        columns, rows = int(width * scale[0]), int(height * scale[1])
        aspect_ratio = columns / rows
        if not self.min_aspect_ratio <= aspect_ratio <= self.max_aspect_ratio:
            return None
        place = rand(2)
        left, top = int((width - columns) * place[0]), int((height - rows) * place[1])
        return (left, top, left + columns, top + rows) if columns and rows else None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params:
            return inpt
        output = self._call_kernel(F.crop, inpt, **params["box"])
        if isinstance(output, tv_tensors.BoundingBoxes):
            output[~params["inside"]] = 0  # in place: they keep their places among the labels
        return output


class ScaleJitter(Transform):
    """Resize to a random size about a given one (https://arxiv.org/abs/2012.07177); the aspect ratio stays.

    Args:
        target_size: (height, width).
        scale_range: smallest and largest factor.
        interpolation, antialias: as of `Resize`.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.ScaleJitter((8, 8), scale_range=(0.5, 0.5))(torch.zeros(3, 16, 20)).shape
        torch.Size([3, 3, 4])
    """

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: _Mode = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        scale = low + rand(1) * (high - low)
        factor = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return {"size": (int(height * factor), int(width * factor))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resize, inpt, **params, **options)


class RandomShortestSize(Transform):
    """Resize so that the shorter edge has one of some lengths; the aspect ratio stays.

    Args:
        min_size: the lengths, or one.
        max_size: upper limit of the longer edge.
        interpolation, antialias: as of `Resize`.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomShortestSize([8])(torch.zeros(3, 16, 20)).shape
        torch.Size([3, 8, 10])
    """

    def __init__(
        self,
        min_size: Sequence[int] | int,
        max_size: int | None = None,
        interpolation: _Mode = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        shortest = self.min_size[int(randint(len(self.min_size), ()))]
        factor = shortest / min(height, width)
        if self.max_size is not None:
            factor = min(factor, self.max_size / max(height, width))
        return {"size": (int(height * factor), int(width * factor))}

    transform = ScaleJitter.transform


class RandomResize(Transform):
    """Resize so that the shorter edge has a random length.

    Args:
        min_size: the smallest length. max_size: above the largest.
        interpolation, antialias: as of `Resize`.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomResize(8, 9)(torch.zeros(3, 16, 20)).shape
        torch.Size([3, 8, 10])
    """

    def __init__(
        self,
        min_size: int,
        max_size: int,
        interpolation: _Mode = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"size": [int(randint(self.min_size, self.max_size, ()))]}

    transform = ScaleJitter.transform
