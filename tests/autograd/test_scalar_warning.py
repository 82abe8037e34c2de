"""A tensor of the graph that becomes a number warns once in a process, with PyTorch's words."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import math, warnings
import {library} as torch

def t():
    return torch.tensor(1.5, requires_grad=True)

def no_grad(f):
    with torch.no_grad():
        f(t())

warnings.simplefilter("always")
for quiet in (torch.Tensor.item, int, bool, str, torch.Tensor.tolist, "{{:.2f}}".format):
    with warnings.catch_warnings(record=True) as seen:
        quiet(t())
        no_grad(float)
        float(t().detach())
    assert not seen, (quiet, seen)
first = {first}
for f in (first, first, float, complex):
    with warnings.catch_warnings(record=True) as seen:
        f(t())
    print([(w.category.__name__, str(w.message).partition(" (Triggered")[0]) for w in seen])
torch.set_warn_always(True)
for f in (float, float):
    with warnings.catch_warnings(record=True) as seen:
        f(t())
    print(len(seen))
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        float(t())
    except UserWarning:
        print("raised")
"""
WORDS = (
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
    "Consider using tensor.detach() first."
)


def output(library: str, first: str) -> str:
    program = PROGRAM.format(library=library, first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("first", ["float", "complex", "math.sqrt", "lambda t: torch.tensor([t])"])
def test_warns_once(first: str) -> None:
    expected = [[("UserWarning", WORDS)], [], [], [], 1, 1, "raised"]
    assert output("rushlight", first).splitlines() == [str(e) for e in expected]
