"""Measure the machine and the workloads beside PyTorch, and write docs/design/speed.md.

    python benchmarks/speed_report.py                       everything anew, three rounds (10 to 15 minutes)
    python benchmarks/speed_report.py --rounds 1 gpt lstm   these anew, the other rows as measured last

Rows are kept in benchmarks/speed.json. What is written by hand is benchmarks/notes/speed.md: it follows the table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys

import compare
import roofline

ROOT = os.path.dirname(roofline.HERE)
ROWS = os.path.join(roofline.HERE, "speed.json")
NOTES = os.path.join(roofline.HERE, "notes", "speed.md")
REPORT = os.path.join(ROOT, "docs", "design", "speed.md")

HEAD = """# Speed

Written by `python benchmarks/speed_report.py`; the notes are kept in `benchmarks/notes/speed.md`.

{machine}

{products}

{bandwidth}

The floor of a workload adds up, operator by operator, the longer of two times: its arithmetic at the product peak above,
and its bytes at the bandwidth of the smallest cache that could hold them, where every operator reads its inputs once and
writes its result once (`benchmarks/roofline.py`, `benchmarks/counting.py`). It leaves out interpreter, allocation and
transcendental functions. Peak is the process's largest resident size.

| workload | ours, ms | PyTorch, ms | faster | GFLOP | arithmetic, ms | traffic, ms | floor, ms | ours / floor | peak, MB | PyTorch, MB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def number(value: float) -> str:
    """Three significant digits, never an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 4)}f}"


def measure(workload: str, machine: dict, rounds: int) -> dict:
    sides = [("a", sys.executable, "rushlight"), ("b", sys.executable, "torch")]
    row = compare.measure(workload, sides, rounds)
    if "errors" in row:
        raise RuntimeError(f"speed_report: {workload} failed: {row['errors']}")
    operators = roofline.count_operators(workload)
    return {**row, **roofline.floor_of(operators, machine, roofline.cache_sizes())}


def table_row(row: dict) -> str:
    floor = row["floor_ms"]
    # Below a hundredth of the time the floor says nothing: the step is calls, not arithmetic.
    times = number(row["a_ms"] / floor) if floor > 0.01 * row["a_ms"] else ""
    cells = [row["workload"], number(row["a_ms"]), number(row["b_ms"]), f"{row['ratio']:.2f}x"]
    cells += [number(row[k]) for k in ("gflop", "compute_ms", "memory_ms", "floor_ms")]
    cells += [times, f"{row['a_mb']:.0f}", f"{row['b_mb']:.0f}"]
    return "| " + " | ".join(cells) + " |"


def machine_text(machine: dict) -> tuple[str, str]:
    names = {"engine": "our engine", "onednn": "oneDNN called bare", "own": "our own kernels"}
    products = "; ".join(
        f"{threads} thread{'s' * (threads != '1')} "
        + ", ".join(f"{names[way]} {rate:.0f}" for way, rate in ways.items())
        for threads, ways in machine["gflops"].items()
    )
    lines = [
        "| GB/s | "
        + " | ".join(
            f"{level}, {n} core{'s' * (n != '1')}"
            for n in machine["gbs"]
            for level in machine["gbs"][n]
        )
        + " |"
    ]
    lines.append("| --- |" + " ---: |" * (lines[0].count("|") - 2))
    for kind in ("read", "write", "copy"):
        rates = [levels[level][kind] for levels in machine["gbs"].values() for level in levels]
        lines.append(f"| {kind} | " + " | ".join(f"{rate:.0f}" for rate in rates) + " |")
    return f"float32 products, GFLOP/s: {products}.", "\n".join(lines)


def write_report(kept: dict) -> None:
    products, bandwidth = machine_text(kept["machine"])
    text = HEAD.format(machine=kept["line"], products=products, bandwidth=bandwidth)
    rows = [kept["rows"][name] for name in compare.ALL if name in kept["rows"]]
    text += "\n".join(map(table_row, rows)) + "\n"
    mean = math.exp(sum(math.log(row["ratio"]) for row in rows) / len(rows))
    text += f"\nGeometric mean: {mean:.2f}x faster than PyTorch.\n"
    if os.path.exists(NOTES):
        with open(NOTES) as f:
            text += "\n" + f.read()
    with open(REPORT, "w") as f:
        f.write(text)


def main() -> int:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument(
        "--text-only", action="store_true", help="write the report from the rows of last time"
    )
    p.add_argument("workloads", nargs="*", metavar="workload")
    o = p.parse_args()
    kept: dict = {"rows": {}}
    if os.path.exists(ROWS):
        with open(ROWS) as f:
            kept = json.load(f)
    if not o.text_only:
        kept["machine"], kept["line"] = roofline.measure_machine(), roofline.machine_line()
        roofline.print_machine(kept["machine"])
        for name in o.workloads or compare.ALL:
            kept["rows"][name] = measure(name, kept["machine"], o.rounds)
            print(table_row(kept["rows"][name]), flush=True)
        with open(ROWS, "w") as f:
            json.dump(kept, f, indent=1)
            f.write("\n")
    write_report(kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
