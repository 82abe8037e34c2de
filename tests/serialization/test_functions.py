"""Functions of the package in pickles and files."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

import rushlight as torch

FUNCTIONS = {
    f"nn.functional.{name}": getattr(torch.nn.functional, name)
    for name in "relu gelu tanh softmax logsigmoid linear conv2d cross_entropy max_pool2d pad".split()
} | {
    "relu": torch.relu,
    "einsum": torch.einsum,
    "linalg.svd": torch.linalg.svd,
    "fft.fft": torch.fft.fft,
    "Tensor.add": torch.Tensor.add,
    "Tensor.split": torch.Tensor.split,
}
functions = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())


@functions
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickle(function, protocol):
    assert pickle.loads(pickle.dumps(function, protocol)) is function
    assert copy.deepcopy(function) is function


@functions
def test_file(function):
    stream = io.BytesIO()
    torch.save(function, stream)
    stream.seek(0)
    assert torch.load(stream, weights_only=False) is function


@pytest.mark.parametrize("activation", ["relu", "gelu", torch.nn.functional.gelu, torch.tanh])
def test_layers_that_hold_functions(activation):
    layer = torch.nn.TransformerEncoderLayer(4, 2, 8, activation=activation).eval()
    x = torch.ones(3, 1, 4)
    stream = io.BytesIO()
    torch.save(layer, stream)
    stream.seek(0)
    for other in (pickle.loads(pickle.dumps(layer)), torch.load(stream, weights_only=False)):
        assert other.activation is layer.activation
        assert other(x).tolist() == layer(x).tolist()
