"""`torch.compile` and its switches: programs run as they are written, there is no separate compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
]


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict | None = None,
    disable: bool = False,
) -> Any:
    """The model or function itself: it already runs on the fast path.

    Args:
        model: module or function; without it, a decorator is returned.
        fullgraph, dynamic, backend, mode, options, disable: accepted.

    Returns:
        `model`.

    Example:
        >>> import rushlight as torch
        >>> f = torch.compile(lambda x: x + 1)
        >>> f(torch.ones(1))
        tensor([2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if model is None:
        return lambda m: m
    if not callable(model):
        raise RuntimeError(
            f"torch.compile: expected a module or a function, got {type(model).__name__}"
        )
    return model


def _same(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
    return (lambda f: f) if fn is None else fn


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Decorator that keeps a function out of compilation: returns it unchanged."""
    return _same(fn)


def allow_in_graph(fn: Any) -> Any:
    """Accepts a function for compilation: returns it unchanged."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """Promises that a function's result does not change: returns it unchanged."""
    return fn


def is_compiling() -> bool:
    """Whether the code runs under a compiler: never."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether the code runs under a tracing compiler: never."""
    return False


def is_exporting() -> bool:
    """Whether the code is being exported: never."""
    return False


def reset() -> None:
    """Forget compiled code: there is none."""


def cudagraph_mark_step_begin() -> None:
    """Mark the start of a step for graph replay: nothing to do."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """Names that `compile(backend=...)` knows: none."""
    return []


class set_stance:
    """Choose how compiled functions behave; accepted, as a call, a context manager or a decorator."""

    def __init__(self, stance: str = "default", **options: Any) -> None:
        self.stance = stance

    def __enter__(self) -> None:
        return None

    def __exit__(self, *unused: Any) -> None:
        return None

    def __call__(self, fn: Any) -> Any:
        return fn
