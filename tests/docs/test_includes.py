"""Who may include whom: the arrows of CONTRIBUTING.md, checked over every source file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "rushlight"
# What each folder of csrc/ may include, itself always included.
MAY = {"core": set(), "pool": set()}
MAY["dispatch"] = {"core"}
MAY["autograd"] = MAY["random"] = MAY["cpu"] = {"core", "dispatch", "pool"}
MAY["cpu"] = MAY["cpu"] | {"random"}
MAY["ops"] = {"core", "dispatch", "autograd", "random", "cpu", "pool"}
MAY["graph"] = MAY["cuda"] = MAY["ops"] | {"ops"}
MAY["bind"] = set(MAY) | {"bind"}
# Single includes against the arrows, each with its reason.
ALLOWED = {
    ("dispatch/op.h", "autograd"): "an operator's record names the node that its gradient makes",
    (
        "dispatch/call.cpp",
        "cpu",
    ): "pointwise operators are expressions, run by the shared loops from the call itself",
    (
        "autograd/node.cpp",
        "cpu",
    ): "waiting for another thread's addition to a leaf gives up the GIL",
}


def test_native_includes_follow_the_arrows():
    wrong = []
    for path in sorted((ROOT / "csrc").rglob("*")):
        if path.suffix in {".h", ".cpp", ".cu"}:
            inside = path.relative_to(ROOT / "csrc")
            folder = inside.parts[0]
            for target in re.findall(
                r'^\s*#\s*include\s+"([a-z_]+)/', path.read_text(), re.MULTILINE
            ):
                if (
                    target in MAY
                    and target not in MAY[folder] | {folder}
                    and (str(inside), target) not in ALLOWED
                ):
                    wrong.append(f"{inside} includes {target}/")
    assert not wrong, "\n".join(wrong)


def test_python_imports_are_relative_and_leave_the_front_alone():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        front = inside.parts[0] in {"cli", "compat", "hints", "__main__.py"}
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""] if node.level == 0 else []
                target = (
                    ((node.module or "") + "." + ".".join(a.name for a in node.names))
                    .strip(".")
                    .split(".")
                )
                if node.level == len(inside.parts) and target[0] in {"cli", "compat"} and not front:
                    wrong.append(f"{inside}:{node.lineno} imports {target[0]}")
            if not front and any(n.split(".")[0] in {"rushlight", "torch"} for n in names):
                wrong.append(
                    f"{inside}:{node.lineno} imports the package by name: write a relative import"
                )
    assert not wrong, "\n".join(wrong)
