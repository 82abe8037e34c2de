"""Methods of tensors whose functions live in modules that are loaded on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C
from ._registry import METHODS

_HOMES = {
    "..linalg._legacy": (
        "cholesky cholesky_inverse cholesky_solve cross det geqrf inverse logdet lu lu_solve matrix_exp matrix_power "
        "orgqr ormqr pinverse qr slogdet svd triangular_solve"
    ).split(),
    "..functional": "stft istft".split(),
}


def _late(home: str, name: str) -> Callable:
    def method(self, *args: Any, **kwargs: Any) -> Any:
        from importlib import import_module

        return getattr(import_module(home, __package__), name)(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"See `torch.{name}`."
    return method


for _home, _names in _HOMES.items():
    for _name in _names:
        if not hasattr(_C.Tensor, _name):
            METHODS.setdefault(_name, _late(_home, _name))
