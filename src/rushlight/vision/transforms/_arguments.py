"""Checks of what the classes are made with, and their printed form."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

from ... import Tensor, empty

INT_PAIR = "Please provide only two dimensions (h, w) for size."


def lines(name: str, entries: Any) -> str:
    """`name(`, each entry on a line of its own, `)`."""
    return "\n".join([f"{name}(", *(f"    {entry}" for entry in entries), ")"])


def check_length(value: Any, name: str, lengths: tuple[int, ...] = (2,)) -> None:
    wanted = f"{name} should be a sequence of length {' or '.join(map(str, lengths))}."
    if not isinstance(value, Sequence):
        raise TypeError(wanted)
    if len(value) not in lengths:
        raise ValueError(wanted)


def angles(value: Any, name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """A range of angles, from a number (plus or minus it) or a sequence."""
    if isinstance(value, Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive.")
        value = [-value, value]  # type: ignore[operator]
    else:
        check_length(value, name, lengths)
    return [float(angle) for angle in value]


def checked_fill(fill: Any) -> Any:
    if fill is None:
        return 0
    if not isinstance(fill, (Sequence, Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


def fill_of(img: Any, fill: Any, channels: int) -> Any:
    """`fill` as the functions want it: of tensors, one float per channel."""
    if not isinstance(img, Tensor) or fill is None:
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * channels
    return [float(value) for value in fill]


def uniform(low: float, high: float) -> float:
    """One float32 number from PyTorch's stream."""
    return empty(1).uniform_(low, high).item()
