"""The programs of five sets of notes on PyTorch print what PyTorch 2.13 prints.

`cases/ID.py` is a block of the notes, with the names it uses defined before it and its results printed after it;
`cases/ID.txt` is the standard output of PyTorch 2.13. Where 2.13 refuses a spelling that the notes use and Rushlight
accepts (`torch.load` of a whole module, `data_tensor=`, `retain_variables=`, `volatile=`, `data_parallel` without a GPU, a file named
".pkl"), the
expected text is that of the same program with today's spelling.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parent / "cases"
# What the notes contain; the blocks 001.20, 002.1 and 002.3 are outputs of those before them, 001.22 and 004.4 no programs.
BLOCKS = {
    "000": "0 1 p",
    "001": "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 21 23 24 25 26 27 p",
    "002": "0 2 4 5 6 7 8 9 10 11",
    "003": "0 1 2 3 4 p",
    "004": "0 1 2 3 5 6 7 p",
}
NEEDS = {"001.1": ("pandas", "PIL"), "001.3": ("pandas", "PIL"), "001.4": ("PIL",)}


def names() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.py"))


def test_every_block_has_a_case():
    assert names() == sorted(f"{note}.{block}" for note in BLOCKS for block in BLOCKS[note].split())


@pytest.mark.parametrize("name", names())
def test_prints_what_pytorch_prints(rushlight_run, name):
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    done = rushlight_run((CASES / f"{name}.py").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stderr
    expected = CASES / f"{name}.txt"
    if sys.version_info >= (3, 12) and expected.with_suffix(".py312.txt").exists():
        expected = expected.with_suffix(".py312.txt")  # Python itself prints an OrderedDict anew
    assert done.stdout.splitlines() == expected.read_text(encoding="utf-8").splitlines()


def test_order_of_batches_does_not_depend_on_workers(rushlight_run):
    source = (CASES / "002.2.py").read_text(encoding="utf-8")
    assert "num_workers=2" in source
    done = rushlight_run(source.replace("num_workers=2", "num_workers=0"))
    assert done.stdout == (CASES / "002.2.txt").read_text(encoding="utf-8"), done.stderr
