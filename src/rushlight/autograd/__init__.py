"""Automatic differentiation."""

from __future__ import annotations

from .. import _C
from . import graph
from ._backward import backward, grad
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

# The function must win over the module of the same name, so it is not loaded lazily.
from .gradcheck import gradcheck, gradgradcheck
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

_LAZY = frozenset({"functional", "forward_ad", "profiler"})


def __getattr__(name: str):
    from .._lazy import lacking, lazy_module

    if name not in _LAZY:
        lacking(__name__, name)
    return lazy_module(__name__, name)


class _Engine:
    """The engine object that old code reaches as Variable._execution_engine."""

    @staticmethod
    def queue_callback(callback) -> None:
        _C._queue_backward_callback(callback)


Variable._execution_engine = _Engine()
