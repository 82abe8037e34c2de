"""Names that come from data: what may stand in an event file, in a path, in the projector's list."""

from __future__ import annotations

import os
from typing import Any

# A longer tag is a mistake (a whole text, a printed tensor) that makes the viewer's list unusable.
LONGEST_TAG = 4096


def escaped(text: str, characters: str = "") -> str:
    """`text` with control characters and `characters` as %XX, and what UTF-8 cannot hold as \\uXXXX."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(
        f"%{ord(c):02x}" if c < " " or c == "\x7f" or c in characters else c for c in text
    )


def tag(name: Any) -> str:
    """The tag as it is written: control characters are escaped, what is too long is refused.

    Raises:
        TypeError: it is not a string.
        ValueError: it is longer than 4,096 characters.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"SummaryWriter: tag: got {name!r:.60} of type {type(name).__name__}, expected a string"
        )
    if len(name) > LONGEST_TAG:
        raise ValueError(
            f"SummaryWriter: tag: got {len(name):,} characters ({name[:40]!r}...), expected at most {LONGEST_TAG:,}"
        )
    return escaped(name)


def path(name: str) -> str:
    """A relative path below the log folder: "..", "." and empty parts are escaped or dropped."""
    parts = (part for part in escaped(name).split("/") if part)
    return "/".join(p.replace(".", "%2e") if p in (".", "..") else p for p in parts)


def run(folder: str, name: str) -> str:
    """The folder of the run called `name` inside `folder`.

    Raises:
        ValueError: it would lie outside `folder`, or the name holds a NUL.
    """
    joined = os.path.join(folder, str(name))
    if "\0" in joined:
        raise ValueError(f"SummaryWriter: run name {name!r} holds a NUL character")
    top = os.path.realpath(folder)
    if os.path.commonpath([top, os.path.realpath(joined)]) != top:
        raise ValueError(
            f"SummaryWriter: run name: got {name!r}, which leaves the log folder {folder!r}; "
            "give a name without '..', or open a SummaryWriter on that folder"
        )
    return joined


def embedding(name: Any) -> str:
    """The name of an embedding: the projector's list quotes it, so quotes and backslashes are escaped."""
    return escaped(tag(name), '"\\')


def cell(value: Any) -> str:
    """A label for the projector's table, where tabs and line ends separate cells."""
    return " ".join(str(value).splitlines()).replace("\t", " ")
