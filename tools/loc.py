"""Lines per folder, and the files and functions that are longer than the house allows.

python tools/loc.py            the table
python tools/loc.py --check    exit status 1 where a file has more than 1,200 lines
"""

from __future__ import annotations

import ast
import collections
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".pyi", ".cpp", ".h", ".cu"}
LONG_FILE, LIMIT, LONG_FUNCTION = 800, 1200, 60


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = (ROOT / line for line in listed.stdout.splitlines())
    return [p for p in paths if p.suffix in SUFFIXES and p.is_file()]


def long_functions(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > LONG_FUNCTION:
                found.append((length, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"))
    return found


def main(args: list[str]) -> int:
    lines: collections.Counter[str] = collections.Counter()
    files, functions = [], []
    for path in sources():
        relative = path.relative_to(ROOT)
        count = len(path.read_text().splitlines())
        depth = 3 if relative.parts[0] == "src" else 2
        lines["/".join(relative.parts[:depth][: len(relative.parts) - 1]) or "."] += count
        if count > LONG_FILE and not {"generated", "golden"} & set(relative.parts):
            files.append((count, str(relative)))
        if path.suffix == ".py":
            functions += long_functions(path)
    for folder, count in sorted(lines.items()):
        print(f"{count:7}  {folder}")
    print(f"{sum(lines.values()):7}  in all")
    print(
        f"\nfiles of more than {LONG_FILE} lines:",
        *(f"\n{n:7}  {name}" for n, name in sorted(files, reverse=True)),
    )
    print(
        f"\nPython functions of more than {LONG_FUNCTION} lines:",
        *(f"\n{n:7}  {name}" for n, name in sorted(functions, reverse=True)),
    )
    return int("--check" in args and any(n > LIMIT for n, _ in files))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
