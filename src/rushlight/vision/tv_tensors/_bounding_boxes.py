"""Bounding boxes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from ... import Tensor
from ._tv_tensor import TVTensor, tensors_of


class BoundingBoxFormat(Enum):
    """What the numbers of a box mean: corners, (left, top, width, height), (centre, width, height); R: angle.

    Example:
        >>> from rushlight.vision.tv_tensors import BoundingBoxFormat
        >>> BoundingBoxFormat["XYWH"].value
        'XYWH'
    """

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


_ROTATED = (BoundingBoxFormat.XYWHR, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY)
_CLAMPING_MODES = (None, "hard", "soft")


def box_format(format: BoundingBoxFormat | str) -> BoundingBoxFormat:
    return format if isinstance(format, BoundingBoxFormat) else BoundingBoxFormat[format.upper()]


def is_rotated_bounding_format(format: BoundingBoxFormat | str) -> bool:
    """Whether boxes of the format may be turned.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> tv_tensors.is_rotated_bounding_format("XYWHR")
        True
    """
    return box_format(format) in _ROTATED


def check_clamping_mode(mode: Any) -> None:
    if mode not in _CLAMPING_MODES:
        raise ValueError(f"clamping_mode must be None, hard or soft, got {mode}.")


class BoundingBoxes(TVTensor):
    """The bounding boxes (N, 4) of one image's objects.

    Args:
        data: anything that `torch.as_tensor` takes; (4,) gets a dimension.
        format: a `BoundingBoxFormat` or its name.
        canvas_size: (height, width) of the image.
        clamping_mode: what transforms do to boxes that leave the image: "hard": cut them off; "soft": the same,
            but turned boxes only as far as their angle allows; None: nothing.
        dtype, device, requires_grad: as of `torch.tensor`; default: those of `data`.

    Raises:
        KeyError: for another format.
        ValueError: for other dimensions, clamping modes, or integers as turned boxes.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> tv_tensors.BoundingBoxes([[0, 0, 2, 3]], format="XYWH", canvas_size=(8, 9))
        BoundingBoxes([[0, 0, 2, 3]], format=BoundingBoxFormat.XYWH, canvas_size=(8, 9), clamping_mode=soft)
    """

    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None

    def __new__(
        cls,
        data: Any,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: tuple[int, int],
        clamping_mode: str | None = "soft",
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> BoundingBoxes:
        tensor = cls._to_tensor(data, dtype, device, requires_grad)
        if is_rotated_bounding_format(format) and not tensor.is_floating_point():
            raise ValueError(
                f"Rotated bounding boxes should be floating point tensors, got {tensor.dtype}."
            )
        return cls._wrap(
            tensor, format=format, canvas_size=canvas_size, clamping_mode=clamping_mode
        )

    @classmethod
    def _wrap(
        cls,
        tensor: Tensor,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: tuple[int, int],
        clamping_mode: str | None = "soft",
        check_dims: bool = True,
    ) -> BoundingBoxes:
        check_clamping_mode(clamping_mode)
        if check_dims:
            if tensor.ndim not in (1, 2):
                raise ValueError(f"Expected a 1D or 2D tensor, got {tensor.ndim}D")
            tensor = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        boxes = tensor.as_subclass(cls)
        boxes.format = box_format(format)
        boxes.canvas_size = canvas_size
        boxes.clamping_mode = clamping_mode
        return boxes

    def _like(self, plain: Tensor, **changed: Any) -> BoundingBoxes:
        kept = {
            "format": self.format,
            "canvas_size": self.canvas_size,
            "clamping_mode": self.clamping_mode,
        }
        return self._wrap(plain, **{**kept, **changed}, check_dims=False)

    @classmethod
    def _wrap_output(cls, output: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        first = next(tensors_of(BoundingBoxes, [*args, *(kwargs or {}).values()]))
        if isinstance(output, Tensor):
            return first._like(output)
        return super()._wrap_output(output, args, kwargs)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._make_repr(
            format=self.format, canvas_size=self.canvas_size, clamping_mode=self.clamping_mode
        )
