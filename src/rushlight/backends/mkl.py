"""Intel MKL: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Whether MKL is used."""
    return False
