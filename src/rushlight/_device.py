"""The default device, `with torch.device(...)`, and what belongs to a type of device."""

from __future__ import annotations

from . import _C

_stack: list = []


def set_default(device) -> None:
    """Set the device of new tensors; None means the CPU."""
    _C._set_default_device(_C.device("cpu" if device is None else device))


def get_default():
    """The device of new tensors."""
    return _C._get_default_device()


def enter(device):
    """`with device:` puts new tensors there."""
    _stack.append(get_default())
    set_default(device)
    return device


def exit(device) -> None:
    """End of the `with` block."""
    set_default(_stack.pop())


class OutOfMemoryError(RuntimeError):
    """A device's memory is full."""

    __module__ = "torch"


def get_device_module(device=None):
    """The module of a device's type, such as `torch.cuda`; for None that of the default device.

    Args:
        device: a device or its name.

    Example:
        >>> import rushlight as torch
        >>> torch.get_device_module("cpu") is torch.cpu
        True
    """
    from ._lazy import lazy_module

    kind = _C.device(get_default() if device is None else device).type
    if kind not in ("cpu", "cuda", "mps", "xpu"):
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        )
    return lazy_module(__package__, kind)
