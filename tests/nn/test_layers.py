"""Layers against PyTorch's: printed form, initial state, output, gradients, buffers."""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path

import pytest

import rushlight as torch

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "modules.json").read_text(encoding="utf-8"))


def _recorder():
    spec = importlib.util.spec_from_file_location(
        "record_modules", ROOT / "tools" / "record_modules.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORDER = _recorder()

# float32 results of a few hundred additions in another order.
CLOSE = {"rel": 2e-5, "abs": 5e-6}


def test_every_record_belongs_to_a_layer() -> None:
    assert list(GOLDEN) == list(RECORDER.LAYERS)


@pytest.mark.parametrize("call", RECORDER.LAYERS)
def test_layer(call: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        actual = RECORDER.run(torch, call, RECORDER.LAYERS[call])
    expected = GOLDEN[call]
    assert actual["repr"] == expected["repr"]
    assert list(actual["state"]) == list(expected["state"])
    for name, (shape, total) in expected["state"].items():
        assert actual["state"][name][0] == shape, name
        # The values are the same bits; only the order of the sum may differ.
        assert actual["state"][name][1] == pytest.approx(total, rel=1e-12, abs=1e-12), name
    for got, want in zip(actual.get("outputs", []), expected.get("outputs", []), strict=True):
        assert got[0] == want[0]
        assert got[1] == pytest.approx(want[1], **CLOSE)
    for got, want in zip(actual.get("gradients", []), expected.get("gradients", []), strict=True):
        assert got == (None if want is None else pytest.approx(want, **CLOSE))
    for key in ("parameter_gradients", "buffers"):
        got, want = actual.get(key, {}), expected.get(key, {})
        assert list(got) == list(want)
        for name in want:
            assert got[name] == pytest.approx(want[name], rel=5e-5, abs=1e-5), name
