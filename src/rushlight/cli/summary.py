"""`rushlight summary`: the layers of a model in a file, with sizes, parameters and multiply-adds."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

COLUMNS = ("output_size", "num_params", "mult_adds")


def parse(args: Sequence[str]) -> argparse.Namespace:
    p = argparse.ArgumentParser(
        prog="rushlight summary",
        description="Show the layers of a model: sizes, parameters, multiply-adds. `import torch` in the file reaches Rushlight.",
        epilog="example: rushlight summary net.py:Net --input-size 1,3,224,224",
    )
    p.add_argument(
        "model",
        help="FILE.py:NAME or MODULE:NAME; NAME is a model, or a class or function that makes one, with arguments "
        "if need be: 'net.py:Net(10)'",
    )
    p.add_argument(
        "--input-size",
        type=size,
        action="append",
        metavar="N,C,H,W",
        help="size of an input, batch included; once for each input. Without it only parameters are shown",
    )
    p.add_argument(
        "--dtype",
        action="append",
        metavar="DTYPE",
        help="dtype of each input, such as int64 (default: float32)",
    )
    p.add_argument("--depth", type=int, default=3, help="levels of nesting to show (default: 3)")
    p.add_argument(
        "--col-names",
        type=lambda text: text.split(","),
        metavar="NAME,...",
        help="columns: input_size, output_size, num_params, params_percent, kernel_size, mult_adds, trainable",
    )
    p.add_argument("--var-names", action="store_true", help="show attribute names too")
    p.add_argument("--mode", choices=("eval", "train"), default="eval")
    p.add_argument("--device")
    p.add_argument("-v", "--verbose", action="store_true", help="show every parameter")
    return p.parse_args(args)


def size(text: str) -> tuple[int, ...]:
    parts = text.replace("x", ",").strip("()[] ").split(",")
    try:
        return tuple(int(part) for part in parts if part.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1,3,224,224") from None


class Refused(Exception):
    """The command line cannot be carried out; the text says why."""


def load(target: str) -> Any:
    """The model that `FILE.py:NAME` or `MODULE:NAME` stands for."""
    from ..nn.modules.module import Module

    where, _, name = target.partition(":")
    if not name:
        raise Refused(f"{target!r}: expected FILE.py:NAME, such as net.py:Net")
    module = load_file(where) if where.endswith(".py") else load_module(where)
    found = evaluate(name, module)
    if not isinstance(found, Module) and callable(found):
        try:
            found = found()
        except TypeError as error:
            raise Refused(
                f"{name}() failed: {error}; give its arguments: '{where}:{name}(...)'"
            ) from error
    if not isinstance(found, Module):
        raise Refused(f"{name} in {where} is of type {type(found).__name__}, expected an nn.Module")
    return found


def load_file(path: str) -> ModuleType:
    from importlib.util import module_from_spec, spec_from_file_location

    if not os.path.isfile(path):
        raise Refused(f"no file {path}")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    name = os.path.splitext(os.path.basename(path))[0]
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


def load_module(name: str) -> ModuleType:
    from importlib import import_module

    sys.path.insert(0, os.getcwd())
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise Refused(f"no module {error.name}") from error


def evaluate(name: str, module: ModuleType) -> Any:
    """The value of an expression in the module, of which the user of the command is the author."""
    try:
        return eval(name, vars(module))
    except (NameError, AttributeError, SyntaxError) as error:
        known = sorted(
            n
            for n, v in vars(module).items()
            if isinstance(v, type) and v.__module__ == module.__name__
        )
        raise Refused(f"{name}: {error}; classes there: {', '.join(known) or 'none'}") from error


def main(args: Sequence[str]) -> int:
    options = parse(args)
    from ..compat import install

    install()
    import rushlight

    try:
        columns = options.col_names or (COLUMNS if options.input_size else None)
        dtypes = [dtype(name) for name in options.dtype] if options.dtype else None
        if dtypes and len(dtypes) != len(options.input_size or ()):
            raise Refused(f"{len(dtypes)} --dtype for {len(options.input_size or ())} --input-size")
        rushlight.summary(
            load(options.model),
            options.input_size,
            col_names=columns,
            depth=options.depth,
            device=options.device,
            dtypes=dtypes,
            mode=options.mode,
            row_settings=("depth", "var_names") if options.var_names else ("depth",),
            verbose=2 if options.verbose else 1,
        )
    except (Refused, ValueError, RuntimeError) as error:
        print(f"rushlight summary: {str(error).removeprefix('summary: ')}", file=sys.stderr)
        return 2 if isinstance(error, Refused) else 1
    return 0


def dtype(name: str) -> Any:
    import rushlight

    found = getattr(rushlight, name.rpartition(".")[2], None)
    if not isinstance(found, rushlight.dtype):
        raise Refused(f"--dtype: no dtype {name!r}; such as float32, int64, bool")
    return found
