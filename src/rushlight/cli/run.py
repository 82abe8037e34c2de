"""`rushlight run`: execute a program as `python` would, with Rushlight standing where PyTorch is imported."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType, TracebackType

USAGE = """\
usage: rushlight run script.py [args ...]
       rushlight run -m module [args ...]
       rushlight run -c code [args ...]
       rushlight run - [args ...]

Runs a program exactly as `python` would; `import torch` and `import torchvision` in it reach Rushlight."""

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUR_FRAMES = tuple(os.path.join(PACKAGE, part) for part in ("cli", "compat", "__main__.py"))


def main(args: Sequence[str]) -> int:
    if not args or args[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if args else sys.stderr)
        return 0 if args else 2
    if args[0] in ("-m", "-c") and len(args) < 2:
        print(f"rushlight run: {args[0]} needs an argument\n{USAGE}", file=sys.stderr)
        return 2
    if args[0].startswith("-") and args[0] not in ("-m", "-c", "-"):
        print(f"rushlight run: unknown option {args[0]}\n{USAGE}", file=sys.stderr)
        return 2
    from ..compat import install

    install()
    try:
        _program(args)()
    except SystemExit:
        raise
    except BaseException as e:
        _report(e)
        if isinstance(e, KeyboardInterrupt):
            # Python ends an interrupted program by the signal itself (130 for a shell); keep that, printed once.
            sys.excepthook = lambda *_: None
            raise
        return 1
    return 0


def _program(args: Sequence[str]) -> Callable[[], None]:
    """Set `sys.argv`, `sys.path[0]` and `__main__` up and return what runs the program."""
    from pkgutil import get_importer
    from runpy import _run_module_as_main  # type: ignore[attr-defined]

    first = args[0]
    if first == "-m":
        sys.argv[:] = ["-m", *args[2:]]
        _main_module(None)
        _set_path(os.getcwd())
        return lambda: _run_module_as_main(args[1])
    if first == "-c":
        sys.argv[:] = ["-c", *args[2:]]
        _set_path("")
        return _executor(lambda: compile(args[1], "<string>", "exec", dont_inherit=True), None)
    sys.argv[:] = list(args)
    if first == "-":
        _set_path("")
        source = sys.stdin.buffer.read
        return _executor(lambda: compile(source(), "<stdin>", "exec", dont_inherit=True), None)
    path = os.path.abspath(first)
    if os.path.exists(path) and get_importer(path) is not None:  # a folder or zip with __main__.py
        _main_module(path)
        _set_path(path)
        return lambda: _run_module_as_main("__main__", False)
    _set_path(os.path.dirname(os.path.realpath(path)))
    return _executor(lambda: _read_code(path, first), path)


def _set_path(folder: str) -> None:
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _main_module(path: str | None) -> ModuleType:
    module = ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, __annotations__={})
    if path is not None:
        from importlib.machinery import SourceFileLoader

        module.__file__ = path
        module.__dict__["__cached__"] = None
        module.__loader__ = SourceFileLoader("__main__", path)
    sys.modules["__main__"] = module
    return module


def _executor(code: Callable[[], CodeType], path: str | None) -> Callable[[], None]:
    module = _main_module(path)

    def execute() -> None:
        exec(code(), module.__dict__)

    return execute


def _read_code(path: str, given: str) -> CodeType:
    from io import open_code
    from pkgutil import read_code

    try:
        with open_code(path) as f:
            compiled = read_code(f)
        if compiled is not None:
            return compiled
        with open_code(path) as f:
            source = f.read()
    except OSError as e:
        print(
            f"rushlight run: can't open file {path!r}: [Errno {e.errno}] {e.strerror}",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    return compile(source, path, "exec", dont_inherit=True)


def _report(error: BaseException) -> None:
    """Show an uncaught exception as the interpreter would, without the frames that belong to this command."""
    _trim(error, set())
    _name_missing(error)
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit:
        raise
    except BaseException:
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(*sys.exc_info())  # type: ignore[arg-type]
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)


def _trim(error: BaseException | None, seen: set[int]) -> None:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _without_our_frames(error.__traceback__)
        _trim(error.__cause__, seen)
        error = error.__context__


def _without_our_frames(tb: TracebackType | None) -> TracebackType | None:
    kept = []
    while tb is not None:
        if not tb.tb_frame.f_code.co_filename.startswith(OUR_FRAMES):
            kept.append(tb)
        tb = tb.tb_next
    for entry, following in zip(kept, [*kept[1:], None]):
        entry.tb_next = following
    return kept[0] if kept else None


def _name_missing(error: BaseException) -> None:
    """Say whose the missing attribute is when a program asks a tensor or a layer for what Rushlight lacks."""
    if not isinstance(error, AttributeError):
        return
    from .._names import SHOWN, lacks

    owner = error.obj if isinstance(error.obj, type) else type(error.obj)
    if owner.__module__.partition(".")[0] in SHOWN and "rushlight" not in str(error):
        note = f"({lacks(f'{owner.__qualname__}.{error.name}')})"
        if hasattr(error, "add_note"):
            error.add_note(note)
        else:  # Python 3.10
            error.args = (f"{error}\n{note}",)
