"""The helpers of written-out training loops."""

from __future__ import annotations

import io
import sys
import types

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


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_animator_in_a_terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    animator = train.Animator(xlabel="epoch", xlim=[1, 2], legend=["loss", "acc"])
    animator.add(0.5, (4.0, None))
    animator.add(1, (3.0, None))
    animator.add(1, (None, 0.5))
    assert screen.getvalue() == (
        "\r\x1b[Kepoch 0.5  loss 4\r\x1b[Kepoch 1  loss 3\r\x1b[Kepoch 1  loss 3  acc 0.5\n"
    )
    screen.truncate(0)
    animator.add(2, (2.0, 0.75))
    assert screen.getvalue().lstrip("\0") == (
        "\r\x1b[Kepoch 2  loss 2  acc 0.75\nloss  █▅▁  2\nacc   ▁█  0.75\n"
    )
    screen.truncate(0)
    endless = train.Animator(legend=["loss"])
    for step in range(500):
        endless.add(step, 0.0)
    assert screen.getvalue().count("\n") == 100  # then the line is overwritten again


def test_animator_in_a_notebook(monkeypatch):
    pytest.importorskip("matplotlib")
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(("update", picture))

    display = types.SimpleNamespace(
        Image=lambda data, format: (format, data[:4]),
        Pretty=lambda text: ("text", text),
        display=lambda picture, display_id: shown.append(("new", picture)) or Handle(),
    )
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "ipykernel", types.SimpleNamespace())
    animator = train.Animator(legend=["loss"])
    animator.add(1, 2.0)
    animator.add(2, 1.0)
    png = ("png", b"\x89PNG")
    assert shown == [("new", png), ("update", png)]
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    animator.add(3, 0.5)
    assert shown[-1] == ("update", ("text", "loss  █▃▁  0.5"))
    with pytest.raises(ImportError, match="pip install matplotlib; print"):
        animator.save("x.png")


def test_animator_draws_what_it_was_given():
    pytest.importorskip("matplotlib")
    animator = train.Animator("x", "y", ["a", "b"], xlim=[0, 2], ylim=[0, 9], yscale="log")
    animator.add([0, 1], [1, 4])
    animator.add([1, 2], [2, 8])
    (axes,) = animator.figure().axes
    assert [line.get_xydata().tolist() for line in axes.lines] == [
        [[0, 1], [1, 2]],
        [[1, 4], [2, 8]],
    ]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("x", "y", "log")
    assert axes.get_xlim() == (0, 2)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]
