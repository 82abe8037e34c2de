"""Sizes, types, and conversions from PIL images and arrays."""

from __future__ import annotations

from typing import Any

from ..... import Tensor, float32, from_numpy, linspace
from .... import tv_tensors
from ..._common import get_dimensions as _dimensions
from ..._common import is_pil_image, max_value
from ..._conversion import convert_image_dtype, pil_to_tensor
from ..._conversion import normalize as _normalize
from ..._conversion import to_tensor as _to_tensor
from ._registry import functional


def get_dimensions(inpt: Any) -> list[int]:
    """[channels, height, width] of an image or video.

    Raises:
        TypeError: for anything else.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.get_dimensions(torch.zeros(2, 3, 4, 5))
        [3, 4, 5]
    """
    _check(inpt, "get_dimensions", (tv_tensors.Image, tv_tensors.Video))
    return _dimensions(_plain(inpt))


def get_size(inpt: Any) -> list[int]:
    """[height, width] of an image, video, mask, or of the image that boxes or key points belong to.

    Raises:
        TypeError: for anything else.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.get_size(tv_tensors.Mask(torch.zeros(4, 5)))
        [4, 5]
    """
    _check(inpt, "get_size", (tv_tensors.TVTensor,))
    return list(getattr(inpt, "canvas_size", None) or _dimensions(_plain(inpt))[1:])


def get_num_channels(inpt: Any) -> int:
    """The number of channels of an image or video; see `get_dimensions`."""
    _check(inpt, "get_num_channels", (tv_tensors.Image, tv_tensors.Video))
    return _dimensions(_plain(inpt))[0]


def get_image_size(inpt: Any) -> list[int]:
    """[width, height]; see `get_size`."""
    return get_size(inpt)[::-1]


def get_num_frames(inpt: Any) -> int:
    """The number of frames of a video (..., T, C, H, W).

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.get_num_frames(torch.zeros(2, 3, 4, 5))
        2
    """
    _check(inpt, "get_num_frames", (tv_tensors.Video,))
    return inpt.shape[-4]


def _plain(inpt: Any) -> Any:
    return inpt.as_subclass(Tensor) if isinstance(inpt, tv_tensors.TVTensor) else inpt


def _check(inpt: Any, name: str, kinds: tuple[type, ...]) -> None:
    if isinstance(inpt, tv_tensors.TVTensor):
        if isinstance(inpt, kinds):
            return
    elif isinstance(inpt, Tensor) or is_pil_image(inpt):
        return
    raise TypeError(f"Functional F.{name} has no kernel for inputs of type {type(inpt)}")


def normalize_image(image: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    return _normalize(image, mean, std, inplace)


def to_dtype_image(image: Tensor, dtype: Any = float32, scale: bool = False) -> Tensor:
    """The image in another type; with `scale`, its full range becomes that of the type, see `convert_image_dtype`.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.to_dtype(torch.tensor([[[0, 255]]], dtype=torch.uint8), torch.float32, scale=True)
        tensor([[[0., 1.]]])
    """
    if image.dtype == dtype or not scale:
        return image.to(dtype)
    if dtype.is_floating_point and not image.is_floating_point():
        return image.to(dtype).mul_(1.0 / max_value(image.dtype))
    return convert_image_dtype(image, dtype)


def _to_dtype_other(inpt: Tensor, dtype: Any = float32, scale: bool = False) -> Tensor:
    return inpt.to(dtype)


to_dtype = functional(
    to_dtype_image, mask=_to_dtype_other, boxes=_to_dtype_other, keypoints=_to_dtype_other
)
normalize = functional(normalize_image)


def uniform_temporal_subsample_video(video: Tensor, num_samples: int) -> Tensor:
    """`num_samples` frames (..., T, C, H, W) at equal distances, the first and the last among them.

    Example:
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.uniform_temporal_subsample(torch.arange(5).view(5, 1, 1, 1), 3).flatten()
        tensor([0, 2, 4])
    """
    last = video.shape[-4] - 1
    frames = linspace(0, last, num_samples, device=video.device).long()
    return video.index_select(-4, frames)


uniform_temporal_subsample = functional(uniform_temporal_subsample_video)


def to_image(inpt: Any) -> tv_tensors.Image:
    """A PIL image, an (H, W[, C]) array or a tensor as an `Image` of the same type.

    Raises:
        TypeError: for anything else.

    Example:
        >>> import numpy
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.to_image(numpy.zeros((4, 5, 3), "uint8")).shape
        torch.Size([3, 4, 5])
    """
    import numpy

    if isinstance(inpt, numpy.ndarray):
        plain = from_numpy(numpy.atleast_3d(inpt)).permute(2, 0, 1).contiguous()
    elif is_pil_image(inpt):
        plain = pil_to_tensor(inpt)
    elif isinstance(inpt, Tensor):
        plain = inpt
    else:
        raise TypeError(
            "Input can either be a pure Tensor, a numpy array, or a PIL image, but got "
            f"{type(inpt)} instead."
        )
    return tv_tensors.Image(plain)


def to_tensor(inpt: Any) -> Tensor:
    """As `transforms.functional.to_tensor`; `to_image` and `to_dtype` say the same in two steps."""
    return _to_tensor(inpt)
