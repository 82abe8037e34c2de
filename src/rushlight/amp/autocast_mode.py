"""Regions of mixed precision.

In a region for the CPU operators choose the dtype of their floating inputs: products take the lower precision,
losses and what loses digits take float32, `cat` and its kind the widest of their inputs, the rest their inputs as they
are. The lists are PyTorch's (csrc/dispatch/autocast.cpp).
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

from .. import _C

_DEVICES = (
    "cpu",
    "cuda",
    "xpu",
    "mps",
    "hpu",
    "mtia",
    "xla",
    "ipu",
    "maia",
    "privateuseone",
    "meta",
)


class _State(threading.local):
    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtype: dict[str, Any] = {}
        self.cache = True
        self.nesting = 0


_state = _State()


def _apply(device_type: str) -> None:
    """Tell the engine what holds for the CPU on this thread."""
    if device_type == "cpu":
        _C._set_autocast(_state.enabled.get("cpu", False), get_autocast_dtype("cpu"), _state.cache)


def _check_device(device_type: Any, where: str) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _DEVICES:
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
    return device_type


def is_autocast_available(device_type: str) -> bool:
    """Whether a region for this kind of device can be entered."""
    return device_type in ("cpu", "cuda")


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether the code runs in a region for this kind of device."""
    return _state.enabled.get(_check_device(device_type, "is_autocast_enabled"), False)


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Enter or leave the region without a block; `autocast` does it for one."""
    if enabled is None:  # the older form has one argument, for CUDA
        device_type, enabled = "cuda", device_type
    _state.enabled[device_type] = bool(enabled)
    _apply(device_type)


def get_autocast_dtype(device_type: str) -> Any:
    """The lower precision of regions for this kind of device."""
    standard = _C.float16 if device_type in ("cuda", "mps") else _C.bfloat16
    return _state.dtype.get(device_type, standard)


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Choose the lower precision for this kind of device."""
    _state.dtype[device_type] = dtype
    _apply(device_type)


def is_autocast_cpu_enabled() -> bool:
    """Older spelling of `is_autocast_enabled("cpu")`."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Older spelling of `set_autocast_enabled("cpu", enabled)`."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> Any:
    """Older spelling of `get_autocast_dtype("cpu")`."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """Older spelling of `set_autocast_dtype("cpu", dtype)`."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> Any:
    """Older spelling of `get_autocast_dtype("cuda")`."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """Older spelling of `set_autocast_dtype("cuda", dtype)`."""
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether casts of weights are kept for the length of a region."""
    return _state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Choose whether casts of weights are kept."""
    _state.cache = bool(enabled)
    _apply("cpu")


def clear_autocast_cache() -> None:
    """Forget the casts of weights kept so far."""
    _C._clear_autocast_cache()


def autocast_increment_nesting() -> int:
    """Count a region in; returns the depth."""
    _state.nesting += 1
    return _state.nesting


def autocast_decrement_nesting() -> int:
    """Count a region out; returns the depth."""
    _state.nesting -= 1
    return _state.nesting


class autocast:
    """A region of mixed precision, as a context manager or a decorator.

    Args:
        device_type: "cpu" or "cuda".
        dtype: lower precision; default bfloat16 on the CPU.
        enabled: False switches an outer region off. Default: True.
        cache_enabled: keep casts of weights during the region.

    Example:
        >>> import rushlight as torch
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     torch.is_autocast_enabled("cpu")
        True
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = _check_device(device_type, "autocast")
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = _state.cache if cache_enabled is None else cache_enabled
        self._enabled = self._usable() if enabled else False
        self._before: list[tuple] = []

    def _usable(self) -> bool:
        if self.device == "cpu" and self.fast_dtype not in (_C.bfloat16, _C.float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtype of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=4,
            )
            return False
        if self.device == "cuda":
            from .. import cuda

            if not cuda.is_available():
                warnings.warn(
                    "User provided device_type of 'cuda', but CUDA is not available. Disabling",
                    UserWarning,
                    stacklevel=4,
                )
                return False
        return True

    def __enter__(self) -> autocast:
        device = self.device
        self._before.append(
            (_state.enabled.get(device, False), _state.dtype.get(device), _state.cache)
        )
        _state.enabled[device] = self._enabled
        _state.dtype[device] = self.fast_dtype
        _state.cache = self._cache_enabled
        autocast_increment_nesting()
        _apply(device)
        return self

    def __exit__(self, *unused: Any) -> Any:
        enabled, dtype, _state.cache = self._before.pop()
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        _state.enabled[self.device] = enabled
        if dtype is None:
            _state.dtype.pop(self.device, None)
        else:
            _state.dtype[self.device] = dtype
        _apply(self.device)
        return False

    def __call__(self, func: Callable) -> Callable:
        @functools.wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return inside


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    if isinstance(value, _C.Tensor):
        fits = value.dtype.is_floating_point and value.dtype is not _C.float64
        return value.to(dtype) if fits and value.device.type == device_type else value
    if isinstance(value, dict):
        return {
            _cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()
        }
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_cast(v, device_type, dtype) for v in value)
    return value


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str, cast_inputs: Any = None
) -> Callable:
    """Decorate `forward` of an autograd Function that runs in regions of mixed precision.

    Args:
        fwd: the static method.
        device_type: "cpu" or "cuda".
        cast_inputs: cast floating tensors to this dtype and run outside of the region.

    Returns:
        The decorated method.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        args[0]._dtype = get_autocast_dtype(device_type)
        inside = is_autocast_enabled(device_type)
        args[0]._fwd_used_autocast = inside if cast_inputs is None else False
        if cast_inputs is None or not inside:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(
                *_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs)
            )

    return decorated


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorate `backward` of a Function whose forward has `custom_fwd`.

    Args:
        bwd: the static method.
        device_type: "cpu" or "cuda".

    Returns:
        The decorated method; it runs in the state that forward ran in.
    """
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorated
