"""Versions: of the PyTorch interface that this package implements, and of what it is built with."""

from __future__ import annotations

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "xpu"]
__version__ = "2.13.0+rushlight"
debug = False
cuda: str | None = None
git_version = "unknown"
hip: str | None = None
xpu: str | None = None
