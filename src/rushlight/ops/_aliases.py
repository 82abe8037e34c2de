"""Second names of operators: one line each, for the function, the method and their in-place twins."""

from __future__ import annotations

from .. import _C
from ._registry import FUNCTIONS, METHODS

ALIASES = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "fix": "trunc",
    "ger": "outer",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "moveaxis": "movedim",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "row_stack": "vstack",
    "subtract": "sub",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "true_divide": "div",
}


def apply() -> None:
    """Give every alias whose operator exists the operator itself; run after all families."""
    for alias, name in ALIASES.items():
        for suffix in ("", "_"):
            here, there = alias + suffix, name + suffix
            function = FUNCTIONS.get(there, _C._functions.get(there))
            if function is not None:
                FUNCTIONS.setdefault(here, function)
            method = METHODS.get(there, getattr(_C.Tensor, there, None))
            if method is not None:
                METHODS.setdefault(here, method)
