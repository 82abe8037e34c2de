"""One small check per feature: the first thing to run after a change."""

from __future__ import annotations

import io

import numpy
import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn


def test_arithmetic_and_printing():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert repr(x @ x + 1) == "tensor([[ 8., 11.],\n        [16., 23.]])"


def test_views_share_memory():
    x = torch.zeros(2, 3)
    x.t()[1] = 5
    assert x.tolist() == [[0.0, 5.0, 0.0], [0.0, 5.0, 0.0]]


def test_promotion_and_broadcasting():
    total = torch.ones(2, 1, dtype=torch.int32) + torch.ones(3, dtype=torch.float64)
    assert (total.dtype, tuple(total.shape)) == (torch.float64, (2, 3))


def test_indexing():
    x = torch.arange(12).reshape(3, 4)
    assert x[x % 2 == 0].tolist() == [0, 2, 4, 6, 8, 10]
    assert x[[0, 2], 1:3].tolist() == [[1, 2], [9, 10]]


def test_gradient():
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    (x**3).sum().backward()
    assert x.grad.tolist() == [12.0, 27.0]


def test_second_gradient():
    x = torch.tensor(2.0, requires_grad=True)
    (first,) = torch.autograd.grad(x**3, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert second.item() == 12.0


def test_random_stream():
    torch.manual_seed(1)
    assert torch.randn(4).tolist() == pytest.approx([0.6614, 0.2669, 0.0617, 0.6213], abs=5e-5)


def test_layers_and_optimizer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.randn(16, 3), torch.randn(16, 1)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_convolution():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    found = F.max_pool2d(F.conv2d(x, torch.ones(1, 1, 3, 3)), 2)
    assert found.item() == float(numpy.arange(16).reshape(4, 4)[1:, 1:].sum())


def test_numpy_shares_memory():
    a = numpy.zeros(3, "float32")
    torch.from_numpy(a)[1] = 7
    assert a.tolist() == [0.0, 7.0, 0.0]


def test_save_and_load():
    model = nn.Linear(2, 2)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    assert torch.equal(torch.load(file)["weight"], model.weight)


def test_data_loader():
    data = torch.utils.data.TensorDataset(torch.arange(5))
    assert [x.tolist() for (x,) in torch.utils.data.DataLoader(data, batch_size=2)] == [
        [0, 1],
        [2, 3],
        [4],
    ]


def test_errors_are_pytorchs():
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        torch.ones(2, 3) @ torch.ones(2, 3)
