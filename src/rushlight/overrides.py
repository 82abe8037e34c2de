"""The protocol by which other classes take part in functions; tensors are the only class that does here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import _C

__all__ = [
    "TorchFunctionMode",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]


def _overrides(value: Any) -> bool:
    kind = type(value)
    return (
        kind is not _C.Tensor
        and not isinstance(value, _C.Tensor)
        and hasattr(kind, "__torch_function__")
    )


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments wants to handle functions itself.

    Args:
        relevant_args: arguments.
    """
    return any(_overrides(a) for a in relevant_args)


def has_torch_function_unary(arg: Any) -> bool:
    """`has_torch_function` of one argument."""
    return _overrides(arg)


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of several arguments."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Let the first argument that can handle a function do so.

    Args:
        public_api: the function.
        relevant_args: arguments to ask.
        args, kwargs: arguments of the call.

    Raises:
        TypeError: none of them can.
    """
    asked = [a for a in relevant_args if _overrides(a)]
    kinds = tuple({type(a): None for a in asked})
    for a in asked:
        result = a.__torch_function__(public_api, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    name = f"{public_api.__module__}.{public_api.__name__}"
    raise TypeError(
        f"no implementation found for '{name}' on types that implement __torch_function__: {list(kinds)}"
    )


def wrap_torch_function(dispatcher: Callable) -> Callable:
    """Decorator that offers a function to its arguments first.

    Args:
        dispatcher: takes the arguments and returns those to ask.
    """

    def decorator(func: Callable) -> Callable:
        import functools

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return decorator


def is_tensor_like(inp: Any) -> bool:
    """Whether the value is a tensor or handles functions like one."""
    return isinstance(inp, _C.Tensor) or hasattr(type(inp), "__torch_function__")


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether a function is a method or the getter of a property of Tensor."""
    return getattr(func, "__name__", "") == "__get__" or func in set(_methods().values())


def _methods() -> dict[str, Any]:
    return {
        n: getattr(_C.Tensor, n) for n in dir(_C.Tensor) if callable(getattr(_C.Tensor, n, None))
    }


def resolve_name(f: Callable) -> str | None:
    """A readable name of a function."""
    name = getattr(f, "__qualname__", None) or getattr(f, "__name__", None)
    return None if name is None else f"torch.{name}"


def get_overridable_functions() -> dict[Any, list[Callable]]:
    """Functions that other classes could handle, by name space."""
    import sys

    package = sys.modules[__package__]
    functions = [f for n, f in vars(package).items() if callable(f) and not n.startswith("_")]
    return {package: functions, _C.Tensor: [*_methods().values()]}


def get_ignored_functions() -> set[Callable]:
    """Functions that other classes cannot handle: none is listed."""
    return set()


def get_testing_overrides() -> dict[Callable, Callable]:
    """Signatures of functions that other classes can handle, for tests: none is listed."""
    return {}


def get_default_nowrap_functions() -> set[Callable]:
    """Functions whose results stay plain: none is listed."""
    return set()


class TorchFunctionMode:
    """Base class of modes that intercept functions. They can be entered, but functions are not intercepted."""

    def __torch_function__(
        self, func: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))

    def __enter__(self) -> TorchFunctionMode:
        import warnings

        warnings.warn(
            f"{type(self).__name__}: rushlight does not hand function calls to modes; the block runs as if without it",
            UserWarning,
            stacklevel=2,
        )
        return self

    def __exit__(self, *unused: Any) -> None:
        return None
