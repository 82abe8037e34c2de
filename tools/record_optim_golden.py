"""Record tests/golden/optimizers.json: PyTorch's results for the cases of tests/optim/optim_cases.py.

Run with PyTorch 2.13 installed:  python tools/record_optim_golden.py
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "optim"))

import optim_cases as cases  # noqa: E402


def main() -> None:
    """Write final weights, printed optimizers, state keys and learning rates."""
    warnings.simplefilter("ignore")
    record: dict[str, dict] = {"optimizers": {}, "schedules": {}, "plateaus": {}}
    for name in cases.OPTIMIZERS:
        weights, optimizer = cases.trajectory(torch, name, torch.float64)
        state = optimizer.state_dict()["state"]
        record["optimizers"][name] = {
            "weights": [w.tolist() for w in weights],
            "repr": repr(optimizer),
            "state": {str(k): list(v) for k, v in state.items()},
        }
    for name in cases.SCHEDULES:
        record["schedules"][name] = cases.schedule(torch, name)
    for name, options in cases.PLATEAUS.items():
        record["plateaus"][name] = cases.plateau(torch, **options)
    lines = []
    for kind, entries in record.items():
        rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in entries.items())
        lines.append(f"{json.dumps(kind)}: {{\n{rows}\n}}")
    path = ROOT / "tests" / "golden" / "optimizers.json"
    path.write_text(f'{{"torch": "{torch.__version__}",\n' + ",\n".join(lines) + "\n}\n")
    print(f"{sum(len(v) for v in record.values())} cases in {path}")


if __name__ == "__main__":
    main()
