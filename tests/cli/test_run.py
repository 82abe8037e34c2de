"""`rushlight run` behaves as `python` does: arguments, paths, `__main__`, tracebacks, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile

import pytest

STATE = "import sys, os\nprint(sys.argv, sys.path[0] and os.path.realpath(sys.path[0]), __name__, __spec__, __file__)\n"


def both(tmp_path, args, **options):
    """The same command line by python and by rushlight run."""
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60, **options}
    plain = subprocess.run([sys.executable, *args], **options)
    ours = subprocess.run([sys.executable, "-m", "rushlight", "run", *args], **options)
    return plain, ours


def assert_same(plain, ours):
    assert ours.stdout == plain.stdout
    assert ours.stderr == plain.stderr
    assert ours.returncode == plain.returncode


@pytest.mark.parametrize(
    "program",
    [
        STATE,
        "import sys\nsys.exit(7)\n",
        "import sys\nsys.exit('a message')\n",
        "raise SystemExit\n",
        "def f():\n    raise ValueError('broken')\n\nf()\n",
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise RuntimeError('outer') from e\n",
        "x = (1\n",
        "# -*- coding: latin-1 -*-\nprint('caf\\xe9')\n",
        "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n1 / 0\n",
        "import atexit\natexit.register(print, 'bye')\n1 / 0\n",
        "import __main__\nx = 3\nprint(__main__.x, sorted(k for k in globals() if k != 'x'))\n",
        "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))))\n",
        "import threading\nt = threading.Thread(target=lambda: print('thread'))\nt.start()\n",
    ],
)
def test_program_behaves_as_under_python(tmp_path, program):
    (tmp_path / "program.py").write_text(program, encoding="latin-1")
    assert_same(*both(tmp_path, ["program.py", "a", "--b", "-m"]))


def test_symlinked_script_and_neighbour_import(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "neighbour.py").write_text("value = 5\n")
    (tmp_path / "real" / "program.py").write_text(
        "import neighbour\nprint(neighbour.value)\n" + STATE
    )
    os.symlink(tmp_path / "real" / "program.py", tmp_path / "link.py")
    assert_same(*both(tmp_path, ["link.py"]))


def test_module_code_and_stdin(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__main__.py").write_text("import sys\nprint(sys.argv, __package__)\n")
    assert_same(*both(tmp_path, ["-m", "pack", "x"]))
    assert_same(*both(tmp_path, ["-c", "import sys; print(sys.argv, __name__); sys.exit(3)", "x"]))
    assert_same(*both(tmp_path, ["-", "x"], input="import sys\nprint(sys.argv, sys.path[0])\n"))


def test_folder_and_zip(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("import sys\nprint(sys.argv, sys.path[0])\n")
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as z:
        z.write(tmp_path / "app" / "__main__.py", "__main__.py")
    assert_same(*both(tmp_path, ["app", "x"]))
    assert_same(*both(tmp_path, ["app.zip", "x"]))


def test_missing_script(tmp_path, rushlight_command):
    done = rushlight_command("run", "absent.py")
    assert done.returncode == 2
    assert "can't open file" in done.stderr
    assert "absent.py" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupt(tmp_path):
    (tmp_path / "program.py").write_text(
        "import atexit, os, signal, time\natexit.register(print, 'bye')\n"
        "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(10)\n"
    )
    plain, ours = both(tmp_path, ["program.py"])
    assert_same(plain, ours)
    assert ours.returncode == -signal.SIGINT


def test_usage(rushlight_command):
    assert rushlight_command("run").returncode == 2
    assert "usage: rushlight run" in rushlight_command("run", "--help").stdout
    assert rushlight_command("run", "-q").returncode == 2
    assert "run script.py" in rushlight_command("--help").stdout
    done = rushlight_command("frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr
