"""`rushlight env` and `rushlight bench`."""

from __future__ import annotations


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
    done = rushlight_command(
        "bench", "--b", "none", "--rounds", "1", "--json", "rows.json", "op_overhead", cwd=None
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "op_overhead" in done.stdout
    assert rushlight_command("bench", "no_such_workload").returncode == 2
