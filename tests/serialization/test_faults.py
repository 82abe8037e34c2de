"""A failing save leaves the old checkpoint as it was: errors, full disks, interrupts and kills at any point."""

from __future__ import annotations

import errno
import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight as torch

TOOL = Path(__file__).parents[2] / "tools" / "kill_while_saving.py"


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save("old", path)
    yield path
    assert torch.load(path) == "old"
    assert os.listdir(tmp_path) == ["checkpoint.pt"]


def test_unpicklable_object(old_file):
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        torch.save([torch.ones(1000), lambda: 1], old_file)


def test_file_too_large_for_the_limit(old_file):
    code = f"""
import resource, signal
import rushlight as torch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    torch.save(torch.ones(100_000), {str(old_file)!r})
except OSError as error:
    assert error.filename == {str(old_file)!r}, error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_full_device():
    with pytest.raises(OSError, match="No space left on device"):
        torch.save(torch.ones(100_000), "/dev/full")


def test_interrupt_while_writing(old_file, monkeypatch):
    def interrupted(fd):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        torch.save(torch.ones(1000), old_file)


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "real.pt", tmp_path / "link.pt"
    torch.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    torch.save(2, link)
    assert link.is_symlink() and torch.load(path) == 2
    assert path.stat().st_mode & 0o777 == 0o640


# --- every point ----------------------------------------------------------------------------------

CALLS = ("open", "fchmod", "write", "fsync", "close", "replace")


class Refusing:
    """Lets `allowed` system calls of a save pass; the next one fails for want of space."""

    def __init__(self, monkeypatch, allowed):
        self.allowed, self.refused = allowed, None
        for name in CALLS:
            monkeypatch.setattr(os, name, self.guarded(name, getattr(os, name)))

    def guarded(self, name, call):
        def checked(*args, **kwargs):
            if self.refused is None:
                self.allowed -= 1
                if self.allowed < 0:
                    self.refused = name
                    if name == "close":  # the system closes a file whose close reports an error
                        call(*args, **kwargs)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **kwargs)

        return checked


def test_no_space_at_any_system_call(old_file):
    refused = []
    value = [torch.ones(1000), torch.ones(200_000), torch.ones(3)]
    while True:
        with pytest.MonkeyPatch.context() as patch:
            refusing = Refusing(patch, len(refused))
            try:
                torch.save(value, old_file)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                assert error.filename == str(old_file), refusing.refused
            if refusing.refused is None:
                break
            refused.append(refusing.refused)
        read = torch.load(old_file)
        if read != "old":
            # From the rename on the new file is there, and whole.
            assert [x.numel() for x in read] == [1000, 200_000, 3]
            torch.save("old", old_file)
        assert os.listdir(old_file.parent) == ["checkpoint.pt"]
    assert set(refused) == set(CALLS)
    assert len(torch.load(old_file)) == 3
    torch.save("old", old_file)


class Refuses:
    def __reduce__(self):
        raise pickle.PicklingError("not this one")


@pytest.mark.parametrize("at", [0, 1, 7, 20])
def test_pickle_error_at_any_object(old_file, at):
    value = [{"step": n, "x": torch.ones(50_000)} for n in range(20)]
    value.insert(at, Refuses())
    with pytest.raises(pickle.PicklingError, match="not this one"):
        torch.save(value, old_file)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
# Python 3.12 and later warn of any fork beside other threads, here the engine's.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_killed_at_random_moments(tmp_path):
    """The file is always an old or a new one; `tools/kill_while_saving.py` does it a thousand times."""
    spec = importlib.util.spec_from_file_location("kill_while_saving", TOOL)
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool
    spec.loader.exec_module(tool)
    count = tool.kill_saves(torch, 30, 1, tmp_path)
    assert count.kills == 30 and count.lost == []
