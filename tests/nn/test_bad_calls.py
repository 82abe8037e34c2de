"""Bad calls of layers and their functions: PyTorch's class and first line, and never a crash."""

from __future__ import annotations

import pytest

import rushlight as torch

F, nn = torch.nn.functional, torch.nn
z = torch.zeros


def long(*shape):
    return z(shape, dtype=torch.int64)


CALLS = {
    "label_smoothing": (
        lambda: F.cross_entropy(z(2, 3), long(2), label_smoothing=1.5),
        "label_smoothing must be between 0.0 and 1.0. Got: 1.5",
    ),
    "nll_loss weight": (
        lambda: F.nll_loss(z(2, 3), long(2), weight=z(3, dtype=torch.float64)),
        "expected scalar type Float but found Double",
    ),
    "max_pool2d rank": (
        lambda: F.max_pool2d(z(1, 2, 3, 4, 5), 2),
        "non-empty 3D or 4D (batch mode) tensor expected for input",
    ),
    "max_pool2d empty": (
        lambda: F.max_pool2d(z(2, 0, 4, 5), 2),
        "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:[2, 0, 4, 5]",
    ),
    "max_unpool1d rank": (
        lambda: F.max_unpool1d(z(5), long(5), 2),
        "Input to max_unpooling2d should be a 3d or 4d Tensor, but got a tensor with 2 dimensions.",
    ),
    "max_unpool3d rank": (
        lambda: F.max_unpool3d(z(2, 3, 5), long(2, 3, 5), 2),
        "Input to max_unpooling3d should be a 4d or 5d Tensor, but got a tensor with 3 dimensions.",
    ),
    "max_unpool2d empty": (
        lambda: F.max_unpool2d(z(2, 0, 5, 6), long(2, 0, 5, 6), 2),
        "max_unpooling2d_forward_out_cpu(): Expected input to have non-zero size for non-batch dimensions, "
        "but got [2, 0, 5, 6] with dimension 1 being empty.",
    ),
    "multi_margin_loss sizes": (
        lambda: F.multi_margin_loss(z(5, 10), long(3)),
        "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples "
        "(batch size). Expected target size [5], but got [3]. Input has shape [5, 10].",
    ),
    "multi_margin_loss class": (
        lambda: F.multi_margin_loss(z(2, 3), long(2) + 3),
        "target out of range",
    ),
    "cell input": (
        lambda: nn.GRUCell(4, 3)(z(2, 5), z(2, 3)),
        "input has inconsistent input_size: got 5 expected 4",
    ),
    "cell state": (
        lambda: nn.RNNCell(4, 3)(z(2, 4), z(2, 5)),
        "hidden0 has inconsistent hidden_size: got 5, expected 3",
    ),
    "cell batch": (
        lambda: nn.LSTMCell(4, 3)(z(2, 4), (z(2, 3), z(5, 3))),
        "Input batch size 2 doesn't match hidden1 batch size 5",
    ),
    "one state": (
        lambda: nn.LSTMCell(4, 3)(z(2, 4), (z(2, 3),)),
        "lstm_cell expects two hidden states",
    ),
}


@pytest.mark.parametrize("call, text", CALLS.values(), ids=CALLS.keys())
def test_message(call, text):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert str(caught.value).splitlines()[0] == text


def test_batch_of_linear_cross_entropy():
    with pytest.raises(
        ValueError, match=r"Expected input batch_size \(4\) to match target batch_size \(5\)."
    ):
        nn.LinearCrossEntropyLoss(3, 2)(z(4, 3), z(5, 2))


def test_unpooling_of_an_empty_batch():
    assert F.max_unpool2d(z(0, 3, 5, 6), long(0, 3, 5, 6), 2).shape == (0, 3, 10, 12)
    assert F.max_unpool1d(z(0, 3, 5), long(0, 3, 5), 2).shape == (0, 3, 10)


GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@pytest.mark.parametrize("name", GATES)
def test_recurrent_functions_with_wrong_parts(name):
    """Too few weights, states or steps are refused before anything is read."""
    k, function = GATES[name], getattr(torch, name)
    weights = [z(3 * k, 4), z(3 * k, 3), z(3 * k), z(3 * k)]
    x, h = z(3, 2, 4), z(1, 2, 3)
    state = [h, h] if name == "lstm" else h

    def call(params=weights, hx=state, layers=1, both=False):
        return function(x, hx, params, True, layers, 0.0, False, both, False)

    assert call()[0].shape == (3, 2, 3)
    for count in range(4):
        with pytest.raises(RuntimeError, match="incorrect number of|Expected more weights"):
            call(weights[:count])
    for options in ({"layers": 2}, {"both": True}):
        with pytest.raises(RuntimeError, match="Expected more hidden states in stacked_rnn"):
            call(**options)
    for layers in (0, -1):
        with pytest.raises(RuntimeError, match="Expected more hidden states in stacked_rnn"):
            call(layers=layers)
    if name == "lstm":
        for hx in ([], [h], [h, h, h]):
            with pytest.raises(RuntimeError, match="lstm expects two hidden states"):
                call(hx=hx)
        with pytest.raises(RuntimeError, match="the two hidden states are of 1 and 2 layers"):
            call(hx=[h, z(2, 2, 3)])
    else:
        with pytest.raises(RuntimeError, match="Expected more hidden states in stacked_rnn"):
            call(weights * 2, hx=h, layers=2)
    for sizes, reason in (
        ([], "batch_sizes is empty"),
        ([2, 1, 3], "batch_sizes must not grow"),
        ([2, 2], "sum exactly to 6"),
        ([8, -2], "sum exactly to 6"),
        ([6], "exceeds dimension size"),
    ):
        with pytest.raises(RuntimeError, match=reason):
            lengths = torch.tensor(sizes, dtype=torch.int64)
            function(z(6, 4), lengths, state, weights, True, 1, 0.0, False, False)
