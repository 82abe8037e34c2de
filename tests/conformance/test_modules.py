"""Every layer with every sample of PyTorch's module database: state, output, gradients, printed form."""

from __future__ import annotations

import copy
import importlib
import warnings
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import rushlight  # noqa: E402
from rushlight import nn  # noqa: E402

database = importlib.import_module("torch.testing._internal.common_modules").module_db

# Sums of many float32 products in another order, relative to the largest of an array's values.
RTOL, ATOL = 1e-3, 1e-4

# The samples hold float64 random numbers for the pooling and float32 inputs, which PyTorch refuses.
UNFIT = {"FractionalMaxPool2d", "FractionalMaxPool3d"}


class Translator:
    """Turns PyTorch's objects into ours; the same object gives the same result."""

    def __init__(self) -> None:
        self.known: dict[int, object] = {}

    def __call__(self, value):
        if id(value) not in self.known:
            self.known[id(value)] = self._translate(value), value
        return self.known[id(value)][0]

    def _translate(self, value):
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
        name = getattr(value, "__name__", None)
        if name and hasattr(torch.nn.functional, name):
            return getattr(nn.functional, name)
        return value

    def _tensor(self, value):
        result = rushlight.from_numpy(value.detach().numpy().copy())
        if isinstance(value, torch.nn.Parameter):
            return nn.Parameter(result, value.requires_grad)
        return result.requires_grad_(value.requires_grad)

    def _module(self, value):
        file = importlib.import_module(type(value).__module__.replace("torch", "rushlight", 1))
        kind = getattr(file, type(value).__name__)
        result = kind.__new__(kind)
        state = {k: v for k, v in value.__dict__.items() if k != "_flat_weight_refs"}
        result.__setstate__({k: self(v) for k, v in state.items()})
        return result


def samples(info, training: bool):
    dtype = torch.float32 if torch.float32 in info.dtypes else sorted(info.dtypes, key=str)[0]
    return info.module_inputs_func(
        info, device="cpu", dtype=dtype, requires_grad=True, training=training
    )


def tensors(value, kind) -> list:
    if isinstance(value, kind):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for member in value for t in tensors(member, kind)]
    return []


def run(library, module, args, kwargs) -> dict:
    """Output, gradients and buffers of one call, as numpy arrays."""
    library.manual_seed(1)
    outputs = tensors(module(*args, **kwargs), library.Tensor)
    total = 0
    for t in outputs:
        if t.requires_grad:
            value = t.abs().sum() if t.is_complex() else t.sum()
            total = total + 0.7 * value + value * value
    if isinstance(total, library.Tensor):
        total.backward()

    def array(t):
        return None if t is None else t.detach().numpy()

    return {
        "outputs": [array(t) for t in outputs],
        "inputs": [array(t.grad) for t in tensors(list(args), library.Tensor)],
        "parameters": {name: array(p.grad) for name, p in module.named_parameters()},
        "buffers": {name: array(b) for name, b in module.named_buffers()},
    }


def close(actual, expected, where: str) -> None:
    if isinstance(expected, dict):
        assert list(actual) == list(expected), where
        for key in expected:
            close(actual[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(actual) == len(expected), where
        for i, (a, e) in enumerate(zip(actual, expected)):
            close(a, e, f"{where}[{i}]")
    elif expected is None:
        assert actual is None, where
    else:
        assert actual is not None, where
        assert actual.dtype == expected.dtype and actual.shape == expected.shape, where
        finite = np.abs(expected[np.isfinite(expected)])
        atol = ATOL * max(1.0, float(finite.max(initial=0)))
        np.testing.assert_allclose(actual, expected, RTOL, atol, err_msg=where)


def as_leaves(value, known: dict):
    """The arguments with every tensor replaced by a leaf; the same tensor gives the same leaf."""
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            known[id(value)] = value.detach().clone().requires_grad_(value.requires_grad)
        return known[id(value)]
    if isinstance(value, (list, tuple)):
        return type(value)(as_leaves(member, known) for member in value)
    if isinstance(value, dict):
        return {key: as_leaves(member, known) for key, member in value.items()}
    return value


def build(library, kind, args, kwargs, training):
    library.manual_seed(0)
    return kind(*args, **kwargs).train(training)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("info", database, ids=lambda info: info.module_cls.__name__)
def test_module(info, training: bool) -> None:
    name = info.module_cls.__name__
    ours = getattr(nn, name)
    for number, sample in enumerate(samples(info, training)):
        where = f"{name}, sample {number}"
        constructor, call = sample.constructor_input, sample.forward_input
        translate = Translator()
        args, kwargs = translate(list(constructor.args)), translate(constructor.kwargs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = build(
                torch,
                info.module_cls,
                copy.deepcopy(constructor.args),
                copy.deepcopy(constructor.kwargs),
                training,
            )
            actual = build(rushlight, ours, args, kwargs, training)
            assert repr(actual) == repr(expected), where
            for (k, a), (j, e) in zip(
                actual.state_dict().items(), expected.state_dict().items(), strict=True
            ):
                assert k == j, where
                if not torch.nn.parameter.is_lazy(e):
                    assert np.array_equal(a.numpy(), e.numpy()), f"{where}: {k}"
            if call is None or name in UNFIT:
                continue
            result = run(rushlight, actual, translate(list(call.args)), translate(call.kwargs))
            known: dict = {}
            args, kwargs = as_leaves(list(call.args), known), as_leaves(call.kwargs, known)
            reference = run(torch, expected, args, kwargs)
        close(result, reference, where)
