"""oneDNN, formerly MKL-DNN: matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

enabled = True
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether oneDNN is used: always."""
    return True


@contextmanager
def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True
) -> Iterator[None]:
    """The switches for the duration of a block. Results do not depend on them: there is no second implementation."""
    names = ("enabled", "deterministic", "allow_tf32")
    before = [globals()[n] for n in names]
    globals().update(zip(names, (enabled, deterministic, allow_tf32)))
    try:
        yield
    finally:
        globals().update(zip(names, before))
