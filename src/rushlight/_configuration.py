"""Process-wide settings and small questions about objects."""

from __future__ import annotations

import warnings
from typing import Any

from . import _C

Tensor = _C.Tensor
_state: dict[str, Any] = {
    "deterministic": False,
    "warn_only": False,
    "fill_uninitialized": True,
    "precision": "highest",
    "warn_always": False,
}


def is_tensor(obj: Any) -> bool:
    """Is the object a tensor?"""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Is the object a storage?"""
    from .storage import is_storage as check

    return check(obj)


def is_floating_point(input: Tensor) -> bool:
    """Is the tensor's dtype a floating-point one?"""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """Is the tensor's dtype a complex one?"""
    return input.dtype.is_complex


def is_inference(input: Tensor) -> bool:
    """Was the tensor made under inference_mode?"""
    return _C._tensor_is_inference(input)


def is_nonzero(input: Tensor) -> bool:
    """Is the only element different from zero?"""
    if input.numel() != 1:
        what = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
    return bool(input)


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a value of one dtype may be written into another without changing its kind.

    Args:
        from_: dtype of the value.
        to: dtype of where it goes.

    Example:
        >>> import rushlight as torch
        >>> torch.can_cast(torch.float64, torch.float32), torch.can_cast(torch.float32, torch.int64)
        (True, False)
    """

    def kind(dtype: Any) -> int:
        if dtype is _C.bool:
            return 0
        return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 1

    return kind(from_) <= kind(to)


def numel(input: Tensor) -> int:
    """Number of elements."""
    return input.numel()


def typename(obj: Any) -> str:
    """Full name of an object's type, or a tensor's type name."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = getattr(kind, "__module__", "")
    return (
        kind.__qualname__
        if module in ("", "builtins", "__builtin__")
        else f"{module}.{kind.__qualname__}"
    )


def set_default_dtype(d) -> None:
    """Set the dtype of new floating-point tensors.

    Args:
        d: floating-point dtype.
    """
    _C.set_default_dtype(d)


def set_default_tensor_type(t) -> None:
    """Old way of setting the default dtype, by a tensor type or its name."""
    from ._legacy_types import unavailable
    from ._tensor import _WORD_DTYPES

    name = (
        t if isinstance(t, str) else f"{getattr(t, '__module__', '')}.{getattr(t, '__name__', '')}"
    )
    module, _, word = name.rpartition(".")
    word = word.removesuffix("Tensor")
    if word not in _WORD_DTYPES or module not in ("torch", "torch.cuda"):
        raise TypeError(
            "invalid type object: only floating-point types are supported as the default type\n"
            f"set_default_tensor_type: got {t!r}, expected torch.FloatTensor, torch.DoubleTensor or their names"
        )
    if module == "torch":
        _C.set_default_dtype(_WORD_DTYPES[word])
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    if module == "torch.cuda":
        raise unavailable(name)


def set_default_device(device) -> None:
    """Set the device on which new tensors are made.

    Args:
        device: "cpu" or "meta", or None for the CPU.
    """
    from . import _device

    _device.set_default(device)


def get_default_device():
    """The device on which new tensors are made."""
    from . import _device

    return _device.get_default()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that are the same whatever the number of threads, and for a known content of `empty` tensors.

    Args:
        mode: True to ask for it.
        warn_only: warn instead of raising where there is no such way.

    Raises:
        TypeError: one of them is not a bool.
    """
    for position, (name, value) in enumerate((("mode", mode), ("warn_only", warn_only)), 1):
        if not isinstance(value, bool):
            place = f" (position {position})" if name == "mode" else ""
            raise TypeError(
                f"_set_deterministic_algorithms(): argument '{name}'{place} must be bool, "
                f"not {type(value).__name__}"
            )
    _state["deterministic"], _state["warn_only"] = mode, warn_only
    _C._set_thread_independent(mode)
    _C._set_fill_uninitialized(mode and _state["fill_uninitialized"])


def fills_uninitialized_memory() -> bool:
    """The setting of `utils.deterministic.fill_uninitialized_memory`."""
    return _state["fill_uninitialized"]


def set_fill_uninitialized_memory(mode: bool) -> None:
    """Set `utils.deterministic.fill_uninitialized_memory`."""
    _state["fill_uninitialized"] = mode
    _C._set_fill_uninitialized(mode and _state["deterministic"])


def are_deterministic_algorithms_enabled() -> bool:
    """Was use_deterministic_algorithms(True) called?"""
    return _state["deterministic"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Is a warning enough where no deterministic way exists?"""
    return _state["warn_only"]


def set_deterministic_debug_mode(debug_mode) -> None:
    """ "default", "warn" or "error" (or 0, 1, 2).

    Raises:
        TypeError: neither str nor int.
        RuntimeError: another level.
    """
    names = {"default": 0, "warn": 1, "error": 2}
    if not isinstance(debug_mode, (str, int)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    level = names.get(debug_mode) if isinstance(debug_mode, str) else debug_mode
    if level not in (0, 1, 2):
        known = "one of `default`, `warn`, `error`" if isinstance(debug_mode, str) else "0, 1, or 2"
        raise RuntimeError(f"invalid value of debug_mode, expected {known}, but got {debug_mode}")
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def get_deterministic_debug_mode() -> int:
    """0 off, 1 warn, 2 error."""
    return 0 if not _state["deterministic"] else 1 if _state["warn_only"] else 2


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: "highest", "high" or "medium"; products are always computed in full float32."""
    if not isinstance(precision, str):
        kind = type(precision).__name__
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {kind}")
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    _state["precision"] = precision


def get_float32_matmul_precision() -> str:
    """The setting of set_float32_matmul_precision."""
    return str(_state["precision"])


def set_num_interop_threads(n: int) -> None:
    """Accepted: one pool serves everything."""
    if n <= 0:
        raise RuntimeError("Expected positive number of threads")


def get_num_interop_threads() -> int:
    """Threads that run operators side by side: one."""
    return 1


def set_flush_denormal(mode: bool) -> bool:
    """Not supported: denormal numbers are always kept."""
    return False


def set_warn_always(b: bool) -> None:
    """Should warnings that appear once appear always?"""
    _state["warn_always"] = bool(b)
    _C._set_warn_always(bool(b))


def is_warn_always_enabled() -> bool:
    """The setting of set_warn_always."""
    return bool(_state["warn_always"])
