"""Forward-mode differentiation: the names exist and say what to use instead."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["make_dual", "unpack_dual", "enter_dual_level", "exit_dual_level", "dual_level"]


def _absent(name: str) -> NoReturn:
    raise NotImplementedError(
        f"forward_ad.{name}: forward-mode differentiation is not implemented; torch.autograd.functional.jvp computes "
        "the same product by differentiating twice"
    )


def make_dual(tensor, tangent, *, level=None):
    """Raise NotImplementedError: use torch.autograd.functional.jvp."""
    _absent("make_dual")


def unpack_dual(tensor, *, level=None):
    """Raise NotImplementedError: use torch.autograd.functional.jvp."""
    _absent("unpack_dual")


def enter_dual_level():
    """Raise NotImplementedError: use torch.autograd.functional.jvp."""
    _absent("enter_dual_level")


def exit_dual_level(*, level=None):
    """Raise NotImplementedError: use torch.autograd.functional.jvp."""
    _absent("exit_dual_level")


class dual_level:
    """Raise NotImplementedError: use torch.autograd.functional.jvp."""

    def __init__(self) -> None:
        _absent("dual_level")
