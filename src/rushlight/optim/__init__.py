"""Optimizers: rules that change parameters by their gradients, and learning-rate schedules."""

from __future__ import annotations

from .adam import Adam
from .adamw import AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
]
