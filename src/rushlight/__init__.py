"""Rushlight: PyTorch programs, unchanged, on a small and fast engine."""

from . import _C
from ._C import *  # noqa: F403

globals().update(_C._functions)

from . import random
from .random import (
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
