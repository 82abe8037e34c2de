"""Videos."""

from __future__ import annotations

from typing import Any

from ._tv_tensor import TVTensor


class Video(TVTensor):
    """A video (..., T, C, H, W): frames, each an image.

    Args:
        data: anything that `torch.as_tensor` takes.
        dtype, device, requires_grad: as of `torch.tensor`; default: those of `data`.

    Raises:
        ValueError: for less than four dimensions.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> tv_tensors.Video(torch.zeros(8, 3, 4, 5)).shape
        torch.Size([8, 3, 4, 5])
    """

    def __new__(
        cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None
    ) -> Video:
        tensor = cls._to_tensor(data, dtype, device, requires_grad)
        if tensor.ndim < 4:
            raise ValueError(f"a video has four dimensions (T, C, H, W) or more, got {tensor.ndim}")
        return tensor.as_subclass(cls)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._make_repr()
