"""OpenMP: the thread pool speaks its interface."""

from __future__ import annotations


def is_available() -> bool:
    """Whether parallel regions run in parallel."""
    return True
