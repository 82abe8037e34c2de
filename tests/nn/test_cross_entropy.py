"""cross_entropy of class indices against float64 arithmetic of its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rushlight as torch
from rushlight.nn import functional as F

SHAPES = [
    (5,), (1, 1), (64, 10), (37, 31), (33, 65), (40, 1000), (3, 2500), (2, 5, 2), (2, 40, 3),
    (3, 21, 5, 7), (3, 33, 17), (4, 7, 130),
]  # fmt: skip


def expected(x, target, grad, weight, ignored, smoothing, reduction):
    """The losses and the gradient of (loss * grad).sum(), in float64."""
    x = np.asarray(x, np.float64)
    axis = 0 if x.ndim == 1 else 1
    classes = x.shape[axis]
    weight = np.ones(classes) if weight is None else weight.astype(np.float64)
    x = np.moveaxis(x, axis, -1)
    shifted = x - x.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    live = target != ignored
    index = np.where(live, target, 0)
    onehot = np.eye(classes)[index]
    # How much of each log-probability a row's loss takes.
    share = ((1 - smoothing) * onehot + smoothing / classes) * weight * live[..., None]
    losses = -(share * logs).sum(-1)
    count = (weight[index] * live).sum()
    scale = {"mean": grad / count, "sum": grad, "none": grad}[reduction]
    slope = share.sum(-1, keepdims=True) * np.exp(logs) - share
    slope = slope * np.broadcast_to(scale, losses.shape)[..., None]
    result = {"mean": losses.sum() / count, "sum": losses.sum(), "none": losses}[reduction]
    return result, np.moveaxis(slope, -1, axis)


def sample(shape, seed=0):
    rng = np.random.default_rng(seed)
    classes = shape[0] if len(shape) == 1 else shape[1]
    rows = shape[:1] + shape[2:] if len(shape) > 1 else ()
    return (
        (3 * rng.standard_normal(shape)).astype(np.float32),
        np.asarray(rng.integers(0, classes, rows)),
        rng.random(classes).astype(np.float32) + 0.1,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_losses_and_gradients(shape, dtype) -> None:
    x, target, weight = sample(shape)
    for weighted, ignored, smoothing, reduction in itertools.product(
        (False, True), (-100, int(target.flat[0])), (0.0, 0.1), ("mean", "sum", "none")
    ):
        if ignored >= 0 and target.size == 1:
            continue
        logits = torch.tensor(x.astype(dtype), requires_grad=True)
        loss = F.cross_entropy(
            logits,
            torch.tensor(target),
            torch.tensor(weight.astype(dtype)) if weighted else None,
            ignore_index=ignored,
            label_smoothing=smoothing,
            reduction=reduction,
        )
        grad = np.random.default_rng(1).standard_normal(loss.shape) if loss.ndim else 1.0
        loss.backward(torch.tensor(np.asarray(grad, dtype)))
        used = weight if weighted else None
        want, slope = expected(x, target, grad, used, ignored, smoothing, reduction)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(loss.detach().numpy(), want, rtol=8 * eps, atol=8 * eps)
        atol = 8 * eps * max(np.abs(slope).max(), np.abs(grad).max() / target.size)
        np.testing.assert_allclose(logits.grad.numpy(), slope, rtol=16 * eps, atol=atol)


def test_classes_in_the_last_place_in_memory() -> None:
    x, target, _ = sample((6, 40, 9))
    moved = torch.tensor(np.moveaxis(x, 1, 2).copy()).requires_grad_()
    loss = F.cross_entropy(moved.transpose(1, 2), torch.tensor(target))
    loss.backward()
    want, slope = expected(x, target, 1.0, None, -100, 0.0, "mean")
    np.testing.assert_allclose(loss.item(), want, rtol=1e-6)
    np.testing.assert_allclose(moved.grad.numpy(), np.moveaxis(slope, 1, 2), atol=1e-8)


def test_gradient_does_not_need_the_logits() -> None:
    x, target, _ = sample((8, 12))
    leaf = torch.tensor(x, requires_grad=True)
    logits = leaf * 1
    loss = F.cross_entropy(logits, torch.tensor(target))
    with torch.no_grad():
        logits.zero_()
    loss.backward()
    _, slope = expected(x, target, 1.0, None, -100, 0.0, "mean")
    np.testing.assert_allclose(leaf.grad.numpy(), slope, atol=1e-7)


def test_backward_twice_through_a_kept_graph() -> None:
    x, target, _ = sample((8, 12))
    logits = torch.tensor(x, requires_grad=True)
    loss = F.cross_entropy(logits, torch.tensor(target))
    (first,) = torch.autograd.grad(loss, logits, retain_graph=True)
    kept = first.clone()
    (second,) = torch.autograd.grad(loss, logits)
    assert torch.equal(first, kept)
    assert torch.equal(second, kept)


def test_backward_leaves_what_a_hook_keeps() -> None:
    """The gradient is written over the saved exponentials only where nobody else has them."""
    x, target, _ = sample((8, 12))
    logits = torch.tensor(x, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        loss = F.cross_entropy(logits, torch.tensor(target))
    before = [t.clone() for t in kept]
    loss.backward()
    assert all(map(torch.equal, kept, before))
    _, slope = expected(x, target, 1.0, None, -100, 0.0, "mean")
    np.testing.assert_allclose(logits.grad.numpy(), slope, atol=1e-7)
    assert logits.grad._version == 0
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(4, 5), (5,), (2, 4, 3)], ids=str)
def test_derivatives_of_higher_order(shape, smoothing, reduction) -> None:
    x, target, weight = sample(shape)
    labels = torch.tensor(target)
    ignored = int(target.flat[0]) if target.size > 1 else -100

    def loss(logits):
        return F.cross_entropy(
            logits,
            labels,
            torch.tensor(weight).double(),
            ignore_index=ignored,
            label_smoothing=smoothing,
            reduction=reduction,
        )

    logits = torch.tensor(x).double().requires_grad_()
    assert torch.autograd.gradcheck(loss, (logits,))
    assert torch.autograd.gradgradcheck(loss, (logits,))


def test_rows_that_do_not_count_hide_no_nan() -> None:
    """As in PyTorch: their losses are 0, their gradients too unless the row holds NaN."""
    x = torch.randn(4, 50)
    x[1, 3] = float("nan")
    x[2, 5] = float("-inf")
    logits = x.requires_grad_()
    loss = F.cross_entropy(logits, torch.tensor([2, -100, -100, 7]))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad[1].isnan().all()
    assert torch.equal(logits.grad[2], torch.zeros(50))
    assert not logits.grad[2].signbit().any()


def test_every_row_ignored() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    target = torch.full((3,), -100)
    loss = F.cross_entropy(logits, target)
    loss.backward()
    assert loss.isnan()
    assert F.cross_entropy(logits, target, reduction="sum").item() == 0
    assert torch.equal(F.cross_entropy(logits, target, reduction="none"), torch.zeros(3))


@pytest.mark.parametrize("shape", [(3, 4), (3, 40), (3, 4, 20), (3, 40, 2)], ids=str)
@pytest.mark.parametrize("wrong", [-1, 40])
def test_target_out_of_bounds(shape, wrong) -> None:
    target = torch.zeros(shape[:1] + shape[2:], dtype=torch.long)
    target.view(-1)[1] = wrong
    with pytest.raises(IndexError, match=rf"^Target {wrong} is out of bounds\.") as caught:
        F.cross_entropy(torch.zeros(shape), target)
    assert f"target[1] = {wrong}" in caught.value.__notes__[0]


def names(loss) -> list[str]:
    """Of the nodes behind a loss, as a program that draws the graph sees them."""
    node, seen = loss.grad_fn, []
    while node is not None:
        seen.append(node.name().rsplit(":")[-1])
        node = node.next_functions[0][0] if node.next_functions else None
    return seen


def test_names_in_the_graph() -> None:
    """As recorded from PyTorch 2.13."""
    x = torch.randn(4, 5, requires_grad=True)
    target = torch.tensor([0, 1, 2, 3])
    loss = F.cross_entropy(x, target)
    assert names(loss) == ["NllLossBackward0", "LogSoftmaxBackward0", "AccumulateGrad"]
    assert repr(F.cross_entropy(x, target)).endswith("grad_fn=<NllLossBackward0>)")
    smoothed = F.cross_entropy(x, target, label_smoothing=0.1)
    assert smoothed.grad_fn.name() == "AddBackward0"
    image = torch.randn(2, 5, 3, 3, requires_grad=True)
    loss = F.cross_entropy(image, torch.zeros(2, 3, 3, dtype=torch.long))
    assert names(loss)[0] == "NllLoss2DBackward0"


def test_weights_that_learn() -> None:
    """The smoothed part has a gradient for the class weights, the other part none."""
    x, target, weight = sample((6, 5))
    w = torch.tensor(weight).double().requires_grad_()
    logits = torch.tensor(x).double()
    F.cross_entropy(
        logits, torch.tensor(target), w, label_smoothing=0.3, reduction="sum"
    ).backward()
    logs = logits.log_softmax(1)
    np.testing.assert_allclose(w.grad.numpy(), (-0.3 / 5 * logs.sum(0)).numpy())


def test_weight_of_the_module_may_change() -> None:
    x, target, weight = sample((6, 5))
    logits, labels, w = torch.tensor(x), torch.tensor(target), torch.tensor(weight)
    loss = torch.nn.CrossEntropyLoss()
    want = F.cross_entropy(logits, labels, w)
    loss.weight = w
    assert torch.equal(loss(logits, labels), want)
    loss.weight = torch.nn.Parameter(w, requires_grad=False)
    assert torch.equal(loss(logits, labels), want)
