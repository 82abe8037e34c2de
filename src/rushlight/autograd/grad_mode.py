"""Switches for recording the graph; each works as a context manager and as a decorator."""

from __future__ import annotations

import functools
from typing import Any

from .. import _C

__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "is_grad_enabled"]

is_grad_enabled = _C.is_grad_enabled


def _is_generator(func: Any) -> bool:
    code = getattr(func, "__code__", None)
    return code is not None and bool(code.co_flags & 0x20)


class _Mode:
    """A context manager that can also decorate functions, generators and classes."""

    def clone(self) -> _Mode:
        return self.__class__()

    def __call__(self, func):
        if isinstance(func, type):
            func.__init__ = self(func.__init__)
            return func
        if _is_generator(func):
            return self._wrap_generator(func)

        @functools.wraps(func)
        def wrapped(*args, **kwargs):
            with self.clone():
                return func(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, func):
        @functools.wraps(func)
        def wrapped(*args, **kwargs):
            generator = func(*args, **kwargs)
            resume, value = generator.send, None
            try:
                while True:
                    with self.clone():
                        given = resume(value)
                    try:
                        value = yield given
                        resume = generator.send
                    except GeneratorExit:
                        with self.clone():
                            generator.close()
                        raise
                    except BaseException as error:
                        resume, value = generator.throw, error
            except StopIteration as stop:
                return stop.value

        return wrapped


class no_grad(_Mode):
    """Do not record operations.

    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    def __new__(cls, orig_func=None):
        self = super().__new__(cls)
        return self if orig_func is None else self(orig_func)

    def __init__(self, orig_func=None) -> None:
        self.prev = False

    def __enter__(self) -> None:
        self.prev = _C.is_grad_enabled()
        _C.set_grad_enabled(False)

    def __exit__(self, *exc) -> None:
        _C.set_grad_enabled(self.prev)


class enable_grad(_Mode):
    """Record operations, inside a `no_grad` too.

    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad(), torch.enable_grad():
        ...     y = x * 2
        >>> y.requires_grad
        True
    """

    def __new__(cls, orig_func=None):
        self = super().__new__(cls)
        return self if orig_func is None else self(orig_func)

    def __init__(self, orig_func=None) -> None:
        self.prev = False

    def __enter__(self) -> None:
        self.prev = _C.is_grad_enabled()
        _C.set_grad_enabled(True)

    def __exit__(self, *exc) -> None:
        _C.set_grad_enabled(self.prev)


class set_grad_enabled(_Mode):
    """Record operations or not, from the call on or within a `with` block.

    Args:
        mode: True to record.

    Example:
        >>> import rushlight as torch
        >>> with torch.set_grad_enabled(False):
        ...     torch.is_grad_enabled()
        False
    """

    def __init__(self, mode: bool) -> None:
        self.prev = _C.is_grad_enabled()
        self.mode = mode
        _C.set_grad_enabled(mode)

    def __call__(self, func):
        _C.set_grad_enabled(self.prev)
        return super().__call__(func)

    def __enter__(self) -> None:
        _C.set_grad_enabled(self.mode)

    def __exit__(self, *exc) -> None:
        _C.set_grad_enabled(self.prev)

    def clone(self) -> set_grad_enabled:
        return self.__class__(self.mode)

    def __str__(self) -> str:
        return f"torch.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__


class inference_mode(_Mode):
    """Do not record operations, and mark new tensors as unfit for recording later.

    Args:
        mode: False switches the mode off within another one. Default: True.

    Example:
        >>> import rushlight as torch
        >>> with torch.inference_mode():
        ...     torch.ones(1).is_inference()
        True
    """

    def __new__(cls, mode=True):
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        self.__init__(True)
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self.prev = (False, True)

    def __enter__(self) -> None:
        self.prev = (_C.is_inference_mode_enabled(), _C.is_grad_enabled())
        _C._set_inference_mode(self.mode)
        _C.set_grad_enabled(not self.mode)

    def __exit__(self, *exc) -> None:
        _C._set_inference_mode(self.prev[0])
        _C.set_grad_enabled(self.prev[1])

    def clone(self) -> inference_mode:
        return self.__class__(self.mode)
