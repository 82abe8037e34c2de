"""Run the workloads on two libraries in turn and print the ratio of their times.

    rushlight bench [options] [workload ...]            python benchmarks/compare.py ... is the same

Each workload runs in a fresh process, A then B, `--rounds` times; the figure is the median over rounds of each
process's median step. A ratio B/A above 1 means that A is faster. A library that cannot run a workload shows why.
`--b none` times A alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = (
    "quickstart mlp lenet resnet18 resnet50 resnet50_infer gpt lstm dataloader checkpoint pointwise "
    "op_overhead autograd_overhead"
).split()


def run(python: str, lib: str, workload: str) -> tuple[dict | None, str | None]:
    """One workload in a fresh process: its figures, or the last line of its complaint."""
    environment = dict(os.environ)
    if (
        "PYTHONPATH" in environment
    ):  # the child starts elsewhere, so that nothing is imported from here by chance
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(p) for p in folders if p)
    done = subprocess.run(
        [python, os.path.join(HERE, "workloads.py"), lib, workload],
        capture_output=True,
        text=True,
        timeout=900,
        cwd="/",
        env=environment,
    )
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return json.loads(done.stdout.strip().splitlines()[-1]), None


def measure(name: str, sides: list[tuple[str, str, str]], rounds: int) -> dict:
    """The row of one workload: milliseconds and megabytes of each side, or the errors."""
    seen: dict[str, list[dict]] = {side: [] for side, _, _ in sides}
    errors: dict[str, str] = {}
    for _ in range(rounds):
        for side, python, lib in sides:
            if side in errors:
                continue
            result, error = run(python, lib, name)
            if result is None:
                errors[side] = error or ""
            else:
                seen[side].append(result)
    if errors:
        return {"workload": name, "errors": errors}
    row: dict = {"workload": name}
    for side in seen:
        row[f"{side}_ms"] = statistics.median(r["median_s"] for r in seen[side]) * 1e3
        row[f"{side}_mb"] = statistics.median(r["peak_mb"] for r in seen[side])
    if "b" in seen:
        row["ratio"] = row["b_ms"] / row["a_ms"]
    return row


def show(row: dict) -> None:
    if "errors" in row:
        print(f"{row['workload']:18} failed: {row['errors']}", flush=True)
    elif "ratio" in row:
        print(
            f"{row['workload']:18} {row['a_ms']:15.3f} {row['b_ms']:15.3f} {row['ratio']:10.2f} "
            f"{row['a_mb']:8.0f} {row['b_mb']:8.0f}",
            flush=True,
        )
    else:
        print(
            f"{row['workload']:18} {row['a_ms']:15.3f} {'':15} {'':10} {row['a_mb']:8.0f}",
            flush=True,
        )


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(
        prog="rushlight bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--a", default="rushlight")
    p.add_argument("--b", default="torch", help="the other library, or none")
    p.add_argument("--python-a", default=sys.executable)
    p.add_argument("--python-b", default=sys.executable)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json", help="also write the rows to this file")
    p.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(ALL))
    o = p.parse_args(argv)
    unknown = [w for w in o.workloads if w not in ALL]
    if unknown:
        p.error(f"no workload {', '.join(unknown)}; one of: {', '.join(ALL)}")
    sides = [("a", o.python_a, o.a)] + ([("b", o.python_b, o.b)] if o.b != "none" else [])
    print(
        f"{'workload':18} {o.a:>12} ms {o.b:>12} ms {'ratio B/A':>10} {'MB A':>8} {'MB B':>8}",
        flush=True,
    )
    rows = []
    for name in o.workloads or ALL:
        rows.append(measure(name, sides, o.rounds))
        show(rows[-1])
    if o.json:
        with open(o.json, "w") as f:
            json.dump(rows, f, indent=1)
    return int(any("errors" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
