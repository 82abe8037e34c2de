"""L-BFGS beside PyTorch's: the same steps bit for bit where the arithmetic is the same, and what another order of sums does.

Each step divides by differences of gradients, so that a difference in the last bit of a sum grows by a factor of ten or
more per iteration: two runs in float32 part after some fifty iterations, in either library.
"""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


def on_our_tensors():
    """PyTorch's optimizer class, executed on Rushlight's tensors."""
    from torch.optim import lbfgs

    source = inspect.getsource(lbfgs).replace("import torch\n", "import rushlight as torch\n")
    source = source.replace("from torch import", "from rushlight import")
    ours = (
        "from rushlight.optim.optimizer import Optimizer, ParamsT\n"
        "from rushlight.optim._rule import scalar as _to_scalar"
    )
    source = re.sub(r"^from \.optimizer import .*$", ours, source, flags=re.M)
    namespace = {"__name__": __name__}
    exec(compile(source, lbfgs.__file__, "exec"), namespace)
    return namespace["LBFGS"]


def rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def wave(w):
    return (3 * w).cos().sum() + 0.1 * (w**2).sum()


def run(optimizer_class, function, dtype, steps, options):
    w = rushlight.tensor([-1.2, 1.0], dtype=dtype, requires_grad=True)
    optimizer = optimizer_class([w], **options)

    def closure():
        optimizer.zero_grad()
        loss = function(w)
        loss.backward()
        return loss

    trace = [(optimizer.step(closure).item(), w.tolist()) for _ in range(steps)]
    state = optimizer.state[w]
    return trace, state["n_iter"], state["func_evals"], list(state)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("max_iter", [1, 4, 20])
@pytest.mark.parametrize("function", [rosenbrock, wave])
def test_same_steps(function, max_iter, dtype, search) -> None:
    theirs = on_our_tensors()
    for more in ({"lr": 0.1}, {"max_eval": 5, "history_size": 3}, {"tolerance_change": 1e-3}):
        options = dict(max_iter=max_iter, line_search_fn=search, **more)
        arguments = (function, getattr(rushlight, dtype), 4, options)
        expected, got = run(theirs, *arguments), run(rushlight.optim.LBFGS, *arguments)
        assert repr(got) == repr(expected), options


def losses(library, dtype, order) -> np.ndarray:
    """The losses of a small network; `order` permutes the rows of its data, which only reorders sums."""
    kind = getattr(library, dtype)
    source = np.random.default_rng(0)
    x = library.from_numpy(source.standard_normal((64, 8))[order]).to(kind)
    y = library.from_numpy((np.arange(64) % 3)[order])
    library.manual_seed(0)
    nn = library.nn
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3)).to(kind)
    optimizer = library.optim.LBFGS(net.parameters(), line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss = loss + 1e-3 * sum((p**2).sum() for p in net.parameters())
        loss.backward()
        return loss

    return np.array([optimizer.step(closure).item() for _ in range(6)])


@pytest.mark.parametrize("dtype, digits", [("float64", 1e-12), ("float32", 1e-4)])
def test_another_order_of_sums_explains_the_drift(dtype, digits) -> None:
    """Our run parts from PyTorch's no faster than PyTorch's own runs part on reordered data."""
    rows = [np.random.default_rng(seed).permutation(64) for seed in range(4)]
    expected = losses(torch, dtype, np.arange(64))
    drift = np.abs([losses(torch, dtype, order) - expected for order in rows]).max(0) / expected
    ours = np.abs(losses(rushlight, dtype, np.arange(64)) - expected) / expected
    assert ours[:2].max() <= digits
    assert (ours <= 3 * np.maximum.accumulate(drift) + 1e-15).all(), (ours, drift)
