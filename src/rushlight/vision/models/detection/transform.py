"""From images of any size to a batch for a detector, and its results back."""

from __future__ import annotations

import math
from typing import Any

from .... import Tensor, as_tensor, empty, nn, stack, tensor
from .image_list import ImageList


def resize_boxes(boxes: Tensor, original_size: Any, new_size: Any) -> Tensor:
    """Boxes (N, 4) of an image of (height, width) `original_size`, in one of `new_size`."""
    # In float32, as the boxes are.
    ratios = [
        (tensor(float(new)) / tensor(float(old))).to(boxes.device)
        for new, old in zip(new_size, original_size)
    ]
    x1, y1, x2, y2 = boxes.unbind(1)
    return stack((x1 * ratios[1], y1 * ratios[0], x2 * ratios[1], y2 * ratios[0]), dim=1)


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks (N, 1, M, M) of boxes (N, 4) as masks (N, 1, H, W) of the image."""
    height, width = size
    count, edge = masks.shape[0], masks.shape[-1]
    result = masks.new_zeros((count, 1, height, width))
    # A border of one pixel, so that masks end softly.
    masks = nn.functional.pad(masks, (1, 1, 1, 1))
    scale = float(edge + 2) / edge
    centres, halves = (boxes[:, 2:] + boxes[:, :2]) * 0.5, (boxes[:, 2:] - boxes[:, :2]) * 0.5
    halves = halves * scale
    corners = stack((centres - halves, centres + halves), 1).view(count, 4).long().tolist()
    for number, (left, top, right, bottom) in enumerate(corners):
        wide, high = max(right - left + 1, 1), max(bottom - top + 1, 1)
        mask = nn.functional.interpolate(
            masks[number][None], size=(high, wide), mode="bilinear", align_corners=False
        )[0, 0]
        x0, x1 = max(left, 0), min(right + 1, width)
        y0, y1 = max(top, 0), min(bottom + 1, height)
        if x1 > x0 and y1 > y0:
            result[number, 0, y0:y1, x0:x1] = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    return result


class GeneralizedRCNNTransform(nn.Module):
    """Normalise and resize images, with their boxes and masks, and pad them to one size.

    Args:
        min_size: length of the shorter edge; of several, training draws one.
        max_size: upper limit of the longer edge.
        image_mean, image_std: per channel.
        size_divisible: height and width of the batch are multiples of it.
        fixed_size: (width, height) of all images, in place of `min_size`.
    """

    def __init__(
        self,
        min_size: int | tuple[int, ...],
        max_size: int,
        image_mean: list[float],
        image_std: list[float],
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.min_size = min_size if isinstance(min_size, (list, tuple)) else (min_size,)
        self.max_size = max_size
        self.image_mean = image_mean
        self.image_std = image_std
        self.size_divisible = size_divisible
        self.fixed_size = fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)

    def forward(
        self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        images = list(images)
        targets = None if targets is None else [dict(target) for target in targets]
        for number, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(
                    f"images is expected to be a list of 3d tensors of shape [C, H, W], got {image.shape}"
                )
            target = None if targets is None else targets[number]
            image, target = self.resize(self.normalize(image), target)
            images[number] = image
            if targets is not None and target is not None:
                targets[number] = target
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        return ImageList(self.batch_images(images), sizes), targets

    def normalize(self, image: Tensor) -> Tensor:
        if not image.is_floating_point():
            raise TypeError(
                "Expected input images to be of floating type (in range [0, 1]), "
                f"but found type {image.dtype} instead"
            )
        like = {"dtype": image.dtype, "device": image.device}
        mean, std = as_tensor(self.image_mean, **like), as_tensor(self.image_std, **like)
        return (image - mean[:, None, None]) / std[:, None, None]

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        old = (image.shape[-2], image.shape[-1])
        if self.training:
            if self._skip_resize:
                return image, target
            shorter = self.min_size[int(empty(1).uniform_(0.0, float(len(self.min_size))).item())]
        else:
            shorter = self.min_size[-1]
        if self.fixed_size is not None:
            options: dict[str, Any] = {"size": [self.fixed_size[1], self.fixed_size[0]]}
        else:
            factor = min(shorter / min(old), self.max_size / max(old))
            options = {"scale_factor": factor, "recompute_scale_factor": True}
        image = nn.functional.interpolate(
            image[None], mode="bilinear", align_corners=False, **options
        )[0]
        if target is None:
            return image, target
        if "masks" in target:
            masks = target["masks"][:, None].float()
            target["masks"] = nn.functional.interpolate(masks, **options)[:, 0].byte()
        target["boxes"] = resize_boxes(target["boxes"], old, image.shape[-2:])
        return image, target

    def batch_images(self, images: list[Tensor]) -> Tensor:
        step = self.size_divisible
        largest = [max(image.shape[dim] for image in images) for dim in range(3)]
        height, width = (math.ceil(n / step) * step for n in largest[1:])
        batch = images[0].new_full((len(images), largest[0], height, width), 0)
        for number, image in enumerate(images):
            batch[number, : image.shape[0], : image.shape[1], : image.shape[2]] = image
        return batch

    def postprocess(
        self,
        result: list[dict[str, Tensor]],
        image_shapes: list[tuple[int, int]],
        original_image_sizes: list[tuple[int, int]],
    ) -> list[dict[str, Tensor]]:
        """Detections in the coordinates of the images as they came."""
        if self.training:
            return result
        for found, shape, original in zip(result, image_shapes, original_image_sizes):
            found["boxes"] = resize_boxes(found["boxes"], shape, original)
            if "masks" in found:
                found["masks"] = paste_masks(found["masks"], found["boxes"], original)
        return result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(\n    Normalize(mean={self.image_mean}, std={self.image_std})"
            f"\n    Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')\n)"
        )
