"""Arguments that point outside of a tensor's memory are refused, in PyTorch's words."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight import _C

LONG = torch.int64


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


def index(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=LONG)


def gru(state: torch.Tensor, weights: list[torch.Tensor], layers: int = 1):
    return torch.gru(zeros(3, 2, 5), state, weights, False, layers, 0.0, False, False, False)


def lstm(*states: torch.Tensor):
    weights = [zeros(16, 5), zeros(16, 4)]
    return torch.lstm(zeros(3, 2, 5), list(states), weights, False, 1, 0.0, False, False, False)


def running(shape: tuple[int, ...], training: bool):
    return torch.nn.functional.batch_norm(
        zeros(2, 4, 3), zeros(*shape), zeros(*shape), training=training
    )


GRU = [zeros(12, 5), zeros(12, 4)]
SHAPES = "source tensor shape must match self tensor shape, excluding the specified dimension. "
VECTOR = "Expected weight to be a vector of size equal to the number of channels in input"

# Text recorded from PyTorch 2.13.
REFUSED = {
    "strides that overflow": (
        lambda: zeros(4).as_strided((2,), (2**62,)),
        "Storage size calculation overflowed with sizes=[2] and strides=[4611686018427387904]",
    ),
    "an offset that overflows": (
        lambda: zeros(4).as_strided((2,), (1,), 2**62),
        "Storage size calculation overflowed with sizes=[2] and strides=[1]",
    ),
    "scatter from fewer dimensions": (
        lambda: zeros(3, 5).scatter_(0, index(3, 5), zeros(3)),
        "Index tensor must have the same number of dimensions as src tensor",
    ),
    "scatter from a number": (
        lambda: zeros(3, 5).scatter_(0, index(3, 5), torch.tensor(1.0)),
        "Index tensor must have the same number of dimensions as src tensor",
    ),
    "index_add of other rows": (
        lambda: zeros(5, 100).index_add_(0, index(2), zeros(2, 3)),
        SHAPES + "Got self.shape = [5, 100] source.shape = [2, 3]",
    ),
    "index_add of a number": (
        lambda: zeros(5, 100).index_add_(0, index(1), torch.tensor(1.0)),
        SHAPES + "Got self.shape = [5, 100] source.shape = []",
    ),
    "no weights": (lambda: gru(zeros(1, 2, 4), []), "Expected more weights in stacked_rnn"),
    "too few states": (
        lambda: gru(zeros(1, 2, 4), GRU, 2),
        "Expected more hidden states in stacked_rnn",
    ),
    "too few weights": (
        lambda: gru(zeros(2, 2, 4), GRU, 2),
        "Expected more weights in stacked_rnn",
    ),
    "no layers": (
        lambda: gru(zeros(1, 2, 4), GRU, 0),
        "Expected more hidden states in stacked_rnn",
    ),
    "one state for an LSTM": (lambda: lstm(zeros(1, 2, 4)), "lstm expects two hidden states"),
    "no state for a cell": (
        lambda: torch.lstm_cell(zeros(2, 5), [], zeros(16, 5), zeros(16, 4)),
        "lstm_cell expects two hidden states",
    ),
    "adaptive_avg_pool1d to nothing": (
        lambda: torch.adaptive_avg_pool1d(zeros(2, 3, 4), []),
        "adaptive_avg_pool1d() argument 'output_size' should contain one int (got 0)",
    ),
    "adaptive_max_pool1d to two": (
        lambda: torch.adaptive_max_pool1d(zeros(2, 3, 4), [1, 2]),
        "adaptive_max_pool1d() argument 'output_size' should contain one int (got 2)",
    ),
    "native_group_norm of another size": (
        lambda: torch.native_group_norm(zeros(2, 4, 3), None, None, 2, 4, 5, 2, 1e-5),
        "Expected X.numel() == N * C * HxW to be true, but got",
    ),
    "native_group_norm of 2**62 pixels": (
        lambda: torch.native_group_norm(zeros(8), None, None, 4, 2**62, -1, 2, 1e-5),
        "Expected X.numel() == N * C * HxW to be true, but got",
    ),
    "native_group_norm with a short weight": (
        lambda: torch.native_group_norm(zeros(2, 4, 3), zeros(3), None, 2, 4, 3, 2, 1e-5),
        VECTOR + ", but got weight of shape [3] and input of shape [2, 4, 3]",
    ),
    "native_group_norm without groups": (
        lambda: torch.native_group_norm(zeros(2, 4, 3), None, None, 2, 4, 3, 0, 1e-5),
        "Expected num groups to be greater than 0, got 0",
    ),
    "nll_loss weights of fewer bytes": (
        lambda: torch.nn.functional.nll_loss(zeros(3, 5).double(), index(3), weight=torch.ones(5)),
        "expected scalar type Double but found Float",
    ),
    "nll_loss weights of more bytes": (
        lambda: torch.nn.functional.nll_loss(zeros(3, 5), index(3), weight=torch.ones(5).double()),
        "expected scalar type Float but found Double",
    ),
    "a dilation that wraps": (
        lambda: torch.max_pool2d(zeros(1, 8, 8), 5, dilation=2**62),
        "value cannot be converted to type int without overflow",
    ),
    "a window of 2**33 rows": (
        lambda: torch.nn.functional.avg_pool2d(zeros(1, 8, 8), 2**33, padding=2**32),
        "value cannot be converted to type int without overflow",
    ),
    "a fold of 2**64 pixels": (
        lambda: torch.nn.functional.fold(zeros(1, 4, 25), (4, 4), 2**32, padding=2**31),
        "Given kernel_width = 4294967296 and kernel_height = 4294967296 the product of "
        "kernel_width and kernel_height overflowed.",
    ),
    "an unfold of 2**64 pixels": (
        lambda: torch.nn.functional.unfold(zeros(1, 1, 8, 8), 2**32, padding=2**31),
        "Given kernel_width = 4294967296 and kernel_height = 4294967296 the product of "
        "kernel_width and kernel_height overflowed.",
    ),
    "2**63 repeats": (
        lambda: torch.repeat_interleave(zeros(2), index(2) + 2**62),
        "repeat_interleave: the result would have 9223372036854775808 elements",
    ),
    "2**61 repeats": (
        lambda: torch.repeat_interleave(zeros(2), 2**60),
        "Storage size calculation overflowed with sizes=[2305843009213693952]",
    ),
    "a range of 2**64 - 1 numbers": (
        lambda: torch.arange(-(2**63), 2**63 - 1, 1),
        "invalid size, possible overflow?",
    ),
    "a range of 1e300 numbers": (
        lambda: torch.arange(0, 1e300, 1),
        "invalid size, possible overflow?",
    ),
    "fewer strides than sizes": (
        lambda: torch.empty_strided((8, 2), (1,)),
        "dimensionality of sizes (2) must match dimensionality of strides (1)",
    ),
    "more strides than sizes": (
        lambda: zeros(2).new_empty_strided((1,), (1, 2)),
        "dimensionality of sizes (1) must match dimensionality of strides (2)",
    ),
    "counts below zero": (
        lambda: torch.repeat_interleave(index(2) - 1),
        "repeats can not be negative",
    ),
    "sizes of another rank": (
        lambda: _C.ops.upsample_bicubic2d(zeros(1, 1, 4, 4), [8, 8, 8], True),
        "It is expected output_size equals to 2, but got size 3",
    ),
    "scales of another rank": (
        lambda: _C.ops.upsample_bicubic2d(zeros(1, 1, 4, 4), None, True, [2.0]),
        "Expected 2 scale factors, but got 1",
    ),
    "a table of running statistics": (
        lambda: running((2, 2), True),
        "TensorAccessor expected 1 dims but tensor has 2",
    ),
    "a table of statistics to use": (
        lambda: running((2, 2), False),
        "TensorAccessor expected 1 dims but tensor has 2",
    ),
}


@pytest.mark.parametrize("call,text", REFUSED.values(), ids=REFUSED)
def test_refused(call, text: str) -> None:
    with pytest.raises(RuntimeError) as error:
        call()
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    "states", [(zeros(1, 2, 4), zeros(2, 2, 4)), (zeros(1, 2, 4), zeros(0, 2, 4))]
)
def test_lstm_states_of_other_depths(states) -> None:
    with pytest.raises(RuntimeError, match="the two hidden states are of"):
        lstm(*states)


@pytest.mark.parametrize("cell,gates", [(torch.lstm_cell, 4), (torch.gru_cell, 3)])
def test_cells_with_weights_of_too_few_gates(cell, gates: int) -> None:
    state = zeros(2, 4)
    with pytest.raises(RuntimeError, match=f"Expected weights of {gates} gates"):
        cell(zeros(2, 5), [state, state] if gates == 4 else state, zeros(2, 5), zeros(2, 4))


def test_a_packed_sequence_of_nothing() -> None:
    with pytest.raises(RuntimeError, match="batch_sizes is empty"):
        torch.gru(zeros(0, 5), index(0), zeros(1, 2, 4), GRU, False, 1, 0.0, False, False)


def test_equal_has_no_out() -> None:
    with pytest.raises(TypeError, match=r"equal\(\) got an unexpected keyword argument 'out'"):
        torch.equal(zeros(2), zeros(2), out=zeros(2))


@pytest.mark.parametrize("unique", [torch.unique, torch.unique_consecutive])
@pytest.mark.parametrize("dim", [0, -1])
def test_unique_along_a_dimension_of_a_number(unique, dim: int) -> None:
    with pytest.raises(IndexError, match=f"Dimension specified as {dim} but tensor has no dim"):
        unique(torch.tensor(1.0), dim=dim)


def test_topk_of_a_number() -> None:
    values, indices = torch.topk(torch.tensor(3.0), 0)
    assert (values.item(), indices.item()) == (3.0, 0)


def test_a_step_beyond_all_sizes() -> None:
    assert torch.arange(10)[:: 2**63 - 1].tolist() == [0]
    assert torch.arange(10)[4 :: 2**62].tolist() == [4]
    assert torch.arange(20).reshape(10, 2)[:: 2**63 - 1].tolist() == [[0, 1]]


def test_indices_without_memory() -> None:
    at = torch.zeros(2, dtype=LONG, device="meta")
    assert torch.zeros(3, device="meta")[at].shape == (2,)
    x = torch.zeros(3, device="meta")
    x[at] = 1.0
    assert x.is_meta
    with pytest.raises(RuntimeError, match="indices should be either on cpu or on the same device"):
        zeros(3)[at]
