"""Names in pickles that are run by Python itself: what PyTorch calls them, and ours."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from .names import DTYPES, FUNCTIONS_OF_C

_RENAMED = {
    "torch.tensor": "torch._tensor",
    "torch._C._nn": "torch.nn.functional",
    "torch._C": "torch",
}


def find_class(module: str, name: str, otherwise: Any) -> Any:
    """The object a pickle names; ``otherwise`` finds the names that are not PyTorch's.

    Raises:
        AttributeError, ModuleNotFoundError: a PyTorch name that this package lacks.
    """
    from .._names import our_name
    from ..storage import LEGACY_CLASSES, _rl

    if module.partition(".")[0] not in ("torch", "torchvision"):
        return otherwise(module, name)
    if module in ("torch", "torch.storage") and name in LEGACY_CLASSES:
        return LEGACY_CLASSES[name]
    if module == "torch" and name in DTYPES:
        return getattr(_rl(), name)
    name = FUNCTIONS_OF_C.get((module, name), name)
    module = _RENAMED.get(module, module)
    ours = our_name(module)
    if ours is None:
        return otherwise(module, name)
    root = (__package__ or "").partition(".")[0]
    path = root + ours[len("rushlight") :]
    value: Any = sys.modules.get(path) or import_module(path)
    for part in name.split("."):
        value = getattr(value, part)
    return value
