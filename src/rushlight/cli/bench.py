"""`rushlight bench`: the workloads of `benchmarks/`, on this machine, beside PyTorch where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence


def find_benchmarks() -> str | None:
    """`benchmarks/compare.py` of the checkout that the package or the working directory belongs to."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for root in (os.path.dirname(os.path.dirname(package)), os.getcwd()):
        script = os.path.join(root, "benchmarks", "compare.py")
        if os.path.isfile(script) and os.path.isfile(
            os.path.join(root, "benchmarks", "workloads.py")
        ):
            return script
    return None


def main(args: Sequence[str]) -> int:
    script = find_benchmarks()
    if script is None:
        print(
            "rushlight bench: the workloads are in Rushlight's source, not in its wheel; run this command in a checkout",
            file=sys.stderr,
        )
        return 2
    from importlib.util import find_spec

    alone = [] if any(a.startswith("--b") for a in args) or find_spec("torch") else ["--b", "none"]
    return subprocess.run([sys.executable, script, *alone, *args]).returncode
