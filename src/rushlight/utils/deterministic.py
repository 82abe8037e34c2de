"""A switch of `use_deterministic_algorithms`: what memory holds before anything is written to it."""

from __future__ import annotations

import sys
from types import ModuleType

from .. import _configuration


class _Deterministic(ModuleType):
    """`fill_uninitialized_memory`: whether `empty` and its relatives give NaN, True and the largest integers.

    It counts while `use_deterministic_algorithms(True)` is in force; True unless it is set.
    """

    @property
    def fill_uninitialized_memory(self) -> bool:
        return _configuration.fills_uninitialized_memory()

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise RuntimeError(f"expected a bool, but got {type(mode).__name__}")
        _configuration.set_fill_uninitialized_memory(mode)


sys.modules[__name__].__class__ = _Deterministic
