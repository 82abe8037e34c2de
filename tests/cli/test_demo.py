"""`rushlight demo`: what it promises to print, to write, to resume and to leave behind when interrupted."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

pytest.importorskip("sklearn")

LINE = re.compile(
    r"epoch +(\d+)/(\d+)  loss (\S+)  train accuracy (\S+)  test accuracy (\S+)  (\S+) examples/s",
    re.MULTILINE,
)


def test_digits(rushlight_command, tmp_path):
    done = rushlight_command("demo", timeout=300)
    assert done.returncode == 0, done.stderr
    rows = LINE.findall(done.stdout)
    assert len(rows) == int(rows[-1][1])
    assert float(rows[-1][4]) >= 0.97
    assert "the same prediction for 359 of 359 test images" in done.stdout
    out = tmp_path / "rushlight-demo"
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "checkpoint.pt").stat().st_size > 200_000
    assert any(p.name.startswith("events.out.tfevents") for p in (out / "runs").iterdir())


def test_resumed_training_equals_uninterrupted_training(rushlight_command, tmp_path):
    whole = rushlight_command("demo", "--epochs", "3", "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    program = (
        "import sys, rushlight.cli.demo as demo\n"
        "save = demo.Run.save\n"
        "def save_and_stop(run):\n"
        "    save(run)\n"
        "    if len(run.history) == 2: raise SystemExit(9)\n"
        "demo.Run.save = save_and_stop\n"
        "demo.main(['--epochs', '3', '--out', 'parts'])\n"
    )
    stopped = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert stopped.returncode == 9, stopped.stderr
    resumed = rushlight_command("demo", "--epochs", "3", "--out", "parts", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert LINE.findall(stopped.stdout)[0][:5] == LINE.findall(whole.stdout)[0][:5]
    assert [row[:5] for row in LINE.findall(resumed.stdout)] == [LINE.findall(whole.stdout)[2][:5]]


def test_interrupt_leaves_a_usable_checkpoint(rushlight_command, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "rushlight", "demo", "--epochs", "200"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch"):
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted in epoch" in errors
    assert "Traceback" not in errors
    resumed = rushlight_command("demo", "--epochs", "4", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "the same prediction" in resumed.stdout


def test_refusals(rushlight_command, tmp_path):
    assert "no checkpoint" in rushlight_command("demo", "--resume").stderr
    assert rushlight_command("demo", "--epochs", "0").returncode == 2
    (tmp_path / "file").write_text("")
    done = rushlight_command("demo", "--out", "file")
    assert done.returncode == 1
    assert "cannot make the folder" in done.stderr
