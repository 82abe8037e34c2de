"""The version as a string that compares as versions do."""

from __future__ import annotations

from typing import Any

from .version import __version__ as _text

__all__ = ["TorchVersion"]


def _key(value: Any) -> tuple[tuple[int, ...], int, str]:
    """Release numbers without trailing zeros, then 0 for a pre-release and 1 for a release, then the local part."""
    if isinstance(value, tuple):
        value = ".".join(map(str, value))
    public, _, local = str(value).partition("+")
    numbers: list[int] = []
    final = 1
    for part in public.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            if not numbers:
                raise ValueError(f"not a version: {value!r}")
            final = 0
            break
        numbers.append(int(digits))
        if digits != part:
            final = 0
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), final, local


class TorchVersion(str):
    """A version that is a str and compares with strings and tuples by release number.

    Example:
        >>> from rushlight.torch_version import TorchVersion
        >>> version = TorchVersion("2.13.0+rushlight")
        >>> version >= "2.9", version >= (2, 13), version < "3"
        (True, True, True)
    """

    def _compare(self, other: Any) -> int:
        mine, theirs = _key(str(self)), _key(other)
        return (mine > theirs) - (mine < theirs)

    def __lt__(self, other: Any) -> bool:
        return self._compare(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._compare(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._compare(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._compare(other) >= 0

    def __eq__(self, other: object) -> bool:
        try:
            return self._compare(other) == 0
        except ValueError:
            return False

    def __hash__(self) -> int:
        return str.__hash__(self)


__version__ = TorchVersion(_text)
