"""Printed text equals what PyTorch 2.13 printed (tests/golden/printing.json)."""

from __future__ import annotations

import json
import pathlib

import pytest

import rushlight as torch
from rushlight import _tensor_str

RECORDS = json.loads(
    (pathlib.Path(__file__).parent.parent / "golden" / "printing.json").read_text()
)


@pytest.fixture(autouse=True)
def default_options():
    torch.set_printoptions(profile="default")
    yield
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize(
    "record", RECORDS, ids=[f"{r['expr'][:40]}-{i}" for i, r in enumerate(RECORDS)]
)
def test_text(record):
    torch.set_printoptions(**record["options"])
    assert repr(eval(record["expr"], {"torch": torch})) == record["text"]


def test_subclass_prints_its_own_name():
    class Mine(torch.Tensor):
        pass

    assert repr(torch.ones(2).as_subclass(Mine)) == "Mine([1., 1.])"


def test_default_dtype_decides_the_dtype_suffix():
    x, y = torch.ones(1), torch.ones(1, dtype=torch.float64)
    torch.set_default_dtype(torch.float64)
    try:
        assert repr(x) == "tensor([1.], dtype=torch.float32)"
        assert repr(y) == "tensor([1.])"
    finally:
        torch.set_default_dtype(torch.float32)


def test_custom_function_name():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    y = Twice.apply(torch.ones(1, requires_grad=True))
    assert repr(y) == "tensor([2.], grad_fn=<TwiceBackward>)"


def test_options_round_trip_and_context():
    before = _tensor_str.get_printoptions()
    with _tensor_str.printoptions(precision=1, sci_mode=True):
        assert _tensor_str.get_printoptions()["precision"] == 1
        assert repr(torch.tensor([0.25])) == "tensor([2.5e-01])"
    assert _tensor_str.get_printoptions() == before


def test_format_with_a_spec_needs_a_number():
    assert f"{torch.tensor(2.0):.3f}" == "2.000"
    with pytest.raises(TypeError, match="unsupported format string"):
        format(torch.ones(2), ".2f")
