"""Optimizers and schedules give what PyTorch 2.13 gave (tools/record_optim_golden.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import rushlight as torch

sys.path.insert(0, str(Path(__file__).parent))
import optim_cases as cases  # noqa: E402

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "optimizers.json").read_text(encoding="utf-8")
)


def largest_difference(weights: list, expected: list) -> float:
    return max(
        (w.detach().double() - torch.tensor(e, dtype=torch.float64)).abs().max().item()
        for w, e in zip(weights, expected)
    )


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-7), ("float32", 1e-5)])
def test_twenty_steps(name: str, dtype: str, tolerance: float) -> None:
    weights, _ = cases.trajectory(torch, name, getattr(torch, dtype))
    if dtype == "float32" and name.startswith(("Rprop", "LBFGS")):
        # A sign or a line search decides: compare the loss, not the path to it.
        expected = [
            torch.tensor(w, dtype=torch.float64) for w in GOLDEN["optimizers"][name]["weights"]
        ]
        ours = cases.loss_of(torch, [w.detach().double() for w in weights]).item()
        assert ours == pytest.approx(cases.loss_of(torch, expected).item(), rel=1e-3, abs=1e-4)
        return
    assert largest_difference(weights, GOLDEN["optimizers"][name]["weights"]) <= tolerance


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_printed_form_and_state_keys(name: str) -> None:
    _, optimizer = cases.trajectory(torch, name, torch.float64)
    golden = GOLDEN["optimizers"][name]
    assert repr(optimizer) == golden["repr"]
    state = optimizer.state_dict()["state"]
    assert {str(k): list(v) for k, v in state.items()} == golden["state"]


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_schedule(name: str) -> None:
    rows = cases.schedule(torch, name)
    for ours, expected in zip(rows, GOLDEN["schedules"][name]):
        assert ours == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", cases.PLATEAUS)
def test_reduce_on_plateau(name: str) -> None:
    rates = cases.plateau(torch, **cases.PLATEAUS[name])
    assert rates == pytest.approx(GOLDEN["plateaus"][name], rel=1e-12)
