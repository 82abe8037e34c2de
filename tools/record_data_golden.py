"""Record tests/golden/data_order.json: the orders PyTorch draws in the cases of tests/data/data_cases.py.

Run with PyTorch 2.13 installed:  python tools/record_data_golden.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "data"))

import data_cases as cases  # noqa: E402

SEEDS = (0, 42)


def main() -> None:
    """Write what samplers and loaders give for each seed."""
    record: dict[str, object] = {"torch": torch.__version__}
    for seed in SEEDS:
        record[f"samplers {seed}"] = cases.samplers(torch, seed)
        for name in cases.LOADERS:
            record[f"{name} {seed}"] = cases.loader_epochs(torch, name, seed)
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in record.items())
    path = ROOT / "tests" / "golden" / "data_order.json"
    path.write_text("{\n" + rows + "\n}\n")
    print(f"{len(record)} entries in {path}")


if __name__ == "__main__":
    main()
