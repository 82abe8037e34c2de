"""Key points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import Tensor
from ._tv_tensor import TVTensor, tensors_of


class KeyPoints(TVTensor):
    """Points (..., 2) of one image: (x, y) from the upper left corner, in pixels.

    Args:
        data: anything that `torch.as_tensor` takes; (2,) gets a dimension.
        canvas_size: (height, width) of the image.
        dtype, device, requires_grad: as of `torch.tensor`; default: those of `data`.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> tv_tensors.KeyPoints([[1, 2]], canvas_size=(8, 9))
        KeyPoints([[1, 2]], canvas_size=(8, 9))
    """

    canvas_size: tuple[int, int]

    def __new__(
        cls,
        data: Any,
        *,
        canvas_size: tuple[int, int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> KeyPoints:
        tensor = cls._to_tensor(data, dtype, device, requires_grad)
        return cls._wrap(tensor, canvas_size=canvas_size)

    @classmethod
    def _wrap(
        cls, tensor: Tensor, *, canvas_size: tuple[int, int], check_dims: bool = True
    ) -> KeyPoints:
        if check_dims and tensor.ndim == 1:
            tensor = tensor.unsqueeze(0)
        points = tensor.as_subclass(cls)
        points.canvas_size = canvas_size
        return points

    def _like(self, plain: Tensor, canvas_size: tuple[int, int] | None = None) -> KeyPoints:
        return self._wrap(plain, canvas_size=canvas_size or self.canvas_size, check_dims=False)

    @classmethod
    def _wrap_output(cls, output: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        first = next(tensors_of(KeyPoints, [*args, *(kwargs or {}).values()]))
        if isinstance(output, Tensor):
            return first._like(output)
        return super()._wrap_output(output, args, kwargs)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._make_repr(canvas_size=self.canvas_size)
