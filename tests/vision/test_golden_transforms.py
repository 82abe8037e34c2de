"""Transforms against what torchvision made of the same images with the same random numbers."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path

import pytest
import transform_cases as cases

import rushlight
from rushlight.vision import transforms

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "transforms.json").read_text(encoding="utf-8")
)["cases"]


def test_record_is_complete():
    assert set(GOLDEN) == {f"{name}, {kind}" for name, kind in cases.PAIRS}


@pytest.mark.parametrize("name", cases.CASES)
def test_transform(name):
    for kind in cases.CASES[name][0]:
        want = GOLDEN[f"{name}, {kind}"]
        assert repr(cases.CASES[name][1](transforms)) == want["repr"]
        arrays, streams = [], []
        for number in range(6):
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # antialias=False, for example, does nothing for PIL
                _, found, stream = cases.apply(rushlight, transforms, name, kind, number)
            arrays += found
            streams += stream
        assert math.fsum(streams) == want["stream"], kind
        if arrays[0].dtype.kind == "f":
            assert cases.summary(arrays) == pytest.approx(want["result"], rel=1e-4, abs=1e-5), kind
        else:
            assert cases.digest(arrays) == want["result"], kind
