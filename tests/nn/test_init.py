"""Initialisers: bounds, moments, structure, old names."""

from __future__ import annotations

import math

import pytest

import rushlight as torch
from rushlight.nn import init


def test_gains() -> None:
    assert init.calculate_gain("linear") == 1
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / (1 + 0.2**2))
    with pytest.raises(ValueError, match="Unsupported nonlinearity cube"):
        init.calculate_gain("cube")
    with pytest.raises(ValueError, match="negative_slope True not a valid number"):
        init.calculate_gain("leaky_relu", True)


@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (init.xavier_uniform_, math.sqrt(6 / (20 * 9 + 10 * 9))),
        (init.kaiming_uniform_, math.sqrt(6 / (20 * 9))),
    ],
)
def test_uniform_bounds(fill, bound) -> None:
    weight = fill(torch.empty(10, 20, 3, 3))
    assert weight.abs().max().item() <= bound
    assert weight.abs().max().item() > 0.98 * bound


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (init.xavier_normal_, math.sqrt(2 / 300)),
        (init.kaiming_normal_, math.sqrt(2 / 200)),
    ],
)
def test_normal_deviation(fill, std) -> None:
    torch.manual_seed(0)
    weight = fill(torch.empty(100, 200))
    # 20,000 samples: the relative error of the deviation is 0.005.
    assert weight.std().item() == pytest.approx(std, rel=0.03)


def test_constants_and_structure() -> None:
    assert init.constant_(torch.empty(2), 3.5).tolist() == [3.5, 3.5]
    assert init.eye_(torch.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    weight = init.dirac_(torch.empty(4, 2, 3), groups=2)
    assert weight.sum().item() == 4 and weight[2, 0, 1].item() == 1
    sparse = init.sparse_(torch.empty(10, 4), 0.3)
    assert (sparse == 0).sum(0).tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal(shape) -> None:
    w = init.orthogonal_(torch.empty(shape, dtype=torch.float64), gain=2.0)
    w = w.view(shape[0], -1)
    product = w @ w.t() if w.size(0) < w.size(1) else w.t() @ w
    error = product - 4 * torch.eye(product.size(0), dtype=torch.float64)
    assert error.abs().max().item() < 1e-12


@pytest.mark.parametrize(("mean", "a", "b"), [(0.0, -1.0, 1.0), (0.0, 2.0, 2.5)])
def test_trunc_normal_stays_inside(mean, a, b) -> None:
    w = init.trunc_normal_(torch.empty(500), mean, 1.0, a, b)
    assert a <= w.min().item() and w.max().item() <= b


def test_no_gradient_is_recorded() -> None:
    w = torch.empty(2, 2, requires_grad=True)
    assert init.normal_(w) is w and w.grad_fn is None and w.requires_grad


def test_refusals() -> None:
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        init.kaiming_normal_(torch.empty(3))
    with pytest.raises(ValueError, match="Mode fan not supported, please use one of"):
        init.kaiming_normal_(torch.empty(3, 3), mode="fan")
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        init.kaiming_uniform_(torch.empty(0, 3))


@pytest.mark.parametrize(
    "name",
    "uniform normal constant eye dirac xavier_uniform xavier_normal kaiming_uniform "
    "kaiming_normal orthogonal sparse".split(),
)
def test_old_names_warn(name) -> None:
    arguments = {"constant": (1.0,), "sparse": (0.5,)}.get(name, ())
    shape = (2, 2, 3) if name == "dirac" else (2, 2)
    with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of"):
        getattr(init, name)(torch.empty(shape), *arguments)
