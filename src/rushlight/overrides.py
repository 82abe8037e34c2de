"""The protocol by which other classes take part in functions.

A class with a `__torch_function__` classmethod is asked whenever one of its instances is an argument of a
function, method or property of tensors. Subclasses of Tensor inherit one that returns results as instances of
the subclass. A `TorchFunctionMode` sees every call in its block.

Example:
    >>> import rushlight as torch
    >>> class Meters:
    ...     def __init__(self, value):
    ...         self.value = value
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         values = [a.value if isinstance(a, cls) else a for a in args]
    ...         return cls(func(*values, **(kwargs or {})))
    >>> torch.add(Meters(torch.ones(2)), 1).value
    tensor([2., 2.])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from . import _C
from ._offered import WITHHELD, results_left_plain

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

# ---- asking ------------------------------------------------------------------------------------


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments' classes, or a mode, wants to handle functions.

    Args:
        relevant_args: arguments.
    """
    return _C._function_mode_count() > 0 or any(_C._overrides_functions(a) for a in relevant_args)


def has_torch_function_unary(arg: Any) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of several arguments."""
    return has_torch_function(args)


def _handlers(relevant_args: Iterable[Any]) -> list[Any]:
    """One argument of every class that handles functions: subclasses first, else as they come."""
    asked: list[Any] = []
    for a in relevant_args:
        kind = type(a)
        if not _C._overrides_functions(a) or any(type(b) is kind for b in asked):
            continue
        before = (i for i, b in enumerate(asked) if issubclass(kind, type(b)))
        asked.insert(next(before, len(asked)), a)
    return asked


def _members(args: Iterable[Any]) -> Iterator[Any]:
    for a in args:
        if type(a) in (list, tuple):
            yield from a
        else:
            yield a


def _ask(func: Callable, asked: list[Any], args: tuple, kwargs: dict) -> tuple[Any, list[str]]:
    """The first answer and who declined; NotImplemented if all did."""
    kinds = tuple(type(a) for a in asked)
    declined: list[str] = []
    if _C._function_mode_count():
        mode = _C._pop_function_mode()
        try:
            result = mode.__torch_function__(func, kinds, args, kwargs)
        finally:
            _C._push_function_mode(mode)
        if result is not NotImplemented:
            return result, declined
        declined.append(f"mode object {mode}")
    for a in asked:
        result = a.__torch_function__(func, kinds, args, kwargs)
        if result is not NotImplemented:
            return result, declined
        declined.append(f"tensor subclass {type(a)}")
    return NotImplemented, declined


def _dispatch(func: Callable, args: tuple, kwargs: dict, is_operator: bool = False) -> Any:
    """What the engine calls for a function whose arguments, or a mode, want to handle it."""
    asked = _handlers(_members((*args, *kwargs.values())))
    result, declined = _ask(func, asked, args, kwargs)
    if result is NotImplemented and not is_operator:
        if asked and isinstance(func, _C.Overridable):
            raise TypeError(_nobody(resolve_name(func) or func.__name__, asked))
        who = "".join(f"\n  - {d}" for d in declined)
        raise TypeError(
            f"Multiple dispatch failed for '{resolve_name(func) or func}'; all __torch_function__ handlers "
            f"returned NotImplemented:\n{who}"
        )
    return result


def handle_torch_function(
    public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Let a mode or the first argument that can handle a function do so.

    Args:
        public_api: the function.
        relevant_args: arguments to ask.
        args, kwargs: arguments of the call.

    Raises:
        TypeError: none of them can.
    """
    asked = _handlers(relevant_args)
    result, _ = _ask(public_api, asked, args, kwargs)
    if result is NotImplemented:
        raise TypeError(_nobody(f"{public_api.__module__}.{public_api.__name__}", asked))
    return result


def _nobody(name: str, asked: list[Any]) -> str:
    kinds = [type(a) for a in asked]
    return (
        f"no implementation found for '{name}' on types that implement __torch_function__: {kinds}"
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
    return isinstance(inp, _C.Tensor) or hasattr(inp, "__torch_function__")


# ---- pickles ------------------------------------------------------------------------------------


def _reduce_function(function: Any) -> Any:
    """A function that asks first, by a name of the package under which it is found again."""
    import sys

    name = function.__name__
    if getattr(sys.modules.get(function.__module__), function.__qualname__, None) is function:
        return function.__qualname__
    for path, space in _namespaces().items():
        if getattr(space, name, None) is function:
            return _published, (path, name)
    if getattr(_C.Tensor, name, None) is function:
        return getattr, (_C.Tensor, name)
    return _offered_form, (function.__wrapped__,)


def _reduce_operator(operator: Any) -> Any:
    """A native function, by its public name or that of the operator."""
    import sys

    name = operator.__name__
    if operator.__qualname__ != name:
        return getattr, (_C.Tensor, name)
    if getattr(sys.modules[__package__], name, None) is operator:
        return name
    return _published, ("torch._C.ops", name)


def _published(path: str, name: str) -> Any:
    """What pickles say of a function: its place in the package."""
    return getattr(_C.ops if path == "torch._C.ops" else _namespaces()[path], name)


def _offered_form(target: Callable) -> Any:
    from ._offered import offered

    return offered(target)


# ---- the functions there are -------------------------------------------------------------------


def _namespaces() -> dict[str, Any]:
    import sys

    from . import fft, linalg, special
    from .nn import functional

    package = sys.modules[__package__]
    return {
        "torch.nn.functional": functional,
        "torch": package,
        "torch.linalg": linalg,
        "torch.fft": fft,
        "torch.special": special,
    }


def _is_function(value: Any) -> bool:
    return isinstance(value, (_C.Overridable, type(_C.ops.add)))


def get_overridable_functions() -> dict[Any, list[Callable]]:
    """Functions that other classes can handle, by the module or class that has them."""
    found: dict[Any, list[Callable]] = {}
    for space in _namespaces().values():
        names = sorted(n for n in vars(space) if not n.startswith("_"))
        found[space] = [f for f in (vars(space)[n] for n in names) if _is_function(f)]
    members = [(n, m) for n, m in sorted(vars(_C.Tensor).items()) if n not in _OF_OBJECTS]
    found[_C.Tensor] = [m for _, m in members if _is_function(m) or _is_native_method(m)]
    for _, m in members:
        if _is_property(m):
            found[m] = [m.__get__]
    return found


# What a class has that is no function of tensors.
_OF_OBJECTS = frozenset(
    "__class__ __dict__ __dictoffset__ __weaklistoffset__ __new__ __init__ __hash__ __torch_function__ __module__ "
    "__doc__ as_subclass _make_subclass".split()
)


def _is_native_method(value: Any) -> bool:
    return type(value).__name__ in ("method_descriptor", "wrapper_descriptor")


def _is_property(value: Any) -> bool:
    return isinstance(value, property) or type(value).__name__ == "getset_descriptor"


_names: dict[Any, str] = {}


def _all_names() -> dict[Any, str]:
    if not _names:
        for name, member in vars(_C.Tensor).items():
            if name in _OF_OBJECTS:
                continue
            if _is_property(member):
                for access in ("__get__", "__set__"):
                    _names[getattr(member, access)] = f"torch.Tensor.{name}.{access}"
            elif _is_function(member) or _is_native_method(member):
                _names.setdefault(member, f"torch.Tensor.{name}")
        for module, space in _namespaces().items():
            for name, member in vars(space).items():
                if _is_function(member):
                    _names.setdefault(member, f"{module}.{name}")
    return _names


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether a function is a method or the getter of a property of Tensor."""
    return getattr(func, "__name__", "") == "__get__" or _all_names().get(func, "").startswith(
        "torch.Tensor."
    )


def resolve_name(f: Callable) -> str | None:
    """The name by which programs reach a function that other classes can handle; None for another one.

    Example:
        >>> import rushlight as torch
        >>> torch.overrides.resolve_name(torch.Tensor.add)
        'torch.Tensor.add'
    """
    return _all_names().get(f)


def get_ignored_functions() -> set[Callable]:
    """Functions that other classes cannot handle: they make plain tensors of what they get."""
    package = _namespaces()["torch"]
    return {getattr(package, n) for n in WITHHELD if hasattr(package, n)}


def get_testing_overrides() -> dict[Callable, Callable]:
    """A stand-in that returns -1 for every function that other classes can handle."""
    every = (f for functions in get_overridable_functions().values() for f in functions)
    return {f: lambda *args, **kwargs: -1 for f in every}


def get_default_nowrap_functions() -> set[Callable]:
    """Functions whose results the default handler of subclasses leaves plain."""
    return set(results_left_plain())


# ---- modes -------------------------------------------------------------------------------------


class TorchFunctionMode:
    """Base class of modes: `__torch_function__` gets every function call inside the `with` block.

    While it runs, the mode itself is out of force. Functions that make tensors from Python data
    (`torch.tensor`, `torch.from_numpy`) are not offered.

    Example:
        >>> import rushlight as torch
        >>> class Log(torch.overrides.TorchFunctionMode):
        ...     def __torch_function__(self, func, types, args=(), kwargs=None):
        ...         print(func.__name__)
        ...         return func(*args, **(kwargs or {}))
        >>> with Log():
        ...     x = torch.ones(2) + 1
        ones
        add
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise NotImplementedError

    def __enter__(self) -> TorchFunctionMode:
        _C._push_function_mode(self)
        return self

    def __exit__(self, *unused: Any) -> None:
        _C._pop_function_mode()


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(
        self, func: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


@contextmanager
def _pop_mode_temporarily() -> Iterator[TorchFunctionMode]:
    mode = _C._pop_function_mode()
    try:
        yield mode
    finally:
        _C._push_function_mode(mode)
