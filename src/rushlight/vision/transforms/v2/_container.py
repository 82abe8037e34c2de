"""Transforms made of transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .... import multinomial, nn, rand, randperm, tensor
from ._transform import Transform


class Compose(Transform):
    """Apply transforms one after the other.

    Args:
        transforms: callables, at least one, each taking the result of the one before.

    Raises:
        TypeError, ValueError: for anything else.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.Compose([v2.Resize(4), v2.RandomCrop(2)])(torch.zeros(3, 8, 8)).shape
        torch.Size([3, 2, 2])
    """

    def __init__(self, transforms: Sequence[Callable]) -> None:
        super().__init__()
        _check_list(transforms)
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        return _in_turn(self.transforms, inputs)

    def extra_repr(self) -> str:
        return _listed(self.transforms)


def _check_list(transforms: Any) -> None:
    if not isinstance(transforms, Sequence):
        raise TypeError("Argument transforms should be a sequence of callables")
    if not transforms:
        raise ValueError("Pass at least one transform")


def _in_turn(transforms: Any, inputs: tuple) -> Any:
    several = len(inputs) > 1
    for transform in transforms:
        result = transform(*inputs)
        inputs = result if several else (result,)
    return inputs if several else inputs[0]


def _listed(transforms: Any) -> str:
    return "\n".join(f"    {transform}" for transform in transforms)


class RandomApply(Transform):
    """Apply all of some transforms, with a probability.

    Args:
        transforms: callables, or an `nn.ModuleList`.
        p: probability.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomApply([v2.Grayscale()], p=1.0)(torch.zeros(3, 4, 5)).shape
        torch.Size([1, 4, 5])
    """

    def __init__(self, transforms: Sequence[Callable] | nn.ModuleList, p: float = 0.5) -> None:
        super().__init__()
        if not isinstance(transforms, (Sequence, nn.ModuleList)):
            raise TypeError(
                "Argument transforms should be a sequence of callables or a `nn.ModuleList`"
            )
        self.transforms = transforms
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        if rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return _in_turn(self.transforms, inputs)

    def extra_repr(self) -> str:
        return _listed(self.transforms)


class RandomChoice(Transform):
    """Apply one of some transforms, chosen at random.

    Args:
        transforms: a sequence of callables.
        p: their relative probabilities; default: equal.

    Raises:
        TypeError, ValueError: for anything else, or another number of probabilities.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomChoice([v2.Grayscale(), v2.Identity()], p=[1, 0])(torch.zeros(3, 4, 5)).shape
        torch.Size([1, 4, 5])
    """

    def __init__(self, transforms: Sequence[Callable], p: list[float] | None = None) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        if p is None:
            p = [1.0] * len(transforms)
        elif len(p) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}"
            )
        super().__init__()
        self.transforms = transforms
        total = sum(p)
        self.p = [value / total for value in p]

    def forward(self, *inputs: Any) -> Any:
        return self.transforms[int(multinomial(tensor(self.p), 1))](*inputs)


class RandomOrder(Transform):
    """Apply transforms in random order.

    Args:
        transforms: a sequence of callables.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.RandomOrder([v2.Lambda(lambda x: x + 1), v2.Lambda(lambda x: x + 2)])(0)
        3
    """

    def __init__(self, transforms: Sequence[Callable]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        super().__init__()
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        order = randperm(len(self.transforms)).tolist()
        return _in_turn([self.transforms[number] for number in order], inputs)
