"""torchvision as the reference, also where its native library was built for another PyTorch than the one installed."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest


def reference() -> Any:
    """torchvision, or the end of the module's tests where it is not installed.

    Its Python registers shape rules for operators of its native library, which must be declared if that is not loaded.
    """
    torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")
    if "torchvision" in sys.modules:
        return sys.modules["torchvision"]
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("torchvision 0.28 is not installed", allow_module_level=True)
    folder = Path(spec.submodule_search_locations[0])
    text = (folder / "_meta_registrations.py").read_text(encoding="utf-8")
    found = re.findall(r'register_fake\("torchvision::(\w+)"|register_meta\("(\w+)"', text)
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in sorted({a or b for a, b in found}):
        library.define(f"{name}(Tensor a) -> Tensor")
    reference.library = library  # type: ignore[attr-defined]  # the declarations live as long as it
    import torchvision

    return torchvision
