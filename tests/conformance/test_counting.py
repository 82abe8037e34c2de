"""The arithmetic that `benchmarks/counting.py` finds in a workload is what PyTorch's own counter finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

PROGRAM = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
os.environ["WORKLOADS_LIBRARY"] = "torch"
import counting, workloads
from torch.utils.flop_counter import FlopCounterMode

found = {}
for name in ("quickstart", "mlp", "lenet"):
    ours = sum(op["flop"] for op in counting.count(name))

    def one_step(step, warmup, steps):
        with FlopCounterMode(display=False) as counter:
            step()
        found[name] = [ours, counter.get_total_flops()]
        return {}

    workloads.time_steps = one_step
    workloads.WORKLOADS[name]()
print(json.dumps(found))
"""


def test_counted_arithmetic_agrees_with_pytorch() -> None:
    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"quickstart", "mlp", "lenet"}
    for name, (ours, pytorch) in found.items():
        assert ours == pytorch > 0, name
