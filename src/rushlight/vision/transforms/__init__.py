"""Transforms of PIL images and of image tensors (..., C, H, W)."""

from __future__ import annotations

from . import autoaugment, functional, transforms
from .autoaugment import *  # noqa: F403
from .transforms import *  # noqa: F403

__all__ = [*transforms.__all__, *autoaugment.__all__, "functional"]
