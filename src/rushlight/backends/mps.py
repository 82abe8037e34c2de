"""Apple's GPUs: not supported."""

from __future__ import annotations


def is_built() -> bool:
    """Whether this build can use Apple's GPUs."""
    return False


def is_available() -> bool:
    """Whether there is one."""
    return False
