"""The old constructors view a tensor they are given."""

from __future__ import annotations

import pytest

import rushlight as torch


def test_tensor_of_any_dtype_is_viewed():
    x = torch.tensor([1, 2])
    y = torch.Tensor(x)
    assert y is not x and y.dtype == torch.int64 and y.data_ptr() == x.data_ptr()
    graph = torch.ones(2, requires_grad=True)
    torch.FloatTensor(graph).sum().backward()
    assert torch.equal(graph.grad, torch.ones(2))


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_typed_constructor_refuses_another_dtype():
    with pytest.raises(TypeError, match=r"convert it by \.to\(torch\.float32\)"):
        torch.FloatTensor(torch.tensor([1, 2]))
    with pytest.raises(TypeError, match=r"convert it by \.to\(torch\.float32\)"):
        torch.zeros(1).new(torch.tensor([1, 2]))
    with pytest.raises(RuntimeError, match="Expected a Storage of type Int or an UntypedStorage"):
        torch.IntTensor(torch.ones(1).storage())
    with pytest.raises(TypeError, match=r"got \(Tensor, Tensor\), but expected sizes"):
        torch.Tensor(torch.ones(2), torch.ones(2))


def test_storage_is_shared():
    x = torch.tensor([1.5, 2.0])
    y = torch.Tensor(x.untyped_storage())
    y[0] = 7
    assert x[0] == 7
