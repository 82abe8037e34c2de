"""Image data sets and transforms; `rushlight run` presents this package as `torchvision`."""

from __future__ import annotations

from . import datasets, transforms

__version__ = "0.28.0+rushlight"
__all__ = ["datasets", "transforms"]
