"""The transforms as classes, to be chained by `Compose`: conversions, sizes, containers.

Those that draw random numbers are in `_random_geometry` and `_random_color`, and known by this module's name.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

from ... import Tensor, rand
from ...nn.modules.module import Module
from . import functional as F
from ._arguments import INT_PAIR, lines
from ._common import InterpolationMode, interpolation_from_int, pair
from ._geometry import check_padding
from ._random_color import (
    ColorJitter,
    GaussianBlur,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomErasing,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from ._random_geometry import (
    ElasticTransform,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "ElasticTransform",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "TenCrop",
    "ToPILImage",
    "ToTensor",
]


class Compose:
    """Apply transforms one after the other.

    Args:
        transforms: callables, each taking the result of the one before.

    Example:
        >>> from rushlight.vision import transforms
        >>> import numpy
        >>> chain = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
        >>> chain(numpy.full((2, 2), 255, dtype="uint8")).shape
        torch.Size([1, 2, 2])
    """

    def __init__(self, transforms: Sequence[Callable]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return lines(type(self).__name__, self.transforms)


class ToTensor:
    """A PIL image or an (H, W, C) array of bytes as a float32 tensor (C, H, W) in [0, 1]; see `functional.to_tensor`.

    Example:
        >>> import numpy
        >>> from rushlight.vision.transforms import ToTensor
        >>> ToTensor()(numpy.full((1, 1), 51, dtype="uint8"))
        tensor([[[0.2000]]])
    """

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """A PIL image as a tensor (C, H, W) of its own type; see `functional.pil_to_tensor`.

    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import PILToTensor
        >>> PILToTensor()(Image.new("L", (1, 1), 51))
        tensor([[[51]]], dtype=torch.uint8)
    """

    def __call__(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ConvertImageDtype(Module):
    """An image tensor in another type, its values scaled; see `functional.convert_image_dtype`.

    Args:
        dtype: the wanted type.

    Example:
        >>> from rushlight.vision.transforms import ConvertImageDtype
        >>> ConvertImageDtype(torch.uint8)(torch.tensor([[1.0]]))
        tensor([[255]], dtype=torch.uint8)
    """

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image; see `functional.to_pil_image`.

    Args:
        mode: PIL's name of the colour space; default: by type and number of channels.

    Example:
        >>> from rushlight.vision.transforms import ToPILImage
        >>> ToPILImage()(torch.zeros(3, 4, 5)).size
        (5, 4)
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class Lambda:
    """A function as a transform.

    Args:
        lambd: the function.

    Raises:
        TypeError: if it cannot be called.

    Example:
        >>> from rushlight.vision.transforms import Lambda
        >>> Lambda(lambda x: x + 1)(torch.zeros(1))
        tensor([1.])
    """

    def __init__(self, lambd: Callable) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Normalize(Module):
    """(x - mean) / std per channel of a float tensor (..., C, H, W); see `functional.normalize`.

    Args:
        mean, std: one number per channel.
        inplace: change the tensor itself.

    Example:
        >>> from rushlight.vision.transforms import Normalize
        >>> Normalize([0.5], [0.25])(torch.ones(1, 1, 1))
        tensor([[[2.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Resize(Module):
    """Resize to (height, width), or so that the shorter edge has the given length; see `functional.resize`.

    Args:
        size, interpolation, max_size, antialias: as of `functional.resize`.

    Example:
        >>> from rushlight.vision.transforms import Resize
        >>> Resize(4)(torch.zeros(3, 8, 16)).shape
        torch.Size([3, 4, 8])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.max_size = max_size
        if isinstance(interpolation, int):
            interpolation = interpolation_from_int(interpolation)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class _CropOfSize(Module):
    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair(size, INT_PAIR)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class CenterCrop(_CropOfSize):
    """The middle of the image; see `functional.center_crop`.

    Args:
        size: (height, width), or the length of both edges.

    Example:
        >>> from rushlight.vision.transforms import CenterCrop
        >>> CenterCrop(4)(torch.zeros(3, 8, 16)).shape
        torch.Size([3, 4, 4])
    """

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class FiveCrop(_CropOfSize):
    """A tuple of the four corners and the middle of the image; see `functional.five_crop`.

    Args:
        size: (height, width), or the length of both edges.

    Example:
        >>> from rushlight.vision.transforms import FiveCrop
        >>> len(FiveCrop(4)(torch.zeros(3, 8, 16)))
        5
    """

    def forward(self, img: Any) -> tuple:
        return F.five_crop(img, self.size)


class TenCrop(Module):
    """A tuple of five crops of the image and five of its mirror image; see `functional.ten_crop`.

    Args:
        size: (height, width), or the length of both edges.
        vertical_flip: exchange top and bottom instead of left and right.

    Example:
        >>> from rushlight.vision.transforms import TenCrop
        >>> len(TenCrop(4)(torch.zeros(3, 8, 16)))
        10
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = pair(size, INT_PAIR)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> tuple:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class Pad(Module):
    """Add pixels around the image; see `functional.pad`.

    Args:
        padding, fill, padding_mode: as of `functional.pad`.

    Example:
        >>> from rushlight.vision.transforms import Pad
        >>> Pad((1, 2))(torch.zeros(3, 4, 5)).shape
        torch.Size([3, 8, 7])
    """

    def __init__(
        self,
        padding: int | Sequence[int],
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        if not isinstance(padding, (Number, tuple, list)):
            raise TypeError("Got inappropriate padding arg")
        if not isinstance(fill, (Number, tuple, list)):
            raise TypeError("Got inappropriate fill arg")
        check_padding(padding, str(padding_mode))
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, "
            f"padding_mode={self.padding_mode})"
        )


class Grayscale(Module):
    """Luma of an RGB image; see `functional.rgb_to_grayscale`.

    Args:
        num_output_channels: 1 or 3.

    Example:
        >>> from rushlight.vision.transforms import Grayscale
        >>> Grayscale()(torch.zeros(3, 4, 5)).shape
        torch.Size([1, 4, 5])
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, num_output_channels=self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class LinearTransformation(Module):
    """(x - mean) M for an image x (C, H, W), laid out as a row; whitening, for example.

    Args:
        transformation_matrix: M, (D, D) with D = C H W.
        mean_vector: (D,).

    Raises:
        ValueError: for shapes, types or devices that do not fit.

    Example:
        >>> from rushlight.vision.transforms import LinearTransformation
        >>> LinearTransformation(2 * torch.eye(2), torch.ones(2))(torch.tensor([[[1.0, 3.0]]]))
        tensor([[[0., 4.]]])
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        sizes = tuple(transformation_matrix.size())
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"transformation_matrix should be square. Got {sizes} rectangular matrix."
            )
        if mean_vector.size(0) != sizes[0]:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.size(0)} as any one of the "
                f"dimensions of the transformation_matrix [{sizes}]"
            )
        if transformation_matrix.device != mean_vector.device:
            raise ValueError(
                "Input tensors should be on the same device. Got "
                f"{transformation_matrix.device} and {mean_vector.device}"
            )
        if transformation_matrix.dtype != mean_vector.dtype:
            raise ValueError(
                "Input tensors should have the same dtype. Got "
                f"{transformation_matrix.dtype} and {mean_vector.dtype}"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        channels, height, width = tensor.shape[-3:]
        count = channels * height * width
        if count != self.transformation_matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{channels} x {height} x {width}] != {self.transformation_matrix.shape[0]}"
            )
        if tensor.device.type != self.mean_vector.device.type:
            raise ValueError(
                "Input tensor should be on the same device as transformation matrix and mean vector. "
                f"Got {tensor.device} vs {self.mean_vector.device}"
            )
        rows = tensor.view(-1, count) - self.mean_vector
        return rows.mm(self.transformation_matrix.to(rows.dtype)).view(tensor.shape)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )


class RandomTransforms:
    """What `RandomOrder` and `RandomChoice` share."""

    def __init__(self, transforms: Sequence[Callable]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return lines(type(self).__name__, self.transforms)


class RandomApply(Module):
    """Apply all of some transforms, with a probability.

    Args:
        transforms: callables, or an `nn.ModuleList`.
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import Grayscale, RandomApply
        >>> RandomApply([Grayscale()], p=1.0)(torch.zeros(3, 4, 5)).shape
        torch.Size([1, 4, 5])
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        if self.p < rand(1):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return lines(type(self).__name__, [f"p={self.p}", *self.transforms])


class RandomOrder(RandomTransforms):
    """Apply transforms in an order drawn by Python's `random`.

    Args:
        transforms: a sequence of callables.

    Example:
        >>> from rushlight.vision.transforms import Lambda, RandomOrder
        >>> RandomOrder([Lambda(lambda x: x + 1), Lambda(lambda x: x + 2)])(0)
        3
    """

    def __call__(self, img: Any) -> Any:
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for number in order:
            img = self.transforms[number](img)
        return img


class RandomChoice(RandomTransforms):
    """Apply one of some transforms, drawn by Python's `random`.

    Args:
        transforms: a sequence of callables.
        p: their relative probabilities; default: equal.

    Example:
        >>> from rushlight.vision.transforms import Lambda, RandomChoice
        >>> RandomChoice([Lambda(lambda x: x + 1), Lambda(lambda x: x + 2)], p=[0, 1])(0)
        2
    """

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, *args: Any) -> Any:
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


for _name in __all__:
    if globals()[_name] is not InterpolationMode:
        globals()[_name].__module__ = __name__  # the address under which they are known
InterpolationMode.__module__ = F.__name__
