"""In-place operators in a graph: the gradients of every sample of PyTorch's operator database, beside PyTorch's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import rushlight  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
import run_opinfo as driver  # noqa: E402
from module_samples import weights_like  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
MOST = 6  # samples of an operator
OPERATORS = [
    op
    for op in driver.op_db
    if op.inplace_variant is not None
    and op.supports_autograd
    and op.supports_dtype(torch.float64, "cpu")
    and op.name not in driver.RANDOM
]


def ours(op):
    """The in-place form: a method, or the `inplace` argument of a function."""
    prefix, _, name = op.name.rpartition(".")
    if prefix == "nn.functional":
        function = getattr(rushlight.nn.functional, name)
        return lambda t, *args, **kwargs: function(t, *args, **{**kwargs, "inplace": True})
    return getattr(rushlight.Tensor, op.inplace_variant.__name__, None)


def gradients(library, function, leaves, tensor, args, kwargs):
    library.manual_seed(1)
    changed = tensor.clone()
    result = function(changed, *args, **kwargs)
    assert result.data_ptr() == changed.data_ptr()
    total = (result * weights_like(library, result)).sum()
    return [result, *library.autograd.grad(total, leaves, allow_unused=True)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.full_name)
def test_gradients_of_in_place_operators(op) -> None:
    if ours(op) is None:
        pytest.skip(f"Rushlight has no {op.inplace_variant.__name__}")
    torch.manual_seed(0)
    for _, sample in zip(range(MOST), op.sample_inputs("cpu", torch.float64, requires_grad=True)):
        if sample.broadcasts_input or not isinstance(sample.input, torch.Tensor):
            continue
        made: list = []
        args = driver.to_lib(rushlight, (sample.input, *sample.args), made)
        kwargs = driver.to_lib(rushlight, sample.kwargs, made)
        theirs = [leaf for leaf, _ in made]
        try:
            expected = gradients(
                torch, op.inplace_variant, theirs, sample.input, sample.args, sample.kwargs
            )
        except (RuntimeError, NotImplementedError):
            continue  # a result of another dtype or shape cannot go in place
        got = gradients(
            rushlight, ours(op), [leaf for _, leaf in made], *args[:1], args[1:], kwargs
        )
        for a, e in zip(got, expected, strict=True):
            assert (a is None) == (e is None)
            if e is not None:
                driver.check(a, e)
