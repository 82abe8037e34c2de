"""Every example of a public docstring and of the README is executed, its output compared."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight

ROOT = Path(__file__).resolve().parents[2]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Loaded by tests of their own, in processes of their own: they change how names look or import large libraries.
APART = ("rushlight.compat", "rushlight.cli", "rushlight.__main__", "rushlight._C")


def module_names():
    names = ["rushlight"]
    for info in pkgutil.walk_packages(rushlight.__path__, "rushlight."):
        if not info.name.startswith(APART):
            names.append(info.name)
    return names


@pytest.mark.parametrize("name", module_names())
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    failures: list[str] = []
    for case in finder.find(module, globs={}):
        case.globs.update({"rushlight": rushlight, "torch": rushlight})
        rushlight.manual_seed(0)
        runner.run(case, out=failures.append)
    assert not runner.summarize(verbose=False).failed, "".join(failures)


def test_compat_examples_in_a_process_of_their_own():
    code = "import doctest, sys, rushlight.compat as m; sys.exit(doctest.testmod(m).failed)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_examples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(
        str(ROOT / "README.md"), module_relative=False, optionflags=FLAGS
    )
    assert tried > 3
    assert not failed


def test_readme_names_files_that_exist():
    import re

    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_readme_has_exactly_two_set_up_commands():
    text = (ROOT / "README.md").read_text()
    block = text.split("```sh\n")[1].split("```")[0].strip().splitlines()
    commands = [line.split("#")[0].strip() for line in block]
    assert commands == [
        'pip install ".[demo]" && rushlight demo',
        'pip install ".[test]" && pytest',
    ]


def test_ci_is_a_valid_script():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(shlex.split("bash -n .ci/run"), cwd=ROOT, check=True)


def test_documents_are_short():
    assert len((ROOT / "AGENTS.md").read_text().splitlines()) <= 40
