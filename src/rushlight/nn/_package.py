"""The package that contains ``nn``, under whatever name it was imported."""

from __future__ import annotations

import sys

from .. import _C

# The parent package is still being initialised when nn is imported, so its attributes may only be
# read at call time: `rl.stack(...)`, never `from .. import stack`.
rl = sys.modules[__name__.rpartition(".nn.")[0]]
ops = _C.ops
Tensor = _C.Tensor


def typename(obj: object) -> str:
    """The name errors use for an object: tensor types such as ``torch.FloatTensor``, else the class."""
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    module = cls.__module__
    if module in ("builtins", "__builtin__", None):
        return cls.__qualname__
    return f"{module}.{cls.__qualname__}"
