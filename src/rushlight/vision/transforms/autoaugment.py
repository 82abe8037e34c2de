"""Learned and random policies of augmentation: AutoAugment, RandAugment, TrivialAugmentWide, AugMix.

Their tables are those of the papers: arXiv 1805.09501, 1909.13719, 2103.10158, 1912.02781.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any

from ... import Tensor, _sample_dirichlet, arange, int64, linspace, rand, randint
from ... import tensor as _tensor
from ...nn.modules.module import Module
from . import functional as F
from ._arguments import fill_of
from ._common import InterpolationMode

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

# Name of the operation -> (magnitudes, whether they have a sign); () for those without a magnitude.
_Space = dict[str, tuple[Tensor, bool]]


def apply_operation(
    functions: Any,
    img: Any,
    op_name: str,
    magnitude: float,
    interpolation: Any,
    fill: Any,
) -> Any:
    """The named operation on `img`, by the functions of that module."""
    options = {"interpolation": interpolation, "fill": fill}
    if op_name in ("ShearX", "ShearY"):
        degrees = math.degrees(math.atan(magnitude))
        shear = [degrees, 0.0] if op_name == "ShearX" else [0.0, degrees]
        return functions.affine(img, 0.0, [0, 0], 1.0, shear, center=[0, 0], **options)
    if op_name in ("TranslateX", "TranslateY"):
        shift = [int(magnitude), 0] if op_name == "TranslateX" else [0, int(magnitude)]
        return functions.affine(img, 0.0, shift, 1.0, [0.0, 0.0], **options)
    if op_name == "Rotate":
        return functions.rotate(img, magnitude, **options)
    if op_name in _FACTORS:
        return getattr(functions, _FACTORS[op_name])(img, 1.0 + magnitude)
    if op_name == "Posterize":
        return functions.posterize(img, int(magnitude))
    if op_name == "Solarize":
        return functions.solarize(img, magnitude)
    if op_name in _PLAIN:
        return getattr(functions, _PLAIN[op_name])(img)
    if op_name == "Identity":
        return img
    raise ValueError(f"The provided operator {op_name} is not recognized.")


def _apply_op(
    img: Any, op_name: str, magnitude: float, interpolation: InterpolationMode, fill: Any
) -> Any:
    return apply_operation(F, img, op_name, magnitude, interpolation, fill)


_FACTORS = {
    "Brightness": "adjust_brightness",
    "Color": "adjust_saturation",
    "Contrast": "adjust_contrast",
    "Sharpness": "adjust_sharpness",
}
_PLAIN = {"AutoContrast": "autocontrast", "Equalize": "equalize", "Invert": "invert"}


def _space(
    bins: int,
    *,
    shear: float,
    shift: tuple[float, float],
    turn: float,
    colour: float,
    bits: tuple[int, int],
    brightest: float,
    names: Sequence[str],
) -> _Space:
    """The named operations, in this order, with `bins` magnitudes up to the given largest ones.

    Args:
        bins: number of magnitudes.
        shear: tangent. shift: (along x, along y), pixels. turn: degrees. colour: of factor - 1.
        brightest: largest threshold of solarization.
        bits: (kept by the weakest posterization, taken by the strongest).
        names: of the operations.
    """
    none = (_tensor(0.0), False)

    def upto(largest: float) -> tuple[Tensor, bool]:
        return linspace(0.0, largest, bins), True

    def magnitudes(name: str) -> tuple[Tensor, bool]:
        if name in ("ShearX", "ShearY"):
            return upto(shear)
        if name in ("TranslateX", "TranslateY"):
            return upto(shift[name == "TranslateY"])
        if name == "Rotate":
            return upto(turn)
        if name in _FACTORS:
            return upto(colour)
        if name == "Posterize":
            return bits[0] - (arange(bins) / ((bins - 1) / bits[1])).round().int(), False
        if name == "Solarize":
            return linspace(brightest, 0.0, bins), False
        return none

    return {name: magnitudes(name) for name in names}


_GEOMETRY = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")
_LEVELS = ("Posterize", "Solarize", "AutoContrast", "Equalize")


def _draw(space: _Space, level: Any) -> tuple[str, float]:
    """An operation, the magnitude that `level(magnitudes)` says, and its sign."""
    name = list(space)[int(randint(len(space), (1,)).item())]
    magnitudes, signed = space[name]
    magnitude = float(magnitudes[level(magnitudes)].item()) if magnitudes.ndim > 0 else 0.0
    if signed and randint(2, (1,)):
        magnitude *= -1.0
    return name, magnitude


class AutoAugmentPolicy(Enum):
    """The data sets that policies were learned on.

    Example:
        >>> from rushlight.vision.transforms import AutoAugmentPolicy
        >>> [policy.value for policy in AutoAugmentPolicy]
        ['imagenet', 'cifar10', 'svhn']
    """

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Sub-policies: two operations, each with its probability in tenths and its level.
_POLICY_TABLES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 4 8, Rotate 6 9
        Solarize 6 5, AutoContrast 6
        Equalize 8, Equalize 6
        Posterize 6 7, Posterize 6 6
        Equalize 4, Solarize 2 4
        Equalize 4, Rotate 8 8
        Solarize 6 3, Equalize 6
        Posterize 8 5, Equalize 10
        Rotate 2 3, Solarize 6 8
        Equalize 6, Posterize 4 6
        Rotate 8 8, Color 4 0
        Rotate 4 9, Equalize 6
        Equalize 0, Equalize 8
        Invert 6, Equalize 10
        Color 6 4, Contrast 10 8
        Rotate 8 8, Color 10 2
        Color 8 8, Solarize 8 7
        Sharpness 4 7, Invert 6
        ShearX 6 5, Equalize 10
        Color 4 0, Equalize 6
        Equalize 4, Solarize 2 4
        Solarize 6 5, AutoContrast 6
        Invert 6, Equalize 10
        Color 6 4, Contrast 10 8
        Equalize 8, Equalize 6
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 1, Contrast 2 6
        Rotate 7 2, TranslateX 3 9
        Sharpness 8 1, Sharpness 9 3
        ShearY 5 8, TranslateY 7 9
        AutoContrast 5, Equalize 9
        ShearY 2 7, Posterize 3 7
        Color 4 3, Brightness 6 7
        Sharpness 3 9, Brightness 7 9
        Equalize 6, Equalize 5
        Contrast 6 7, Sharpness 6 5
        Color 7 7, TranslateX 5 8
        Equalize 3, AutoContrast 4
        TranslateY 4 3, Sharpness 2 6
        Brightness 9 6, Color 2 8
        Solarize 5 2, Invert 0
        Equalize 2, AutoContrast 6
        Equalize 2, Equalize 6
        Color 9 9, Equalize 6
        AutoContrast 8, Solarize 2 8
        Brightness 1 3, Color 7 0
        Solarize 4 5, AutoContrast 9
        TranslateY 9 9, TranslateY 7 9
        AutoContrast 9, Solarize 8 3
        Equalize 8, Invert 1
        TranslateY 7 9, AutoContrast 9
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 9 4, Invert 2
        ShearY 9 8, Invert 7
        Equalize 6, Solarize 6 6
        Invert 9, Equalize 6
        Equalize 6, Rotate 9 3
        ShearX 9 4, AutoContrast 8
        ShearY 9 8, Invert 4
        ShearY 9 5, Solarize 2 6
        Invert 9, AutoContrast 8
        Equalize 6, Rotate 9 3
        ShearX 9 4, Solarize 3 3
        ShearY 8 8, Invert 7
        Equalize 9, TranslateY 6 6
        Invert 9, Equalize 6
        Contrast 3 3, Rotate 8 4
        Invert 8, TranslateY 0 2
        ShearY 7 6, Solarize 4 8
        Invert 6, Rotate 8 4
        ShearY 3 7, TranslateX 9 3
        ShearX 1 6, Invert 6
        Solarize 7 2, TranslateY 6 7
        ShearY 8 4, Invert 8
        ShearX 7 9, TranslateY 8 3
        ShearY 8 5, AutoContrast 7
        ShearX 7 2, Invert 1
    """,
}
_Operation = tuple[str, float, int | None]


def policies_of(policy: AutoAugmentPolicy) -> list[tuple[_Operation, _Operation]]:
    if policy not in _POLICY_TABLES:
        raise ValueError(f"The provided policy {policy} is not recognized.")

    def operation(text: str) -> _Operation:
        name, tenths, *level = text.split()
        return name, int(tenths) / 10, int(level[0]) if level else None

    rows = [line.split(",") for line in _POLICY_TABLES[policy].strip().splitlines()]
    return [(operation(first), operation(second)) for first, second in rows]


class AutoAugment(Module):
    """Apply one of 25 learned pairs of operations, chosen at random (https://arxiv.org/abs/1805.09501).

    Args:
        policy: which table.
        interpolation, fill: of geometric operations.

    Raises:
        ValueError: for another policy.

    Example:
        >>> from rushlight.vision.transforms import AutoAugment, AutoAugmentPolicy
        >>> image = torch.zeros(3, 8, 8, dtype=torch.uint8)
        >>> AutoAugment(AutoAugmentPolicy.CIFAR10)(image).shape
        torch.Size([3, 8, 8])
    """

    _brightest = 255.0

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self.policies = policies_of(policy)

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """Draw (number of the pair, whether each operation happens, the signs of magnitudes)."""
        return int(randint(transform_num, (1,)).item()), rand((2,)), randint(2, (2,))

    def _augmentation_space(self, num_bins: int, image_size: Sequence[int]) -> _Space:
        height, width = image_size
        return _space(
            num_bins,
            shear=0.3,
            shift=(150.0 / 331.0 * width, 150.0 / 331.0 * height),
            turn=30.0,
            colour=0.9,
            bits=(8, 4),
            brightest=self._brightest,
            names=(*_GEOMETRY, *_COLOURS, *_LEVELS, "Invert"),
        )

    def forward(self, img: Any) -> Any:
        channels, height, width = F.get_dimensions(img)
        fill = fill_of(img, self.fill, channels)
        number, chances, signs = self.get_params(len(self.policies))
        space = self._augmentation_space(10, (height, width))
        for (name, p, level), chance, sign in zip(self.policies[number], chances, signs):
            if chance <= p:
                magnitudes, signed = space[name]
                magnitude = float(magnitudes[level].item()) if level is not None else 0.0
                if signed and sign == 0:
                    magnitude *= -1.0
                img = _apply_op(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


class RandAugment(Module):
    """Apply some random operations, all of one magnitude (https://arxiv.org/abs/1909.13719).

    Args:
        num_ops: how many.
        magnitude: index into the magnitudes of each operation.
        num_magnitude_bins: number of those.
        interpolation, fill: of geometric operations.

    Example:
        >>> from rushlight.vision.transforms import RandAugment
        >>> RandAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    _brightest = 255.0

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def _augmentation_space(self, num_bins: int, image_size: Sequence[int]) -> _Space:
        height, width = image_size
        return _space(
            num_bins,
            shear=0.3,
            shift=(150.0 / 331.0 * width, 150.0 / 331.0 * height),
            turn=30.0,
            colour=0.9,
            bits=(8, 4),
            brightest=self._brightest,
            names=("Identity", *_GEOMETRY, *_COLOURS, *_LEVELS),
        )

    def forward(self, img: Any) -> Any:
        channels, height, width = F.get_dimensions(img)
        fill = fill_of(img, self.fill, channels)
        space = self._augmentation_space(self.num_magnitude_bins, (height, width))
        for _ in range(self.num_ops):
            name, magnitude = _draw(space, lambda magnitudes: self.magnitude)
            img = _apply_op(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, "
            f"fill={self.fill})"
        )


class TrivialAugmentWide(Module):
    """Apply one random operation of random magnitude (https://arxiv.org/abs/2103.10158).

    Args:
        num_magnitude_bins: number of magnitudes.
        interpolation, fill: of geometric operations.

    Example:
        >>> from rushlight.vision.transforms import TrivialAugmentWide
        >>> TrivialAugmentWide()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    _brightest = 255.0

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def _augmentation_space(self, num_bins: int) -> _Space:
        return _space(
            num_bins,
            shear=0.99,
            shift=(32.0, 32.0),
            turn=135.0,
            colour=0.99,
            bits=(8, 6),
            brightest=self._brightest,
            names=("Identity", *_GEOMETRY, *_COLOURS, *_LEVELS),
        )

    def forward(self, img: Any) -> Any:
        fill = fill_of(img, self.fill, F.get_dimensions(img)[0])
        name, magnitude = _draw(
            self._augmentation_space(self.num_magnitude_bins),
            lambda magnitudes: randint(len(magnitudes), (1,), dtype=int64),
        )
        return _apply_op(img, name, magnitude, self.interpolation, fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


class AugMix(Module):
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
        >>> from rushlight.vision.transforms import AugMix
        >>> AugMix()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    _PARAMETER_MAX = 10
    _brightest = 255.0

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__()
        if not 1 <= severity <= self._PARAMETER_MAX:
            raise ValueError(
                f"The severity must be between [1, {self._PARAMETER_MAX}]. Got {severity} instead."
            )
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self.fill = fill

    def _augmentation_space(self, num_bins: int, image_size: Sequence[int]) -> _Space:
        height, width = image_size
        return _space(
            num_bins,
            shear=0.3,
            shift=(width / 3.0, height / 3.0),
            turn=30.0,
            colour=0.9,
            bits=(4, 4),
            brightest=self._brightest,
            names=(*_GEOMETRY, *_LEVELS, *(_COLOURS if self.all_ops else ())),
        )

    def _weights(self, count: int, width: int, like: Tensor) -> Tensor:
        """(count, width), each row from the Dirichlet distribution."""
        alphas = _tensor([self.alpha] * width, device=like.device)
        return _sample_dirichlet(alphas.expand(count, -1))

    def forward(self, orig_img: Any) -> Any:
        img = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        channels, height, width = F.get_dimensions(orig_img)
        fill = fill_of(orig_img, self.fill, channels)
        space = self._augmentation_space(self._PARAMETER_MAX, (height, width))
        batch = img.view([1] * max(4 - img.ndim, 0) + list(img.shape))
        count = batch.size(0)
        per_image = [count] + [1] * (batch.ndim - 1)
        share = self._weights(count, 2, batch)
        weights = self._weights(count, self.mixture_width, batch) * share[:, 1:]
        mix = share[:, 0].view(per_image) * batch
        for chain in range(self.mixture_width):
            augmented = batch
            depth = self.chain_depth
            if depth <= 0:
                depth = int(randint(low=1, high=4, size=(1,)).item())
            for _ in range(depth):
                name, magnitude = _draw(
                    space, lambda magnitudes: randint(self.severity, (1,), dtype=int64)
                )
                augmented = _apply_op(augmented, name, magnitude, self.interpolation, fill)
            mix.add_(weights[:, chain].view(per_image) * augmented)
        mix = mix.view(img.shape).to(dtype=img.dtype)
        return mix if isinstance(orig_img, Tensor) else F.to_pil_image(mix)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(severity={self.severity}, mixture_width={self.mixture_width}, "
            f"chain_depth={self.chain_depth}, alpha={self.alpha}, all_ops={self.all_ops}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )
