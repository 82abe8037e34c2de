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
    from .._lazy import lacking, lazy_module, lazy_name

    if name not in _LAZY:
        lacking(__name__, name)
    home = _LAZY[name]
    return lazy_module(__name__, name) if home is None else lazy_name(__name__, home, name)


class _Engine:
    """The engine object that old code reaches as Variable._execution_engine."""

    @staticmethod
    def queue_callback(callback) -> None:
        _C._queue_backward_callback(callback)


Variable._execution_engine = _Engine()
