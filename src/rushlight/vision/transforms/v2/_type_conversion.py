"""Between PIL images, arrays, tensors and images."""

from __future__ import annotations

import warnings
from typing import Any

from .... import Tensor
from ... import tv_tensors
from . import functional as F
from ._transform import Transform
from .functional._registry import is_pil_image


def _is_array(value: Any) -> bool:
    return type(value).__module__ == "numpy" and type(value).__name__ == "ndarray"


class PILToTensor(Transform):
    """A PIL image as a tensor (C, H, W) of its own type.

    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import v2
        >>> v2.PILToTensor()(Image.new("L", (1, 1), 51))
        tensor([[[51]]], dtype=torch.uint8)
    """

    _transformed_types = (is_pil_image,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """A PIL image, an (H, W[, C]) array or a tensor as an `Image` of the same type.

    Example:
        >>> import numpy
        >>> from rushlight.vision.transforms import v2
        >>> type(v2.ToImage()(numpy.zeros((4, 5, 3), "uint8"))).__name__
        'Image'
    """

    _transformed_types = (F.is_pure_tensor, is_pil_image, _is_array)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_image(inpt)


class ToPILImage(Transform):
    """A tensor (C, H, W), an image or an array (H, W, C) as a PIL image.

    Args:
        mode: PIL's name of the colour space; default: by type and number of channels.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.ToPILImage()(torch.zeros(3, 4, 5)).size
        (5, 4)
    """

    _transformed_types = (F.is_pure_tensor, tv_tensors.Image, _is_array)

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        plain = inpt.as_subclass(Tensor) if isinstance(inpt, Tensor) else inpt
        return F.to_pil_image(plain, mode=self.mode)


class ToPureTensor(Transform):
    """Images, masks, boxes, ... as plain tensors.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> type(v2.ToPureTensor()(tv_tensors.Mask(torch.zeros(2, 2)))).__name__
        'Tensor'
    """

    _transformed_types = (tv_tensors.TVTensor,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt.as_subclass(Tensor)


class ToTensor(Transform):
    """A PIL image or an (H, W, C) array as a tensor (C, H, W) in [0, 1]; warns.

    Example:
        >>> import numpy, warnings
        >>> from rushlight.vision.transforms import v2
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     v2.ToTensor()(numpy.full((1, 1), 51, dtype="uint8"))
        tensor([[[0.2000]]])
    """

    _transformed_types = (is_pil_image, _is_array)

    def __init__(self) -> None:
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. "
            "Instead, please use `v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])`."
            "Output is equivalent up to float precision."
        )
        super().__init__()

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_tensor(inpt)
