"""Hostile files cannot make the reader ask for much memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "make_hostile_files.py"

CODE = f"""
import importlib.util, resource, sys
import rushlight as torch
from rushlight.serialization import LoadError

spec = importlib.util.spec_from_file_location("make_hostile_files", {str(TOOL)!r})
tool = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = tool
spec.loader.exec_module(tool)
cases = list(tool.cases())
torch.load  # what loading itself imports counts before the limit
for case in cases[:40]:
    open("file" + case.suffix, "wb").write(case.data)
    try:
        torch.load("file" + case.suffix)
    except LoadError:
        pass
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 256 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for case in cases:
    open("file" + case.suffix, "wb").write(case.data)
    try:
        torch.load("file" + case.suffix)
    except LoadError:
        pass
print(len(cases))
"""


def test_every_hostile_file_within_256_mib(tmp_path):
    """A file that asks for 2**36 bytes gets a LoadError, not an attempt to allocate them."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150
