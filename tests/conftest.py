"""Fixtures that several folders share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def rushlight_run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Write a program to a file, execute it by `python -m rushlight run`, return the finished process."""

    def run(
        source: str, *args: str, name: str = "program.py", **options
    ) -> subprocess.CompletedProcess[str]:
        script = tmp_path / name
        script.write_text(source, encoding="utf-8")
        return command("run", name, *args, cwd=tmp_path, **options)

    return run


def command(*args: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    """Run the `rushlight` command in a fresh process."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "rushlight", *args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=options.pop("timeout", 120),
        **options,
    )


@pytest.fixture
def rushlight_command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the `rushlight` command with the given arguments in an empty folder."""

    def run(*args: str, **options) -> subprocess.CompletedProcess[str]:
        return command(*args, cwd=options.pop("cwd", tmp_path), **options)

    return run
