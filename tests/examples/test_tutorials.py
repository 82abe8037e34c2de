"""Programs in the style of tutorials print what they print under PyTorch 2.13, numbers within 0.2 %.

`programs/tutorial_*.py` train from a fixed seed; `golden/programs/tutorial_*.txt` is their output under PyTorch.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parent / "programs"
GOLDEN = PROGRAMS.parents[1] / "golden" / "programs"
NUMBER = re.compile(r"-?\d+\.\d*(?:e[-+]\d+)?")


@pytest.mark.parametrize("name", sorted(p.stem for p in PROGRAMS.glob("tutorial_*.py")))
def test_prints_what_pytorch_prints(rushlight_run, name):
    done = rushlight_run((PROGRAMS / f"{name}.py").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stderr
    expected = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    words, expected_words = (
        re.sub(r"\s+", " ", NUMBER.sub("#", t)) for t in (done.stdout, expected)
    )
    assert words == expected_words
    numbers, expected_numbers = (
        [float(n) for n in NUMBER.findall(t)] for t in (done.stdout, expected)
    )
    assert numbers == pytest.approx(expected_numbers, rel=2e-3, abs=2e-4)
