"""Image data sets, transforms, models; `rushlight run` presents this package as `torchvision`."""

from __future__ import annotations

from .._lazy import lazy_module
from .._names import TORCHVISION_VERSION as __version__

__all__ = ["datasets", "io", "ops", "transforms", "utils"]


def __getattr__(name: str):
    return lazy_module(__name__, name)
