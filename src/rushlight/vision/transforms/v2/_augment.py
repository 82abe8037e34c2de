"""Erasing a part of an image, and mixing the images and labels of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .... import Tensor, randint, tensor
from ....distributions import Beta
from ....nn.functional import one_hot
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .. import _random_color as v1
from . import functional as F
from ._transform import RandomApplyTransform, Transform
from ._utils import LabelsGetter, has_any, labels_getter_of, query_chw, query_size
from .functional._registry import is_pil_image


class RandomErasing(RandomApplyTransform):
    """Erase a box of random area, shape and place, with a probability (https://arxiv.org/abs/1708.04896).

    Args:
        p: probability.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest height / width.
        value: put there: a number, one per channel, or "random" for normal noise.
        inplace: change the tensor itself.

    Raises:
        TypeError, ValueError: for arguments of other kinds or outside their bounds.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> erased = v2.RandomErasing(p=1.0)(torch.ones(3, 16, 16))
        >>> bool((erased == 0).any())
        True
    """

    _v1_transform_cls = v1.RandomErasing

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0.0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p=p)
        v1.RandomErasing(p, scale, ratio, value, inplace)  # checks them
        self.scale = scale
        self.ratio = ratio
        if isinstance(value, (int, float)):
            self.value = [float(value)]
        elif isinstance(value, str):
            self.value = None
        else:
            self.value = [float(v) for v in value]
        self.inplace = inplace

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels, height, width = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, channels):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {channels} (number of inpt channels)"
            )
        box = v1.erased_box(channels, height, width, self.scale, self.ratio, self.value)
        return {} if box is None else dict(zip("ijhwv", box))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params:
            return inpt
        return self._call_kernel(F.erase, inpt, **params, inplace=self.inplace)


class _MixOfBatch(Transform):
    """Mixes each image of a batch, and its label, with its neighbour."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        num_classes: int | None = None,
        labels_getter: LabelsGetter = "default",
    ) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self._dist = Beta(tensor([alpha]), tensor([alpha]))
        self.num_classes = num_classes
        self._labels_getter = labels_getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(inputs)
        if has_any(
            flat, is_pil_image, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints
        ):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints and masks."
            )
        labels = self._labels_getter(inputs)
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape "
                f"(batch_size, num_classes), but got a tensor of shape {labels.shape} instead."
            )
        if (
            labels.ndim == 2
            and self.num_classes is not None
            and labels.shape[-1] != self.num_classes
        ):
            raise ValueError(
                "When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError(
                "num_classes must be passed if the labels are index-based (1D), so that they can be one-hot encoded."
            )
        params: dict[str, Any] = {"labels": labels, "batch_size": labels.shape[0]}
        wanted = self._needs_transform_list(flat)
        params.update(self.make_params([inpt for inpt, needs in zip(flat, wanted) if needs]))
        outputs = [
            self.transform(inpt, params) if needs or inpt is labels else inpt
            for inpt, needs in zip(flat, wanted)
        ]
        return tree_unflatten(outputs, spec)

    def _check_batch(self, inpt: Tensor, params: dict[str, Any]) -> None:
        dims = 5 if isinstance(inpt, tv_tensors.Video) else 4
        if inpt.ndim != dims:
            raise ValueError(
                f"Expected a batched input with {dims} dims, but got {inpt.ndim} dimensions instead."
            )
        if inpt.shape[0] != params["batch_size"]:
            raise ValueError(
                "The batch size of the image or video does not match the batch size of the labels: "
                f"{inpt.shape[0]} != {params['batch_size']}."
            )

    def _mixed_labels(self, labels: Tensor, share: float) -> Tensor:
        if labels.ndim == 1:
            assert self.num_classes is not None
            labels = one_hot(labels, num_classes=self.num_classes)
        labels = labels if labels.is_floating_point() else labels.float()
        return labels.roll(1, 0).mul_(1.0 - share).add_(labels.mul(share))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if inpt is params["labels"]:
            return self._mixed_labels(inpt, params["share"])
        image = isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)) or F.is_pure_tensor(inpt)
        if not image:
            return inpt
        self._check_batch(inpt, params)
        output = self._mixed(inpt.as_subclass(Tensor), params)
        return (
            tv_tensors.wrap(output, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else output
        )

    def _mixed(self, batch: Tensor, params: dict[str, Any]) -> Tensor:
        raise NotImplementedError


class MixUp(_MixOfBatch):
    """Blend each image of a batch, and its label, with its neighbour (https://arxiv.org/abs/1710.09412).

    To be applied to batches, after the loader or in its `collate_fn`.

    Args:
        alpha: of the Beta distribution of the shares.
        num_classes: of the labels, where they are numbers (N,) of classes.
        labels_getter: finds the labels: a function of the sample, or "default".

    Raises:
        ValueError: for labels or images of other shapes, PIL images, masks or boxes.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> images, labels = v2.MixUp(num_classes=3)(torch.zeros(2, 3, 4, 4), torch.tensor([0, 2]))
        >>> labels.sum(1)
        tensor([1., 1.])
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"share": float(self._dist.sample(()))}

    def _mixed(self, batch: Tensor, params: dict[str, Any]) -> Tensor:
        share = params["share"]
        return batch.roll(1, 0).mul_(1.0 - share).add_(batch.mul(share))


class CutMix(_MixOfBatch):
    """Put a part of its neighbour into each image of a batch, and blend labels (https://arxiv.org/abs/1905.04899).

    To be applied to batches, after the loader or in its `collate_fn`.

    Args:
        alpha: of the Beta distribution of the shares.
        num_classes: of the labels, where they are numbers (N,) of classes.
        labels_getter: finds the labels: a function of the sample, or "default".

    Raises:
        ValueError: for labels or images of other shapes, PIL images, masks or boxes.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> images, labels = v2.CutMix(num_classes=3)(torch.zeros(2, 3, 4, 4), torch.tensor([0, 2]))
        >>> labels.shape
        torch.Size([2, 3])
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        share = float(self._dist.sample(()))
        height, width = query_size(flat_inputs)
        x, y = int(randint(width, size=(1,))), int(randint(height, size=(1,)))
        half = 0.5 * math.sqrt(1.0 - share)
        across, down = int(half * width), int(half * height)
        left, right = max(x - across, 0), min(x + across, width)
        top, bottom = max(y - down, 0), min(y + down, height)
        # The share that the box, cut off at the border, leaves.
        share = float(1.0 - (right - left) * (bottom - top) / (width * height))
        return {"box": (left, top, right, bottom), "share": share}

    def _mixed(self, batch: Tensor, params: dict[str, Any]) -> Tensor:
        left, top, right, bottom = params["box"]
        output = batch.clone()
        output[..., top:bottom, left:right] = batch.roll(1, 0)[..., top:bottom, left:right]
        return output
