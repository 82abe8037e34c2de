"""The programs of tests/autograd show the same with the installed PyTorch as with Rushlight."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

import pytest

import rushlight

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "autograd"))

from observe import plain, same  # noqa: E402

PROGRAMS = {
    f"{module}.{name}": program
    for module in (
        "views",
        "graph",
        "hooks",
        "function",
        "more",
        "overrides",
        "unsigned",
        "view_twins",
    )
    for name, program in importlib.import_module(f"programs_{module}").PROGRAMS.items()
}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_same(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = plain(PROGRAMS[name](torch))
        found = plain(PROGRAMS[name](rushlight))
    assert same(found, expected), (found, expected)
