"""squeeze_, unsqueeze_, t_, transpose_ and as_strided_: other sizes of the same memory, with their gradients."""

from __future__ import annotations

import pytest

import rushlight as torch

CHANGES = {
    "unsqueeze_(0)": (lambda x: x.unsqueeze_(0), (1, 2, 1, 3), (6, 3, 3, 1)),
    "unsqueeze_(-1)": (lambda x: x.unsqueeze_(-1), (2, 1, 3, 1), (3, 3, 1, 1)),
    "squeeze_()": (lambda x: x.squeeze_(), (2, 3), (3, 1)),
    "squeeze_(1)": (lambda x: x.squeeze_(1), (2, 3), (3, 1)),
    "squeeze_(dim=0)": (lambda x: x.squeeze_(dim=0), (2, 1, 3), (3, 3, 1)),
    "squeeze_((1, 2))": (lambda x: x.squeeze_((1, 2)), (2, 3), (3, 1)),
    "t_()": (lambda x: x.squeeze_(1).t_(), (3, 2), (1, 3)),
    "transpose_(0, 2)": (lambda x: x.transpose_(0, 2), (3, 1, 2), (1, 3, 3)),
    "swapaxes_(0, 1)": (lambda x: x.swapaxes_(0, 1), (1, 2, 3), (3, 3, 1)),
    "swapdims_(-1, 0)": (lambda x: x.swapdims_(-1, 0), (3, 1, 2), (1, 3, 3)),
    "as_strided_": (lambda x: x.as_strided_((3, 2), (1, 3)), (3, 2), (1, 3)),
}
changes = pytest.mark.parametrize("change, shape, stride", CHANGES.values(), ids=CHANGES.keys())


@changes
def test_sizes_strides_and_memory(change, shape, stride):
    x = torch.arange(6.0).reshape(2, 1, 3)
    at, version = x.data_ptr(), x._version
    assert change(x) is x
    assert x.shape == shape and x.stride() == stride
    assert x.data_ptr() == at and x._version > version
    assert sorted(x.flatten().tolist()) == [0, 1, 2, 3, 4, 5]


@changes
def test_gradient(change, shape, stride):
    leaf = torch.arange(6.0).reshape(2, 1, 3).requires_grad_()
    x = leaf * 2
    change(x)
    weights = torch.arange(6.0).as_strided(shape, stride)
    (x * weights).sum().backward()
    assert leaf.grad.flatten().tolist() == [0, 2, 4, 6, 8, 10]


@changes
def test_of_a_view_whose_base_is_used(change, shape, stride):
    leaf = torch.ones(4, 1, 3, requires_grad=True)
    base = leaf * 2
    view = base[1:3]
    change(view)
    view.mul_(3)
    base.sum().backward()
    assert base.shape == (4, 1, 3) and view.shape == shape
    assert leaf.grad[:, 0, 0].tolist() == [2, 6, 6, 2]


@changes
def test_leaves_are_refused_in_a_graph(change, shape, stride):
    x = torch.zeros(2, 1, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used"):
        change(x)
    with torch.no_grad():
        change(x)
    assert x.shape == shape and x.is_leaf and x.requires_grad


def test_what_backward_needs_has_changed():
    x = torch.ones(2, 1, requires_grad=True) * 2
    y = x * x
    x.squeeze_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_function():
    assert torch.as_strided_(torch.zeros(6), (2, 3), (3, 1)).shape == (2, 3)
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch.zeros(2).unsqueeze_(3)


def test_dropout1d_in_place_of_one_sample():
    x = torch.ones(4, 5)
    torch.nn.functional.dropout1d(x, 0.5, inplace=True)
    assert x.shape == (4, 5)
    assert all(row in ([0.0] * 5, [2.0] * 5) for row in x.tolist())
