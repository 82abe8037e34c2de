"""The classes and first lines in tests/errors/misuse.py are those of the installed PyTorch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "errors"))

from misuse import MISUSE  # noqa: E402


@pytest.mark.parametrize("case", MISUSE, ids=lambda case: case.name)
def test_words(case):
    with pytest.raises(case.kind) as caught:
        case.call(torch)
    assert type(caught.value) is case.kind
    assert str(caught.value).split("\n")[0].rstrip() == case.first
