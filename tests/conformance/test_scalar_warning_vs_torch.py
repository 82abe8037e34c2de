"""The program of tests/autograd/test_scalar_warning.py prints the same with PyTorch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "autograd"))

from test_scalar_warning import output  # noqa: E402


@pytest.mark.parametrize("first", ["float", "complex", "math.sqrt", "lambda t: torch.tensor([t])"])
def test_same(first: str) -> None:
    assert output("rushlight", first) == output("torch", first)
