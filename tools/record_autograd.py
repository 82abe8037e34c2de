"""Records what the programs of tests/autograd show with PyTorch: tests/golden/autograd.json."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/autograd"))

from observe import plain  # noqa: E402

MODULES = ("views", "graph", "hooks", "function", "more", "overrides", "unsigned", "view_twins")


def main() -> None:
    warnings.simplefilter("ignore")
    golden = {
        f"{module}.{name}": plain(program(torch))
        for module in MODULES
        for name, program in importlib.import_module(f"programs_{module}").PROGRAMS.items()
    }
    lines = [f"{json.dumps(k)}: {json.dumps(golden[k])}" for k in sorted(golden)]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (ROOT / "tests/golden/autograd.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
