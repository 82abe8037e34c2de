"""Help below an error message (PEP 678)."""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def noted(error: E, note: str) -> E:
    """The error with a note; before Python 3.11, which shows none, they are kept as `__notes__` all the same.

    Example:
        >>> from rushlight._notes import noted
        >>> noted(ValueError("odd"), "use an even number").__notes__
        ['use an even number']
    """
    error.__notes__ = [*getattr(error, "__notes__", ()), note]  # type: ignore[attr-defined]
    return error
