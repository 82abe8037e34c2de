"""Let the tensorboardX library hand out writers that know our tensors, names and models."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def patch(package: ModuleType) -> None:
    """Put our `SummaryWriter` and `FileWriter` where tensorboardX and its parts have their own. Idempotent."""
    from ..utils.tensorboard import _library

    for name in ("", ".writer", ".global_writer", ".torchvis"):
        part = import_module(package.__name__ + name)
        for kind in ("SummaryWriter", "FileWriter"):
            if hasattr(part, kind):
                setattr(part, kind, getattr(_library, kind))
