"""Images."""

from __future__ import annotations

from typing import Any

from ._tv_tensor import TVTensor


class Image(TVTensor):
    """An image (..., C, H, W), so that `transforms.v2` knows it for one.

    Args:
        data: anything that `torch.as_tensor` takes, or a PIL image; (H, W) gets a channel.
        dtype, device, requires_grad: as of `torch.tensor`; default: those of `data`.

    Raises:
        ValueError: for less than two dimensions.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> tv_tensors.Image(torch.zeros(4, 5)).shape
        torch.Size([1, 4, 5])
    """

    def __new__(
        cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None
    ) -> Image:
        tensor = cls._to_tensor(data, dtype, device, requires_grad)
        if tensor.ndim < 2:
            raise ValueError(f"Tensor must be 2D or higher, got {tensor.ndim}D tensor.")
        return (tensor.unsqueeze(0) if tensor.ndim == 2 else tensor).as_subclass(cls)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._make_repr()
