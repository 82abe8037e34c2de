"""Small programs show what they showed with PyTorch 2.13 (recorded by tools/record_autograd.py)."""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path

import pytest
from observe import plain, same

import rushlight

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/autograd.json").read_text("utf-8"))
MODULES = ("views", "graph", "hooks", "function", "more", "overrides", "unsigned", "view_twins")


def _programs():
    for module in MODULES:
        for name, program in importlib.import_module(f"programs_{module}").PROGRAMS.items():
            yield f"{module}.{name}", program


PROGRAMS = dict(_programs())


def test_every_program_is_recorded() -> None:
    assert set(PROGRAMS) == set(GOLDEN)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_program(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = plain(PROGRAMS[name](rushlight))
    assert rushlight.is_grad_enabled()
    assert same(found, GOLDEN[name]), found
