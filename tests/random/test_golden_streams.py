"""Random streams against digests recorded from PyTorch 2.13."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stream_cases

import rushlight

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "random_streams.json").read_text(encoding="utf-8")
)["cases"]


def test_record_is_complete():
    assert set(GOLDEN) == set(stream_cases.CASES)


@pytest.mark.parametrize("name", stream_cases.CASES)
def test_stream(name):
    for seed in stream_cases.CASES[name][1]:
        result, state = stream_cases.run_case(rushlight, name, seed)
        want_result, want_state = GOLDEN[name][str(seed)]
        assert stream_cases.digest(result) == want_result, f"values, seed {seed}"
        assert stream_cases.digest(state) == want_state, f"generator state, seed {seed}"
