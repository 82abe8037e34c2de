"""The kernel that runs all steps of a recurrent layer, against the recurrences in float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, x, h, c, p):
    """One step from the definition; p: weights and biases by name."""
    a = x @ p["weight_ih"].T + p["bias_ih"]
    b = h @ p["weight_hh"].T + p["bias_hh"]
    n = h.shape[1]
    if kind == "LSTM":
        i, f, g, o = (
            (a + b)[:, :n],
            (a + b)[:, n : 2 * n],
            (a + b)[:, 2 * n : 3 * n],
            (a + b)[:, 3 * n :],
        )
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    if kind == "GRU":
        r, z = sigmoid(a[:, :n] + b[:, :n]), sigmoid(a[:, n : 2 * n] + b[:, n : 2 * n])
        new = np.tanh(a[:, 2 * n :] + r * b[:, 2 * n :])
        return (1 - z) * new + z * h, c
    return (np.tanh(a + b) if kind == "tanh" else np.maximum(a + b, 0)), c


def run(kind, x, h, c, p, reverse):
    outputs = [None] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h, c = step(kind, x[t], h, c, p)
        outputs[t] = h
    return np.stack(outputs), h, c


def layer(kind, *sizes, dtype=torch.float64, **options):
    torch.manual_seed(0)
    if kind in ("LSTM", "GRU"):
        return getattr(nn, kind)(*sizes, dtype=dtype, **options)
    return nn.RNN(*sizes, nonlinearity=kind, dtype=dtype, **options)


KINDS = ["LSTM", "GRU", "tanh", "relu"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-6), ("float64", 1e-13)])
@pytest.mark.parametrize(
    "steps, batch, inputs, hidden",
    [(4, 3, 5, 4), (3, 100, 2, 37), (1, 2, 3, 16), (7, 20, 40, 45), (2, 9, 300, 600)],
)
def test_outputs(kind, dtype, tolerance, steps, batch, inputs, hidden) -> None:
    m = layer(kind, inputs, hidden, bidirectional=True, dtype=getattr(torch, dtype))
    x = torch.randn(steps, batch, inputs, dtype=m.weight_ih_l0.dtype)
    h = torch.randn(2, batch, hidden, dtype=x.dtype)
    c = torch.randn(2, batch, hidden, dtype=x.dtype)
    out, last = m(x, (h, c) if kind == "LSTM" else h)
    state = m.state_dict()
    for d, suffix in enumerate(("_l0", "_l0_reverse")):
        p = {
            k.removesuffix(suffix): v.numpy().astype(np.float64)
            for k, v in state.items()
            if k.endswith(suffix)
        }
        x64, h64, c64 = (t.numpy().astype(np.float64) for t in (x, h[d], c[d]))
        want, want_h, want_c = run(kind, x64, h64, c64, p, d == 1)
        got_h = last[0] if kind == "LSTM" else last
        pairs = [(out[..., d * hidden : (d + 1) * hidden], want), (got_h[d], want_h)]
        if kind == "LSTM":
            pairs.append((last[1][d], want_c))
        for got, expected in pairs:
            assert np.abs(got.detach().numpy() - expected).max() < tolerance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "steps, batch", [(3, 2), (2, 8)]
)  # products with inputs before, and inside
def test_gradients_of_first_and_second_order(kind, reverse, bias, steps, batch) -> None:
    m = layer(kind, 2, 3, bidirectional=reverse, bias=bias)
    names = [n for n, _ in m.named_parameters()]
    x = torch.randn(steps, batch, 2, dtype=torch.float64, requires_grad=True)
    states = [
        torch.randn(2 if reverse else 1, batch, 3, dtype=torch.float64, requires_grad=True)
        for _ in range(2 if kind == "LSTM" else 1)
    ]
    weights = [p.detach().requires_grad_() for p in m.parameters()]

    def f(x, *rest):
        state = tuple(rest[: len(states)]) if kind == "LSTM" else rest[0]
        out, last = torch.func.functional_call(m, dict(zip(names, rest[len(states) :])), (x, state))
        return (out, *last) if kind == "LSTM" else (out, last)

    assert torch.autograd.gradcheck(f, (x, *states, *weights))
    if not reverse:
        assert torch.autograd.gradgradcheck(f, (x, *states, *weights))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [2, 9, 20, 150])  # units or rows divided among three threads
def test_results_do_not_depend_on_threads(kind, batch) -> None:
    m = layer(kind, 6, 50, dtype=torch.float32)
    x = torch.randn(5, batch, 6)
    before, seen = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            out = m(x)[0]
            seen.append((out, *torch.autograd.grad(out.sum(), list(m.parameters()))))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*seen))


def test_the_kernel_runs_and_outputs_may_be_changed() -> None:
    m = layer("LSTM", 2, 3)
    out, _ = m(torch.randn(4, 2, 2, dtype=torch.float64))
    node, names = out.grad_fn, []
    while node is not None and len(names) < 8:
        names.append(type(node).__name__)
        node = node.next_functions[0][0] if node.next_functions else None
    assert "RnnLayerBackward0" in names
    out.mul_(2).sum().backward()  # backward does not read what the program changed
    assert all(p.grad.isfinite().all() for p in m.parameters())


@pytest.mark.parametrize("batch", [2, 8])
def test_inputs_may_need_no_gradient(batch) -> None:
    m = layer("LSTM", 2, 3)
    m.weight_ih_l0.requires_grad_(False)
    x = torch.randn(3, batch, 2, dtype=torch.float64)
    m(x)[0].sum().backward()
    assert m.weight_ih_l0.grad is None
    full = layer("LSTM", 2, 3)
    full(x.requires_grad_())[0].sum().backward()
    for name, p in m.named_parameters():
        if name != "weight_ih_l0":
            assert torch.equal(p.grad, full.get_parameter(name).grad)
