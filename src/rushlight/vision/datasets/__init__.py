"""Data sets that programs name: each is a map-style `Dataset` of (image, label)."""

from __future__ import annotations

from .mnist import MNIST, FashionMNIST
from .vision import VisionDataset

__all__ = ["FashionMNIST", "MNIST", "VisionDataset"]
