"""The preprocessing that published weights expect."""

from __future__ import annotations

from typing import Any

from ... import Tensor, float32, nn
from ..transforms import InterpolationMode
from ..transforms import functional as F


class ImageClassification(nn.Module):
    """Resize, crop the centre, scale to [0, 1] and normalise an image.

    Args:
        crop_size: height and width of the result in pixels.
        resize_size: length of the shorter side before the crop. Default: 256.
        mean, std: of the three channels. Default: ImageNet's.
        interpolation: of the resizing. Default: bilinear.
        antialias: of the resizing of tensors. Default: True.

    Returns:
        Of a call with a PIL image or a tensor (..., 3, H, W): tensor (..., 3, crop_size, crop_size).
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        img = F.resize(
            img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias
        )
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, float32), mean=self.mean, std=self.std)

    def __repr__(self) -> str:
        shown = ("crop_size", "resize_size", "mean", "std", "interpolation")
        lines = [f"    {name}={getattr(self, name)}" for name in shown]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])

    def describe(self) -> str:
        """The steps in words."""
        return (
            f"Takes a PIL image or a tensor (..., 3, H, W); resizes the shorter side to {self.resize_size[0]} "
            f"pixels ({self.interpolation.value}), crops the centre {self.crop_size[0]} x {self.crop_size[0]}, scales to "
            f"[0, 1], subtracts the mean {self.mean} and divides by the deviation {self.std}."
        )


class ObjectDetection(nn.Module):
    """An image as floats in [0, 1]: detectors do the rest themselves.

    Returns:
        Of a call with a PIL image or a tensor (..., 3, H, W): tensor of the same size.
    """

    def forward(self, img: Any) -> Tensor:
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.convert_image_dtype(img, float32)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def describe(self) -> str:
        """The steps in words."""
        return "Takes a PIL image or a tensor (..., 3, H, W); scales to [0, 1]."


class SemanticSegmentation(nn.Module):
    """Resize, scale to [0, 1] and normalise an image.

    Args:
        resize_size: length of the shorter side; None: the image keeps its size.
        mean, std, interpolation, antialias: as of `ImageClassification`.

    Returns:
        Of a call with a PIL image or a tensor (..., 3, H, W): tensor (..., 3, H', W').
    """

    def __init__(
        self,
        *,
        resize_size: int | None,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.resize_size = [resize_size] if resize_size is not None else None
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        if self.resize_size is not None:
            img = F.resize(
                img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias
            )
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, float32), mean=self.mean, std=self.std)

    def __repr__(self) -> str:
        shown = ("resize_size", "mean", "std", "interpolation")
        lines = [f"    {name}={getattr(self, name)}" for name in shown]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])

    def describe(self) -> str:
        """The steps in words."""
        size = (
            ""
            if self.resize_size is None
            else (
                f" resizes the shorter side to {self.resize_size[0]} pixels ({self.interpolation.value}),"
            )
        )
        return (
            f"Takes a PIL image or a tensor (..., 3, H, W);{size} scales to [0, 1], subtracts the mean {self.mean} and "
            f"divides by the deviation {self.std}."
        )
