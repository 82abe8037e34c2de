"""PyTorch's module database handed to both libraries: samples, translation, one call of a module, comparison."""

from __future__ import annotations

import copy
import dataclasses
import importlib
from collections import OrderedDict
from typing import Any

import numpy as np
import torch

import rushlight
from rushlight import nn

database = importlib.import_module("torch.testing._internal.common_modules").module_db

# The samples hold float64 random numbers for the pooling and float32 inputs, which PyTorch refuses.
UNFIT = {"FractionalMaxPool2d", "FractionalMaxPool3d"}

# PyTorch's own tolerances (torch.testing.assert_close): relative, absolute.
TOLERANCES = {"float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


class Translator:
    """Turns PyTorch's objects into ours; the same object gives the same result."""

    def __init__(self) -> None:
        self.known: dict[int, object] = {}

    def __call__(self, value: Any) -> Any:
        if id(value) not in self.known:
            self.known[id(value)] = self._translate(value), value
        return self.known[id(value)][0]

    def _translate(self, value: Any) -> Any:
        if isinstance(value, torch.nn.Module):
            return self._module(value)
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, torch.dtype):
            return getattr(rushlight, str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return rushlight.device(str(value))
        if isinstance(value, torch.Size):
            return rushlight.Size(value)
        if isinstance(value, OrderedDict):
            return OrderedDict((k, self(v)) for k, v in value.items())
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return type(value)(self(v) for v in value)
        if isinstance(value, torch.nn.LinearCrossEntropyOptions):
            fields = dataclasses.asdict(value)
            return nn.LinearCrossEntropyOptions(**{k: self(v) for k, v in fields.items()})
        name = getattr(value, "__name__", None)
        if name and hasattr(torch.nn.functional, name):
            return getattr(nn.functional, name)
        return value

    def _tensor(self, value: torch.Tensor) -> Any:
        plain = value.detach()
        flat = rushlight.from_numpy(plain.as_strided((_span(plain),), (1,)).numpy().copy())
        if plain.numel():
            result = flat.as_strided(tuple(plain.shape), plain.stride()).detach()
        else:
            result = flat.reshape(tuple(plain.shape))
        if isinstance(value, torch.nn.Parameter):
            return nn.Parameter(result, value.requires_grad)
        return result.requires_grad_(value.requires_grad)

    def _module(self, value: torch.nn.Module) -> Any:
        file = importlib.import_module(type(value).__module__.replace("torch", "rushlight", 1))
        kind = getattr(file, type(value).__name__)
        result = kind.__new__(kind)
        state = {k: v for k, v in value.__dict__.items() if k != "_flat_weight_refs"}
        result.__setstate__({k: self(v) for k, v in state.items()})
        return result


def _span(t: torch.Tensor) -> int:
    """How many elements of the memory a tensor reaches over, from its first."""
    if not t.numel():
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride()))


def samples(info: Any, training: bool, dtype: Any = torch.float32) -> list[Any]:
    """The samples of a layer; their numbers are the same in every run."""
    torch.manual_seed(0)
    return list(
        info.module_inputs_func(
            info, device="cpu", dtype=dtype, requires_grad=True, training=training
        )
    )


def build(library: Any, kind: Any, args: Any, kwargs: Any, training: bool, dtype: str) -> Any:
    """A module of the dtype with the weights that seed 0 gives."""
    library.manual_seed(0)
    return kind(*args, **kwargs).to(getattr(library, dtype)).train(training)


def both(info: Any, sample: Any, training: bool, dtype: str) -> tuple[Any, Any]:
    """The module of a sample in PyTorch and in Rushlight."""
    given, translate = sample.constructor_input, Translator()
    args, kwargs = copy.deepcopy(given.args), copy.deepcopy(given.kwargs)
    expected = build(torch, info.module_cls, args, kwargs, training, dtype)
    ours = getattr(nn, info.module_cls.__name__)
    args, kwargs = translate(list(given.args)), translate(given.kwargs)
    return expected, build(rushlight, ours, args, kwargs, training, dtype)


def tensors(value: Any, kind: Any) -> list[Any]:
    """The tensors inside of lists and tuples, in order."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for member in value for t in tensors(member, kind)]
    return []


def arguments(call: Any, change: Any = None) -> tuple[Any, Any]:
    """Arguments and keywords of a call of a module with fresh leaves; `change` alters the tensors."""
    known: dict = {}
    return as_leaves(list(call.args), known, change), as_leaves(call.kwargs, known, change)


def as_leaves(value: Any, known: dict, change: Any = None) -> Any:
    """The arguments with every tensor replaced by a leaf; the same tensor gives the same leaf."""
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            plain = value.detach().clone()
            plain = change(plain) if change is not None else plain
            known[id(value)] = plain.requires_grad_(value.requires_grad), value
        return known[id(value)][0]
    if isinstance(value, (list, tuple)):
        return type(value)(as_leaves(member, known, change) for member in value)
    if isinstance(value, dict):
        return {key: as_leaves(member, known, change) for key, member in value.items()}
    return value


def run(library: Any, module: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Output, gradients and buffers of one call, as numpy arrays."""
    library.manual_seed(1)
    outputs = tensors(module(*args, **kwargs), library.Tensor)
    wanted = [t for t in outputs if t.requires_grad]
    if wanted:
        library.autograd.backward(wanted, [weights_like(library, t) for t in wanted])

    def array(t: Any) -> Any:
        return None if t is None else t.detach().numpy()

    return {
        "outputs": [array(t) for t in outputs],
        "inputs": [array(t.grad) for t in tensors(list(args), library.Tensor)],
        "parameters": {name: array(p.grad) for name, p in module.named_parameters()},
        "buffers": {name: array(b) for name, b in module.named_buffers()},
    }


def weights_like(library: Any, t: Any) -> Any:
    """Numbers of both signs and of size 1, the gradient that backward starts from."""
    values = np.cos(np.arange(t.numel(), dtype=np.float64)).reshape(tuple(t.shape))
    return library.from_numpy(np.asarray(values)).to(t.dtype)


def flat(value: Any, where: str = "") -> dict[str, Any]:
    """The arrays of `run` by their places."""
    if isinstance(value, (dict, list)):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, m in members for k, v in flat(m, f"{where}/{key}").items()}
    return {where: value}


def differing(actual: dict[str, Any], expected: dict[str, Any], where: str) -> list[str]:
    """Places whose values are further apart than PyTorch's tolerance for their dtype."""
    got, wanted = flat(actual), flat(expected)
    assert list(got) == list(wanted), where
    places = []
    for place, e in wanted.items():
        a = got[place]
        assert (a is None) == (e is None), f"{where}: {place}"
        if e is None:
            continue
        assert a.dtype == e.dtype and a.shape == e.shape, f"{where}: {place}"
        rtol, atol = TOLERANCES.get(str(e.dtype), TOLERANCES["float32"])
        if not np.allclose(a, e, rtol, atol, equal_nan=True):
            places.append(place)
    return places


def excess(ours: np.ndarray, theirs: np.ndarray, exact: np.ndarray) -> float:
    """How far our float32 values are outside of what is allowed, 0 if inside.

    Allowed is a distance from the float64 result of twice PyTorch's largest one, or of PyTorch's
    tolerance for the element.
    """
    finite = np.isfinite(exact)
    got, want = (np.abs(v.astype(np.float64) - exact)[finite] for v in (ours, theirs))
    rtol, atol = TOLERANCES["float32"]
    allowed = np.maximum(2 * want.max(initial=0), atol + rtol * np.abs(exact[finite]))
    return float(np.maximum(got - allowed, 0).max(initial=0))


def modes(info: Any) -> tuple[bool, ...]:
    """Training and, where it makes a difference, evaluation."""
    return (True, False) if info.train_and_eval_differ else (True,)
