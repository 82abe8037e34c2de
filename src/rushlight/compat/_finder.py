"""The meta-path finder behind `install()` and the loaders it hands out."""

from __future__ import annotations

import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .._names import ROOT, SHOWN, lacks, our_name, shown_name
from ._rename import name_lacking_attributes, present_module


def find_installed() -> Finder | None:
    """The finder that is already in place, whichever copy of this module put it there."""
    found: Any = next((f for f in sys.meta_path if hasattr(f, "is_rushlight_finder")), None)
    return found


def install_finder() -> None:
    if find_installed() is not None:
        return
    for name in SHOWN:
        module = sys.modules.get(name)
        if module is not None:
            origin = getattr(module, "__file__", None)
            raise RuntimeError(
                f"rushlight.compat.install: {name} is already imported from {origin}; call install() before "
                f"the first `import {name}`, or start the program with `rushlight run`"
            )
    sys.meta_path.insert(0, Finder())
    for name, module in list(sys.modules.items()):
        shown = shown_name(name)
        if shown is not None and module is not None:
            sys.modules[shown] = module
            present_module(module, shown)
            name_lacking_attributes(module, shown)
    for name, patch in PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])


def _patch_spawn(module: ModuleType) -> None:
    from ._spawn import patch

    patch(module)


def _patch_tensorboardx(module: ModuleType) -> None:
    from ._tensorboardx import patch

    patch(module)


# Modules of others that learn of Rushlight once they are loaded.
PATCHES = {"multiprocessing.spawn": _patch_spawn, "tensorboardX": _patch_tensorboardx}


class Finder:
    """Answers for `torch.*` and `torchvision.*`, and watches `rushlight.*` being loaded."""

    is_rushlight_finder = True

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        root = fullname.partition(".")[0]
        if root in SHOWN:
            return self._find_shown(fullname)
        if root == ROOT:
            shown = shown_name(fullname)
            if shown is not None:
                return _watched(self._find_elsewhere(fullname, path, target), shown)
        if fullname in PATCHES:
            return _watched(self._find_elsewhere(fullname, path, target), None)
        return None

    def _find_shown(self, fullname: str) -> ModuleSpec | None:
        ours = our_name(fullname)
        spec = None if ours is None else _spec_of(ours)
        if spec is None:
            # find_spec() must answer None for what is absent; only a real import may raise from here, and for
            # parts of ours that torch does not have, which other finders would meet on the package's path.
            importer = sys._getframe(3)
            if ours is None or importer.f_code.co_name == "_find_and_load_unlocked":
                raise ModuleNotFoundError(
                    f"No module named {fullname!r} ({lacks(fullname)})", name=fullname
                )
            return None
        is_package = spec.submodule_search_locations is not None
        alias = ModuleSpec(
            fullname, AliasLoader(ours, spec), origin=spec.origin, is_package=is_package
        )
        if is_package:
            alias.submodule_search_locations = list(spec.submodule_search_locations or ())
        alias.has_location = spec.has_location
        return alias

    def _find_elsewhere(self, fullname: str, path: Any, target: Any) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(fullname, path, target)
                if spec is not None:
                    return spec
        return None

    def find_distributions(self, context: Any = None) -> Any:
        from ._metadata import distributions

        return distributions(getattr(context, "name", None))

    def invalidate_caches(self) -> None:
        """Nothing is cached here."""


def _spec_of(ours: str) -> ModuleSpec | None:
    from importlib.util import find_spec

    try:
        return find_spec(ours)
    except (ModuleNotFoundError, ValueError):
        return None


class AliasLoader(Loader):
    """Loads `torch.X` by importing `rushlight.X` and handing out the same module object."""

    def __init__(self, ours: str, spec: ModuleSpec) -> None:
        self.ours = ours
        self.spec = spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        from importlib import import_module

        module = import_module(self.ours)
        self.spec = module.__spec__ or self.spec
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just stamped the alias' spec on the module: relative imports need its own.
        module.__spec__ = self.spec

    def get_code(self, fullname: str) -> Any:
        loader: Any = self.spec.loader
        return loader.get_code(self.ours)

    def get_source(self, fullname: str) -> Any:
        loader: Any = self.spec.loader
        return loader.get_source(self.ours)

    def get_filename(self, fullname: str) -> str | None:
        return self.spec.origin

    def is_package(self, fullname: str) -> bool:
        return self.spec.submodule_search_locations is not None


def _watched(spec: ModuleSpec | None, shown: str | None) -> ModuleSpec | None:
    if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
        spec.loader = WatchingLoader(spec.loader, shown)
    return spec


class WatchingLoader(Loader):
    """Runs the module's own loader, with the shown name in place before the first line runs.

    Classes and functions take `__module__` from the global `__name__`, so they are born with the right one.
    """

    def __init__(self, inner: Any, shown: str | None) -> None:
        self.inner = inner
        self.shown = shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def create_module(self, spec: ModuleSpec) -> Any:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.inner
        if module.__spec__ is not None:
            module.__spec__.loader = self.inner
        if self.shown is None:
            self.inner.exec_module(module)
            PATCHES[module.__name__](module)
            return
        self._exec_shown(module, self.shown)

    def _exec_shown(self, module: ModuleType, shown: str) -> None:
        own = module.__name__
        sys.modules[shown] = module
        try:
            # A loader checks the name it is asked to load, and reads it before it runs the code.
            _exec_under(self.inner, module, shown)
        except BaseException:
            sys.modules.pop(shown, None)
            module.__name__ = own
            raise
        present_module(module, shown)
        name_lacking_attributes(module, shown)


def _exec_under(loader: Any, module: ModuleType, shown: str) -> None:
    """`loader.exec_module(module)` with `__name__` already the shown one, where the loader can give its code."""
    own = module.__spec__.name if module.__spec__ is not None else module.__name__
    code = loader.get_code(own) if hasattr(loader, "get_code") else None
    if code is None:  # native modules
        loader.exec_module(module)
        return
    module.__name__ = shown
    exec(code, module.__dict__)
