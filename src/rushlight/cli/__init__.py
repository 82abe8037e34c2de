"""The `rushlight` command. Each subcommand lives in a module of its own and is imported when asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

USAGE = """\
usage: rushlight <command> ...

  run script.py [args]   run a PyTorch program on Rushlight (also -m module, -c code, -)
  demo                   train a LeNet on real images, with curves, a log and a checkpoint
  summary file.py:Net    layers of a model, with sizes, parameters and multiply-adds
  env                    versions, instruction level, threads, libraries, devices
  bench                  compare the speed with PyTorch's

`rushlight <command> --help` says more."""

COMMANDS = ("run", "demo", "summary", "env", "bench")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: this process') and return its exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    command = args.pop(0) if args else "--help"
    if command in ("-h", "--help", "help"):
        print(USAGE)
        return 0
    if command in ("-V", "--version"):
        from importlib.metadata import version

        print("rushlight", version("rushlight"))
        return 0
    if command not in COMMANDS:
        print(f"rushlight: no command {command!r}; one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    from importlib import import_module

    module = import_module(f".{command}", __name__)
    if command == "run":  # a program's own errors are shown as Python shows them
        return int(module.main(args))
    try:
        return int(module.main(args))
    except BrokenPipeError:  # as in `rushlight env | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
