"""Write docs/coverage.md from what tests/conformance/run_opinfo.py found.

    python tests/conformance/run_opinfo.py rushlight --json opinfo.json
    python tools/coverage.py opinfo.json [--floor 0.45]

With `--floor`, the exit status is 1 where the pass rate is lower.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "coverage.md"
HEAD = """\
# Coverage of PyTorch's operator database

Made by `tools/coverage.py`; do not edit. PyTorch 2.13 describes its operators with sample inputs (OpInfo). The
conformance tests run them on both libraries and compare values, shapes, dtypes and gradients for float32, float64,
int64 and bool. An operator passes when every sample agrees; "in part" means that some do.

"""
FAMILIES = ("nn.functional", "linalg", "fft", "special", "masked", "signal")


def family(name: str) -> str:
    return next((f for f in FAMILIES if name.startswith(f + ".")), "torch")


def pass_rate(rows: dict[str, dict]) -> float:
    counted = [r for r in rows.values() if r["status"] != "skip"]
    return sum(r["status"] == "pass" for r in counted) / max(len(counted), 1)


def page(rows: dict[str, dict]) -> str:
    table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    names: dict[str, list[str]] = collections.defaultdict(list)
    for name, row in sorted(rows.items()):
        table[family(name)][row["status"]] += 1
        names[row["status"]].append(name)
    text = HEAD + f"Pass rate: {pass_rate(rows):.3f}\n\n"
    text += "| family | pass | in part | fail | missing | not comparable |\n| --- | --- | --- | --- | --- | --- |\n"
    for f in sorted(table):
        text += (
            f"| {f} | "
            + " | ".join(str(table[f][s]) for s in ("pass", "part", "fail", "missing", "skip"))
            + " |\n"
        )
    text += "\n## Missing\n\n" + wrapped(names["missing"])
    for status, title in (("fail", "Failing"), ("part", "In part")):
        text += f"\n## {title}\n\n"
        for name in names[status]:
            row = rows[name]
            reason = (
                " ".join((row["error"] or "").split()).replace("|", "\\|").replace("`", "'")[:160]
            )
            text += f"- `{name}` ({row['ok']} of {row['ok'] + row['bad']}): {reason}\n"
        text += "" if names[status] else "None.\n"
    return text + "\n## Passing\n\n" + wrapped(names["pass"])


def wrapped(names: list[str]) -> str:
    import textwrap

    if not names:
        return "None.\n"
    return textwrap.fill(", ".join(f"`{n}`" for n in names), 118, break_on_hyphens=False) + "\n"


def main() -> int:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("json")
    p.add_argument("--out", type=Path, default=PAGE)
    p.add_argument("--floor", type=float)
    o = p.parse_args()
    rows = json.loads(Path(o.json).read_text())
    o.out.write_text(page(rows))
    rate = pass_rate(rows)
    print(f"wrote {o.out}: pass rate {rate:.3f}")
    if o.floor is not None and rate < o.floor:
        print(f"the pass rate {rate:.3f} is below the floor {o.floor}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
