"""Time operators on two libraries and print the ratios.

    python benchmarks/ops.py                              everything (8 to 10 minutes)
    python benchmarks/ops.py --quick                      forward and backward, contiguous, one round
    python benchmarks/ops.py "sum*" topk --sizes large    operators by name or pattern
    python benchmarks/ops.py --markdown                   writes docs/design/speed_ops.md

One process for each library, measured in turn, `--rounds` times; the figure is the median of the ratios. A ratio
B/A above 1 means that A, Rushlight, is faster. The operators are in `benchmarks/ops_cases.py`. "backward" is a forward
pass with its graph and the gradients of all floating inputs.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from typing import Any

from ops_cases import LAYOUTS, SIZES, Case, Inputs, all_cases

HERE = os.path.dirname(os.path.abspath(__file__))
REPORT = os.path.join(os.path.dirname(HERE), "docs", "design", "speed_ops.md")
NOTES = os.path.join(HERE, "notes", "ops.md")
SLOW = 1 / 1.2

# ---- in the process of one library


class Bench:
    """Runs cases on one library; the newest is kept between rounds."""

    def __init__(self, library: str, threads: int) -> None:
        self.torch = importlib.import_module(library)
        if threads:
            self.torch.set_num_threads(threads)
        self.key, self.step, self.calls = "", None, 1

    def prepare(self, case: Case) -> None:
        torch, inputs = self.torch, Inputs(self.torch, SIZES[case.size], case.mode)
        names = [
            w
            for w in dict.fromkeys(re.findall(r"(?<![\w.])[a-z]\w*", case.op.code))
            if hasattr(inputs, f"make_{w.rstrip('_')}")
        ]
        scope = {"torch": torch, "F": torch.nn.functional, "n": inputs.n}
        function = eval(f"lambda {', '.join(names)}: {case.op.code}", scope)
        values = [inputs.make(name) for name in names]
        if case.mode != "backward":
            self.step = lambda: function(*values)
            return
        wanted = [v.requires_grad_() for v in values if v.is_floating_point()]
        gradient = torch.ones_like(function(*values))
        self.step = lambda: torch.autograd.grad(function(*values), wanted, gradient)

    def measure(self, case: Case, seconds: float) -> float:
        """Median seconds of a call; at least one, about `seconds` together."""
        clock = time.perf_counter
        if case.key != self.key:
            self.step = None  # free the last case's memory first
            self.prepare(case)
            self.key = case.key
            self.step()
            start = clock()
            self.step()
            self.calls = max(1, int(5e-4 / (clock() - start)))
        step, calls, samples, end = self.step, range(self.calls), [], clock() + seconds
        while not samples or clock() < end:
            start = clock()
            for _ in calls:
                step()
            samples.append((clock() - start) / len(calls))
        return statistics.median(samples)


def serve(library: str, threads: int) -> int:
    bench, cases = Bench(library, threads), {case.key: case for case in all_cases()}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: Any = bench.measure(cases[request["key"]], request["seconds"])
        except Exception as e:  # what a library cannot do is a row of the table
            answer = f"{type(e).__name__}: {e}".splitlines()[0]
        print(json.dumps(answer), flush=True)
    return 0


# ---- in the process that compares


class Server:
    def __init__(self, library: str, threads: int) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                os.path.abspath(__file__),
                "--serve",
                library,
                "--threads",
                str(threads),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, key: str, seconds: float) -> float | str:
        assert self.process.stdin and self.process.stdout
        print(json.dumps({"key": key, "seconds": seconds}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        return json.loads(line) if line else "the process ended"


def compare(case: Case, a: Server, b: Server, rounds: int, seconds: float) -> dict:
    """{"key", "a_us", "b_us", "ratio"}, or {"key", "error"}."""
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        first, second = a.ask(case.key, seconds), b.ask(case.key, seconds)
        for side, answer in (("A", first), ("B", second)):
            if isinstance(answer, str):
                return {"key": case.key, "error": f"{side}: {answer}"}
        times.append((first, second))
    return {
        "key": case.key,
        "a_us": statistics.median(t[0] for t in times) * 1e6,
        "b_us": statistics.median(t[1] for t in times) * 1e6,
        "ratio": statistics.median(t[1] / t[0] for t in times),
    }


def selected(o: argparse.Namespace) -> list[Case]:
    cases = [c for c in all_cases() if c.size in o.sizes.split(",")]
    if o.modes:
        cases = [c for c in cases if c.mode in o.modes.split(",")]
    if o.operators:
        cases = [c for c in cases if any(fnmatch.fnmatch(c.op.name, p) for p in o.operators)]
    return cases


def geometric_mean(rows: list[dict]) -> float:
    return math.exp(sum(math.log(row["ratio"]) for row in rows) / len(rows))


def slow_rows(rows: list[dict]) -> list[dict]:
    return sorted((r for r in rows if r.get("ratio", 1) < SLOW), key=lambda r: r["ratio"])


def print_summary(rows: list[dict]) -> None:
    good = [r for r in rows if "ratio" in r]
    if good:
        print(f"geometric mean of {len(good)} ratios: {geometric_mean(good):.2f}")
    for row in slow_rows(rows):
        print(
            f"slower: {row['key']:48} {row['a_us']:12.1f} {row['b_us']:12.1f} us {row['ratio']:6.2f}"
        )
    for row in rows:
        if "error" in row:
            print(f"failed: {row['key']}: {row['error']}")


def markdown(rows: list[dict], line: str) -> str:
    found = {row["key"]: row for row in rows}
    good = [r for r in rows if "ratio" in r]

    def cell(op: str, size: str, mode: str) -> str:
        row = found.get(f"{op}/{size}/{mode}")
        return (
            ""
            if row is None or "ratio" not in row
            else f"{row['ratio']:.1f}"
            if row["ratio"] >= 2
            else f"{row['ratio']:.2f}"
        )

    names = list(dict.fromkeys(row["key"].split("/")[0] for row in rows))
    columns = [(mode, size) for mode in ("forward", "backward") for size in SIZES]
    text = [
        "# Speed of operators",
        "",
        "Written by `python benchmarks/ops.py --markdown`; the notes are kept in `benchmarks/notes/ops.md`.",
        "",
        line,
        "",
        "Time of PyTorch divided by ours: above 1 we are faster. Small is 8x8, medium 256x256, large 2048x2048; the expressions are",
        'in `benchmarks/ops_cases.py`. "backward" is a forward pass with its graph and all gradients.',
        "",
        f"Geometric mean of {len(good)} ratios: {geometric_mean(good):.2f}. Slower than PyTorch by more than 1.2x: {len(slow_rows(rows))}.",
        "",
        "| operator | " + " | ".join(f"{m} {s}" for m, s in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    text += [f"| {n} | " + " | ".join(cell(n, s, m) for m, s in columns) + " |" for n in names]
    modes = [*LAYOUTS, "float64", "float16", "bfloat16", "int64", "bool"]
    text += ["", "Layouts and dtypes, forward, medium / large:", ""]
    text += ["| operator | " + " | ".join(modes) + " |", "| --- |" + " ---: |" * len(modes)]
    for n in names:
        cells = [f"{cell(n, 'medium', m)} / {cell(n, 'large', m)}".strip(" /") for m in modes]
        if any(cells):
            text.append(f"| {n} | " + " | ".join(cells) + " |")
    text += [
        "",
        "Slower than PyTorch by more than 1.2x:",
        "",
        "| case | ours, us | PyTorch, us | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    text += [
        f"| {r['key']} | {r['a_us']:.1f} | {r['b_us']:.1f} | {r['ratio']:.2f} |"
        for r in slow_rows(rows)
    ]
    if os.path.exists(NOTES):
        with open(NOTES) as f:
            text += ["", f.read().rstrip()]
    return "\n".join(text) + "\n"


def options(argv: list[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("operators", nargs="*", help="names or patterns; default: all")
    p.add_argument("--a", default="rushlight")
    p.add_argument("--b", default="torch")
    p.add_argument("--sizes", default=",".join(SIZES), help="small,medium,large")
    p.add_argument(
        "--modes", help="forward,backward,transposed,gaps,float64,float16,bfloat16,int64,bool"
    )
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=0.02, help="of one measurement")
    p.add_argument("--threads", type=int, default=0, help="default: as each library chooses")
    p.add_argument("--quick", action="store_true", help="contiguous float32, one round")
    p.add_argument("--markdown", action="store_true", help=f"write {os.path.relpath(REPORT)}")
    p.add_argument("--json", help="also write the rows to this file")
    p.add_argument("--from-json", help="take the rows of an earlier run")
    p.add_argument("--serve", metavar="LIBRARY", help=argparse.SUPPRESS)
    o = p.parse_args(argv)
    if o.quick:
        o.rounds, o.modes = 1, o.modes or "forward,backward"
    return o


def run(o: argparse.Namespace) -> list[dict]:
    a, b = Server(o.a, o.threads), Server(o.b, o.threads)
    rows = []
    print(f"{'case':48} {o.a:>9} us {o.b:>9} us  ratio", flush=True)
    for case in selected(o):
        row = compare(case, a, b, o.rounds, o.seconds)
        rows.append(row)
        if "ratio" in row:
            print(
                f"{row['key']:48} {row['a_us']:12.1f} {row['b_us']:12.1f} {row['ratio']:6.2f}",
                flush=True,
            )
        else:
            print(f"{row['key']:48} {row['error']}", flush=True)
    return rows


def main(argv: list[str] | None = None) -> int:
    o = options(argv)
    if o.serve:
        return serve(o.serve, o.threads)
    if o.from_json:
        with open(o.from_json) as f:
            kept = json.load(f)
    else:
        from roofline import machine_line

        kept = {"line": machine_line(), "rows": run(o)}
    rows = kept["rows"]
    print_summary(rows)
    if o.json:
        with open(o.json, "w") as f:
            json.dump(kept, f, indent=1)
    if o.markdown:
        with open(REPORT, "w") as f:
            f.write(markdown(rows, kept["line"]))
    return int(any("error" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
