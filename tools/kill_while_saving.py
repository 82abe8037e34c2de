"""Kill processes while they save over a checkpoint, and count the checkpoints that are lost.

    python tools/kill_while_saving.py --kills 1000 [--seed 1] [--module torch]

A child saves a checkpoint over the old one again and again; at a random moment SIGKILL ends it. Then the file must load and
hold what one call of `save` wrote, whole. `--module torch` asks PyTorch the same question. The kills that left a
temporary file behind, or a broken checkpoint, are those which fell between the first and the last byte of a save.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ELEMENTS = 200_000  # of float32: a save takes some milliseconds, most of them in write and fsync
LONGEST_WAIT_S = 0.03  # several saves


class Count(NamedTuple):
    """What a number of kills did."""

    kills: int
    within_a_save: int
    lost: list[str]


def _save_for_ever(lib: Any, path: Path, first: int, ready: int) -> None:
    """Save step after step; a byte on `ready` says that the first save is about to begin."""
    step = first
    while True:
        values = lib.full((ELEMENTS,), float(step))
        if step == first:
            os.write(ready, b"!")
        lib.save({"step": step, "x": values}, path)
        step += 1


def _killed_child(run: Callable[[int], None], wait_s: float) -> None:
    """Fork a child that calls run(fd) and kill it `wait_s` after its first byte on fd."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run(writer)
        finally:
            os._exit(1)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    time.sleep(wait_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the child ended before it was killed")


def kill_saves(lib: Any, kills: int, seed: int, folder: Path) -> Count:
    """Kill a saving process `kills` times.

    Args:
        lib: rushlight or torch.
        kills: how many processes.
        seed: of the random moments.
        folder: an empty folder for the checkpoint.
    """
    rng = random.Random(seed)
    path = folder / "checkpoint.pt"
    lib.save({"step": 0, "x": lib.zeros(ELEMENTS)}, path)
    within, lost, step = 0, [], 0
    for number in range(kills):
        # The step tells which save wrote the file; a child's steps are above all those before.
        begin = step + 1
        _killed_child(
            lambda fd, begin=begin: _save_for_ever(lib, path, begin, fd),  # type: ignore[misc]
            rng.uniform(0, LONGEST_WAIT_S),
        )
        left = [p for p in folder.iterdir() if p != path]
        try:
            read = lib.load(path)
            whole = bool((read["x"] == float(read["step"])).all()) and read["step"] >= step
            reason = "" if whole else "mixed contents"
            step = read["step"]
        except Exception as error:
            reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        if reason:
            lost.append(f"kill {number}: {reason}")
            step += 1_000
            lib.save({"step": step, "x": lib.full((ELEMENTS,), float(step))}, path)
        within += bool(left or reason)
        for p in left:
            p.unlink()
    return Count(kills, within, lost)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", default="rushlight", help="rushlight or torch")
    options = parser.parse_args()
    lib = importlib.import_module(options.module)
    lib.set_num_threads(1)  # a forked child of PyTorch hangs in its threads
    with tempfile.TemporaryDirectory() as folder:
        count = kill_saves(lib, options.kills, options.seed, Path(folder))
    print(f"{count.kills} kills, {count.within_a_save} within a save, {len(count.lost)} lost")
    for line in count.lost[:10]:
        print(line)
    return len(count.lost) > 0


if __name__ == "__main__":
    sys.exit(main())
