"""Random streams side by side with PyTorch: values and generator state, bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import rushlight

sys.path.insert(0, str(Path(__file__).parents[1] / "random"))
import stream_cases  # noqa: E402

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")


@pytest.mark.parametrize("name", stream_cases.CASES)
def test_stream(name):
    for seed in stream_cases.CASES[name][1]:
        want, want_state = stream_cases.run_case(torch, name, seed)
        got, got_state = stream_cases.run_case(rushlight, name, seed)
        assert got == want, f"values, seed {seed}"
        assert got_state == want_state, f"generator state, seed {seed}"


def test_states_are_interchangeable():
    torch.manual_seed(3)
    torch.randn(5)
    state = torch.get_rng_state()
    rushlight.set_rng_state(rushlight.tensor(state.tolist(), dtype=rushlight.uint8))
    assert rushlight.randn(40).tolist() == torch.randn(40).tolist()
