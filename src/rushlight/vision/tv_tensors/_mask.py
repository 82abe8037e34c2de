"""Masks."""

from __future__ import annotations

from typing import Any

from ._tv_tensor import TVTensor


class Mask(TVTensor):
    """A segmentation mask (..., H, W), or one mask per object.

    Args:
        data: anything that `torch.as_tensor` takes, or a PIL image.
        dtype, device, requires_grad: as of `torch.tensor`; default: those of `data`.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> tv_tensors.Mask(torch.zeros(4, 5, dtype=torch.bool)).shape
        torch.Size([4, 5])
    """

    def __new__(
        cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None
    ) -> Mask:
        return cls._to_tensor(data, dtype, device, requires_grad).as_subclass(cls)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._make_repr()
