"""What a small autograd program shows, as plain data that two libraries can be compared by."""

from __future__ import annotations

import math


def plain(value):
    """Tensors become nested lists, numbers are rounded, everything else stays or becomes text."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else str(value)
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "detach"):
        return plain(value.detach().clone().tolist())
    return type(value).__name__


def same(found, expected) -> bool:
    """Equal plain data; numbers may differ by float32's rounding."""
    if isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, float) and isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=2e-6, abs_tol=1e-6)
    return found == expected


def fn_name(tensor) -> str | None:
    """Name of a tensor's graph node."""
    return None if tensor.grad_fn is None else tensor.grad_fn.name()


def error(function, *args, **kwargs) -> str:
    """Class and first line of what the call raises."""
    try:
        function(*args, **kwargs)
    except Exception as raised:
        lines = str(raised).splitlines()
        return f"{type(raised).__name__}: {lines[0] if lines else ''}"
    return "no error"


def programs_of(namespace: dict) -> dict:
    """The programs defined in a module: functions of one argument, the library."""
    return {
        name: f
        for name, f in namespace.items()
        if not name.startswith("_")
        and callable(f)
        and getattr(f, "__code__", None)
        and f.__code__.co_varnames[:1] == ("torch",)
    }
