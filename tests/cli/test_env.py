"""`rushlight env` and `rushlight bench`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_env_names_what_a_report_needs(rushlight_command):
    done = rushlight_command("env", env={"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert {
        "rushlight",
        "python",
        "processor",
        "instructions",
        "threads",
        "oneDNN",
        "numpy",
        "devices",
    } <= set(rows)
    assert rows["devices"].startswith("cpu, meta")
    assert rows["threads"].startswith("1 of ")
    assert rows["OMP_NUM_THREADS"] == "1"


def test_bench_times_a_workload(rushlight_command, tmp_path):
    rows = tmp_path / "rows.json"
    done = rushlight_command(
        *("bench", "--b", "none", "--rounds", "1", "--json", str(rows), "op_overhead"), cwd=ROOT
    )
    assert done.returncode == 0, done.stderr + done.stdout
    (row,) = json.loads(rows.read_text())
    assert row["workload"] == "op_overhead"
    assert row["a_ms"] > 0
    assert rushlight_command("bench", "no_such_workload", cwd=ROOT).returncode == 2


def test_a_reader_that_stops_is_no_error():
    command = f"{sys.executable} -u -m rushlight env"
    reader = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], capture_output=True, text=True, timeout=120
    )
    assert reader.stdout.startswith("rushlight") and reader.stderr == ""
