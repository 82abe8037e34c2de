"""Record tests/golden/random_streams.json: what PyTorch draws in every case of tests/random/stream_cases.py.

Run with PyTorch 2.13 installed:  python tools/record_random_golden.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "random"))

import stream_cases  # noqa: E402


def main() -> None:
    """Write the digests of result and state of every case and seed."""
    torch.set_num_threads(1)
    record: dict[str, object] = {"torch": torch.__version__, "cases": {}}
    for name, (_, seeds) in stream_cases.CASES.items():
        rows = {}
        for seed in seeds:
            result, state = stream_cases.run_case(torch, name, seed)
            rows[str(seed)] = [stream_cases.digest(result), stream_cases.digest(state)]
        record["cases"][name] = rows
    path = ROOT / "tests" / "golden" / "random_streams.json"
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in record["cases"].items())
    path.write_text(f'{{"torch": "{record["torch"]}", "cases": {{\n{lines}\n}}}}\n')
    print(f"{len(record['cases'])} cases in {path}")


if __name__ == "__main__":
    main()
