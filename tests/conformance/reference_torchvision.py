"""torchvision beside a torch that its native library was not built for: its operators are declared, without kernels."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")
_spec = importlib.util.find_spec("torchvision")
if _spec is None:
    pytest.skip("compares with torchvision 0.28", allow_module_level=True)

_library = torch.library.Library("torchvision", "FRAGMENT")
_text = (Path(_spec.submodule_search_locations[0]) / "_meta_registrations.py").read_text()
for _names in re.findall(r'register_fake\("torchvision::(\w+)"|register_meta\("(\w+)"', _text):
    try:
        _library.define(f"{max(_names)}(Tensor a) -> Tensor")
    except RuntimeError:  # the native library is there after all, or the name comes twice
        continue

import torchvision  # noqa: E402, F401
