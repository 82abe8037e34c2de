"""Operators written as compositions of native ones; each family is a module."""

from __future__ import annotations

import importlib
import pkgutil

from . import _aliases
from ._registry import FUNCTIONS, METHODS


def load_families() -> None:
    """Import every family, so that FUNCTIONS and METHODS are complete."""
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            importlib.import_module("." + info.name, __name__)
    _aliases.apply()


__all__ = ["FUNCTIONS", "METHODS", "load_families"]
