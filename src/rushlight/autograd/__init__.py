"""Automatic differentiation."""

from __future__ import annotations

from .. import _C
from . import graph
from ._backward import backward, grad
from .function import Function
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import Variable

__all__ = [
    "Variable",
    "Function",
    "backward",
    "grad",
    "grad_mode",
    "no_grad",
    "enable_grad",
    "set_grad_enabled",
    "inference_mode",
    "gradcheck",
    "gradgradcheck",
    "detect_anomaly",
    "set_detect_anomaly",
    "graph",
    "functional",
]

_LAZY = {
    "gradcheck": "gradcheck",
    "gradgradcheck": "gradcheck",
    "detect_anomaly": "anomaly_mode",
    "set_detect_anomaly": "anomaly_mode",
    "functional": None,
    "anomaly_mode": None,
    "forward_ad": None,
    "profiler": None,
}


def __getattr__(name: str):
    if name in _LAZY:
        import importlib

        home = _LAZY[name]
        module = importlib.import_module("." + (home or name), __name__)
        value = module if home is None else getattr(module, name)
        if not (home == name):
            globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} (rushlight) has no attribute {name!r}")


class _Engine:
    """The engine object that old code reaches as Variable._execution_engine."""

    @staticmethod
    def queue_callback(callback) -> None:
        _C._queue_backward_callback(callback)


Variable._execution_engine = _Engine()
