"""`Tensor(...)`, `FloatTensor(...)` and `x.new(...)` take what PyTorch's take and refuse what they refuse."""

from __future__ import annotations

import warnings

import numpy
import pytest

import rushlight

torch = pytest.importorskip("torch")

TYPES = [
    "Tensor",
    "FloatTensor",
    "DoubleTensor",
    "IntTensor",
    "LongTensor",
    "HalfTensor",
    "BoolTensor",
]
ARGUMENTS = {  # arguments, and whether values are written
    "int64 tensor": (lambda lib: (lib.tensor([1, 2]),), True),
    "float32 tensor": (lambda lib: (lib.tensor([1.5, 2.0]),), True),
    "float64 tensor": (lambda lib: (lib.tensor([1.5, 2.0]).double(),), True),
    "bool tensor": (lambda lib: (lib.tensor([True]),), True),
    "number tensor": (lambda lib: (lib.tensor(3),), True),
    "tensor of the graph": (lambda lib: (lib.ones(2, requires_grad=True),), True),
    "parameter": (lambda lib: (lib.nn.Parameter(lib.ones(2)),), True),
    "two tensors": (lambda lib: (lib.tensor([1, 2]), lib.tensor([1, 2])), True),
    "two number tensors": (lambda lib: (lib.tensor(1), lib.tensor(2)), False),
    "int array": (lambda lib: (numpy.array([1, 2]),), True),
    "float array": (lambda lib: (numpy.array([1.0, 2.0]),), True),
    "numpy number": (lambda lib: (numpy.int64(3),), False),
    "ints": (lambda lib: ([1, 2],), True),
    "floats": (lambda lib: ([1.5],), True),
    "nested": (lambda lib: ([[1, 2], [3, 4]],), True),
    "tensors": (lambda lib: ([lib.tensor(1), lib.tensor(2)],), True),
    "range": (lambda lib: (range(3),), True),
    "tuple": (lambda lib: ((2, 3),), True),
    "nothing": (lambda lib: (), True),
    "sizes": (lambda lib: (2, 3), False),
    "Size": (lambda lib: (lib.Size([2, 3]),), False),
    "float": (lambda lib: (2.5,), True),
    "None": (lambda lib: (None,), True),
    "bool": (lambda lib: (True,), True),
    "text": (lambda lib: ("a",), True),
    "untyped storage": (lambda lib: (lib.tensor([1.5, 2.0]).untyped_storage(),), True),
    "typed storage": (lambda lib: (lib.tensor([1.5, 2.0]).storage(),), True),
}


def outcome(make, arguments, written: bool):
    try:
        made = make(*arguments)
    except Exception as raised:
        return type(raised).__name__
    values = made.tolist() if written else None
    shown = [values, tuple(made.shape), str(made.dtype).rpartition(".")[2]]
    return [*shown, type(made.grad_fn).__name__, made is arguments[0] if arguments else None]


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
@pytest.mark.parametrize("kind", TYPES)
def test_same(kind: str, name: str) -> None:
    arguments, written = ARGUMENTS[name]

    def run(lib):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return outcome(getattr(lib, kind), arguments(lib), written)

    assert run(rushlight) == run(torch)


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_new(name: str) -> None:
    arguments, written = ARGUMENTS[name]

    def run(lib):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return outcome(lib.zeros(3).new, arguments(lib), written)

    assert run(rushlight) == run(torch)


def test_subclass_stays_in_the_graph() -> None:
    def run(lib):
        kind = type("Mine", (lib.Tensor,), {})
        x = lib.ones(2, requires_grad=True)
        made = kind(x)
        whole = kind(lib.tensor([1, 2]))
        shown = [type(made).__name__, type(made.grad_fn).__name__, type(lib.Tensor(whole)).__name__]
        return [*shown, type(whole).__name__, str(whole.dtype).rpartition(".")[2]]

    assert run(rushlight) == run(torch)
