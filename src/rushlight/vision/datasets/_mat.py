"""Reading MATLAB files, which needs scipy."""

from __future__ import annotations

from typing import Any


def read_mat(path: str, *names: str, **options: Any) -> tuple[Any, ...]:
    """The variables `names` of a MATLAB file.

    Args:
        path: the file.
        names: which variables.
        options: as `scipy.io.loadmat` takes them.

    Raises:
        ImportError: scipy is not installed.
        RuntimeError: the file is no MATLAB file, or lacks a variable.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as e:
        raise ImportError(
            f'datasets: {path} is read by scipy, which is not installed: pip install "rushlight[vision]"'
        ) from e
    try:
        contents = loadmat(path, variable_names=names, **options)
    except (MatReadError, NotImplementedError, ValueError, TypeError, EOFError) as e:
        raise RuntimeError(f"{path}: not a readable MATLAB file: {e}") from e
    missing = [name for name in names if name not in contents]
    if missing:
        raise RuntimeError(f"{path}: no variable {', '.join(map(repr, missing))} in the file")
    return tuple(contents[name] for name in names)
