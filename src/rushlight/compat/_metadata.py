"""Answers of `importlib.metadata` for the distributions that Rushlight stands in for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from .._names import TORCH_VERSION, TORCHVISION_VERSION

VERSIONS = {"torch": TORCH_VERSION, "torchvision": TORCHVISION_VERSION}


class StandIn(Distribution):
    """The metadata of a distribution that is not on disk."""

    def __init__(self, dist_name: str) -> None:
        self.dist_name = dist_name

    def read_text(self, filename: str) -> str | None:
        if filename == "METADATA":
            return (
                "Metadata-Version: 2.1\n"
                f"Name: {self.dist_name}\n"
                f"Version: {VERSIONS[self.dist_name]}\n"
                "Summary: Rushlight, presented under this name in this process\n"
            )
        if filename == "top_level.txt":
            return self.dist_name + "\n"
        return None

    def locate_file(self, path: Any) -> Path:
        return Path(__file__).resolve().parents[2] / path


def distributions(name: str | None) -> Iterator[StandIn]:
    """The stand-ins called `name` (compared as pip does), or all of them for None."""
    wanted = None if name is None else re.sub(r"[-_.]+", "-", name).lower()
    return iter([StandIn(n) for n in VERSIONS if wanted in (None, n)])
