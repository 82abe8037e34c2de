"""In-place changes in a graph: of compositions, and of leaves that are views."""

from __future__ import annotations

import pytest

import rushlight as torch

F = torch.nn.functional
S = 1.0507009873554805  # SELU's scale

# The change, a point, the derivative there.
COMPOSITIONS = {
    "clamp_": (lambda x: x.clamp_(0.5, 2), [0.0, 1.0, 3.0], [0, 1, 0]),
    "clamp_min_": (lambda x: x.clamp_min_(0.5), [0.0, 1.0, 3.0], [0, 1, 1]),
    "square_": (lambda x: x.square_(), [0.0, 1.0, 3.0], [0, 2, 6]),
    "relu6": (lambda x: F.relu6(x, inplace=True), [-1.0, 1.0, 7.0], [0, 1, 0]),
    "selu_": (lambda x: F.selu_(x), [1.0, 2.0, 3.0], [S, S, S]),
    "float_power_": (lambda x: x.float_power_(2), [0.0, 1.0, 3.0], [0, 2, 6]),
    "hardswish": (lambda x: F.hardswish(x, inplace=True), [-4.0, 0.0, 4.0], [0, 0.5, 1]),
}


@pytest.mark.parametrize("change, at, slope", COMPOSITIONS.values(), ids=COMPOSITIONS.keys())
def test_compositions_keep_what_their_gradient_needs(change, at, slope):
    leaf = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    x = leaf * 1
    assert change(x) is x
    x.sum().backward()
    assert leaf.grad.tolist() == pytest.approx(slope, abs=1e-12)
    assert x._version == 1


CHANGES = {
    "mul_": lambda x: x.mul_(2),
    "relu_": lambda x: F.relu_(x),
    "setitem": lambda x: x.__setitem__(0, 3.0),
    "clamp_": lambda x: x.clamp_(0, 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_view_that_was_made_a_leaf_is_refused(change):
    base = torch.ones(4)
    view = base[1:3].requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being"):
        change(view)
    with torch.no_grad():
        change(view)
    assert view.is_leaf
    detached = base.detach().requires_grad_()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used"):
        change(detached)
