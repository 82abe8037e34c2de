"""Reading the gradient of a computed tensor warns with PyTorch's words."""

from __future__ import annotations

import warnings

import pytest

import rushlight as rl

WORDS = r"^The \.grad attribute of a Tensor that is not a leaf Tensor is being accessed\."


def test_grad_of_a_result_warns():
    y = rl.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match=WORDS):
        assert y.grad is None


def test_leaves_and_retained_gradients_do_not_warn():
    x = rl.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x.grad is None and y.grad is None and rl.ones(1).grad is None
        y.sum().backward()
        assert rl.equal(y.grad, rl.ones(2))
