"""Attributes of a package that are imported when they are first asked for (PEP 562)."""

from __future__ import annotations

import sys
from typing import Any, NoReturn


def lacking(package: str, name: str) -> NoReturn:
    """Raise the AttributeError for a name that the package does not have."""
    raise AttributeError(f"module {package!r} (rushlight) has no attribute {name!r}")


def lazy_module(package: str, name: str, wanted: str | None = None) -> Any:
    """The submodule `name`; where there is none, the AttributeError of whoever asked for `wanted` (default: it)."""
    from importlib import import_module

    try:
        return import_module("." + name, package)
    except ModuleNotFoundError as error:
        if not f"{package}.{name}.".startswith(f"{error.name}."):
            raise
    lacking(package, wanted or name)


def lazy_name(package: str, home: str, name: str) -> Any:
    """The attribute `name` of the submodule `home`, kept in the package from then on."""
    value = getattr(lazy_module(package, home, name), name)
    setattr(sys.modules[package], name, value)
    return value
