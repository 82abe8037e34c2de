"""Where composite operators put themselves: functions of the package, methods of Tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)

FUNCTIONS: dict[str, Callable] = {}
METHODS: dict[str, Callable] = {}


def function(f: F) -> F:
    """Make `f` a function of the package: `torch.<name>`."""
    FUNCTIONS[f.__name__.removesuffix("_impl")] = f
    return f


def method(f: F) -> F:
    """Make `f` a method of Tensor: `x.<name>(...)`."""
    METHODS[f.__name__.removesuffix("_impl")] = f
    return f
