"""The default device, and `with torch.device(...)`."""

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
