"""Learned and random policies of augmentation: AutoAugment, RandAugment, TrivialAugmentWide, AugMix.

Operations and policies are those of `transforms.autoaugment`; what is drawn, and how, differs. They change the one
image or video of a sample, and refuse masks, boxes and key points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import Tensor, _sample_dirichlet, rand, randint, tensor
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .. import autoaugment as v1
from .._common import InterpolationMode, max_value
from . import functional as F
from ._transform import Transform
from ._utils import IMAGES, check_type, fill_for, fill_table
from .functional._registry import is_pil_image

AutoAugmentPolicy = v1.AutoAugmentPolicy
_BILINEAR, _NEAREST = "bilinear", "nearest"  # as repr shows them
_REFUSED = (tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints)


class _Policy(Transform):
    """Finds the image of a sample, and applies operations to it."""

    _brightest = 1.0  # of the image's range
    interpolation: Any
    _fill: dict[Any, Any]

    def __init__(self, interpolation: Any, fill: Any) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fill_table(fill)

    def forward(self, *inputs: Any) -> Any:
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        wanted = self._needs_transform_list(flat)
        found = []
        for number, (inpt, needs) in enumerate(zip(flat, wanted)):
            if needs and check_type(inpt, IMAGES):
                found.append(number)
            elif isinstance(inpt, _REFUSED):
                raise TypeError(
                    f"Inputs of type {type(inpt).__name__} are not supported by {type(self).__name__}()"
                )
        if not found:
            raise TypeError("Found no image in the sample.")
        if len(found) > 1:
            raise TypeError(
                f"Auto augment transformations are only properly defined for a single image or video, but found {len(found)}."
            )
        flat[found[0]] = self._augmented(flat[found[0]])
        return tree_unflatten(flat, spec)

    def _augmented(self, image: Any) -> Any:
        raise NotImplementedError

    def _drawn(self, space: Any, level: Any) -> tuple[str, float]:
        """An operation, the magnitude that `level(magnitudes)` says, and its sign."""
        name = list(space)[int(randint(len(space), ()))]
        magnitudes, signed = space[name]
        magnitude = float(magnitudes[level(magnitudes)]) if magnitudes.ndim > 0 else 0.0
        if signed and rand(()) <= 0.5:
            magnitude *= -1
        return name, magnitude

    def _apply(self, image: Any, name: str, magnitude: float) -> Any:
        if name == "Solarize":
            magnitude *= max_value(image.dtype) if isinstance(image, Tensor) else 255.0
        fill = fill_for(self._fill, image)
        return v1.apply_operation(F, image, name, magnitude, self.interpolation, fill)

    def _size(self, image: Any) -> Sequence[int]:
        return F.get_size(image)


class AutoAugment(_Policy):
    """Apply one of 25 learned pairs of operations, chosen at random (https://arxiv.org/abs/1805.09501).

    Args:
        policy: which table.
        interpolation, fill: of geometric operations.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.AutoAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    _v1_transform_cls = v1.AutoAugment
    _augmentation_space = v1.AutoAugment._augmentation_space

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode | int | str = _NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.policy = policy
        self._policies = v1.policies_of(policy)

    def _augmented(self, image: Any) -> Any:
        space = self._augmentation_space(10, self._size(image))
        for name, p, level in self._policies[int(randint(len(self._policies), ()))]:
            if not rand(()) <= p:
                continue
            magnitudes, signed = space[name]
            magnitude = float(magnitudes[level]) if level is not None else 0.0
            if signed and rand(()) <= 0.5:
                magnitude *= -1
            image = self._apply(image, name, magnitude)
        return image


class RandAugment(_Policy):
    """Apply some random operations, all of one magnitude (https://arxiv.org/abs/1909.13719).

    Args:
        num_ops: how many.
        magnitude: index into the magnitudes of each operation.
        num_magnitude_bins: number of those.
        interpolation, fill: of geometric operations.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    _v1_transform_cls = v1.RandAugment
    _augmentation_space = v1.RandAugment._augmentation_space

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode | int | str = _NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def _augmented(self, image: Any) -> Any:
        space = self._augmentation_space(self.num_magnitude_bins, self._size(image))
        for _ in range(self.num_ops):
            image = self._apply(image, *self._drawn(space, lambda magnitudes: self.magnitude))
        return image


class TrivialAugmentWide(_Policy):
    """Apply one random operation of random magnitude (https://arxiv.org/abs/2103.10158).

    Args:
        num_magnitude_bins: number of magnitudes.
        interpolation, fill: of geometric operations.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.TrivialAugmentWide()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    _v1_transform_cls = v1.TrivialAugmentWide
    _augmentation_space = v1.TrivialAugmentWide._augmentation_space

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode | int | str = _NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def _augmented(self, image: Any) -> Any:
        space = self._augmentation_space(self.num_magnitude_bins)
        level = lambda magnitudes: int(randint(self.num_magnitude_bins, ()))  # noqa: E731
        return self._apply(image, *self._drawn(space, level))


class AugMix(_Policy):
    """Mix the image with some chains of random operations on it (https://arxiv.org/abs/1912.02781).

    Args:
        severity: upper limit of magnitudes, 1 to 10.
        mixture_width: number of chains.
        chain_depth: their length; -1: 1 to 3 at random.
        alpha: of the Dirichlet distributions that the weights are drawn from.
        all_ops: also change brightness, colour, contrast and sharpness.
        interpolation, fill: of geometric operations.

    Raises:
        ValueError: for another severity.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.AugMix()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    _v1_transform_cls = v1.AugMix
    _augmentation_space = v1.AugMix._augmentation_space

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode | int | str = _BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        v1.AugMix(severity)  # checks it
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def _weights(self, count: int, width: int) -> Tensor:
        """(count, width), each row from the Dirichlet distribution."""
        return _sample_dirichlet(tensor([self.alpha] * width).expand(count, -1))

    def _augmented(self, image: Any) -> Any:
        plain = F.pil_to_tensor(image) if is_pil_image(image) else image
        batch = plain.as_subclass(Tensor)
        dims = 5 if isinstance(image, tv_tensors.Video) else 4
        batch = batch.reshape([1] * max(dims - batch.ndim, 0) + list(batch.shape))
        space = self._augmentation_space(10, self._size(image))
        level = lambda magnitudes: int(randint(self.severity, ()))  # noqa: E731
        count = batch.shape[0]
        shape = [count] + [1] * (batch.ndim - 1)
        share = self._weights(count, 2)
        weights = self._weights(count, self.mixture_width) * share[:, 1:]
        mix = share[:, 0].reshape(shape) * batch
        for chain in range(self.mixture_width):
            changed = batch
            depth = self.chain_depth
            if depth <= 0:
                depth = int(randint(low=1, high=4, size=(1,)))
            for _ in range(depth):
                changed = self._apply(changed, *self._drawn(space, level))
            mix = mix + weights[:, chain].reshape(shape) * changed
        mix = mix.reshape(plain.shape).to(plain.dtype)
        if isinstance(image, tv_tensors.TVTensor):
            return tv_tensors.wrap(mix, like=image)
        return F.to_pil_image(mix) if is_pil_image(image) else mix
