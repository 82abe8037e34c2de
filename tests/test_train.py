"""The helpers of written-out training loops."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight import nn, train


def test_accumulator():
    metric = train.Accumulator(3)
    w = torch.tensor(2.0, requires_grad=True)
    metric.add(w * 3, 1, torch.tensor([4]))
    metric.add(1, 1, 1)
    assert [metric[i] for i in range(3)] == [7.0, 2.0, 5.0]
    metric.reset()
    assert metric.data == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="got 2 values, expected 3"):
        metric.add(1, 2)


def test_timer():
    timer = train.Timer()
    assert timer.stop() >= 0
    timer.start()
    timer.stop()
    assert timer.sum() == sum(timer.times)
    assert timer.avg() == timer.sum() / 2
    assert timer.cumsum() == [timer.times[0], timer.sum()]


def test_accuracy():
    scores = torch.tensor([[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.0, 0.1, 0.9]])
    assert train.accuracy(scores, torch.tensor([1, 1, 2])) == 2.0
    assert train.accuracy(torch.tensor([1, 0, 1]), torch.tensor([1, 1, 1])) == 2.0


def test_evaluate_accuracy_leaves_the_model_as_it_was():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Dropout(0.9))
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(2))
    batches = [(torch.tensor([[2.0, 1.0], [1.0, 2.0]]), torch.tensor([0, 0]))] * 2
    assert train.evaluate_accuracy(net, batches) == 0.5
    assert net.training
    assert train.evaluate_accuracy_gpu(lambda x: x, batches) == 0.5


def test_animator(tmp_path):
    animator = train.Animator(xlabel="epoch", xlim=[1, 3], legend=["loss", "accuracy"])
    for epoch in range(3):
        animator.add(epoch, (3.0 - epoch, None))
        animator.add(epoch + 1, (None, epoch / 2))
    assert animator.X == [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]]
    assert str(animator) == "loss      █▅▁  1\naccuracy  ▁▅█  1"
    pytest.importorskip("matplotlib")
    animator.save(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    animator.add(4, (float("nan"), float("inf")))
    assert "?" in str(animator)
