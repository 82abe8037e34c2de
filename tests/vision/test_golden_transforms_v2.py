"""Transforms of samples against what torchvision made of the same samples with the same random numbers."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path

import pytest
import transform_cases
import transform_v2_cases as cases

import rushlight
from rushlight import vision

OURS = cases.Library(rushlight, vision)
GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "transforms_v2.json").read_text(encoding="utf-8")
)["cases"]


def test_record_is_complete():
    assert set(GOLDEN) == {f"{name}, {kind}" for name, kind in cases.PAIRS}


@pytest.mark.parametrize("name", cases.CASES)
def test_transform(name):
    for kind in cases.CASES[name][0]:
        want = GOLDEN[f"{name}, {kind}"]
        assert repr(cases.CASES[name][1](OURS)) == want["repr"]
        arrays, streams, kinds = [], [], []
        for number in range(3):
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # antialias=False, for example, does nothing for PIL
                found, stream = cases.apply(OURS, name, kind, number)
            arrays += [array for _, _, array in found if array is not None]
            kinds += [f"{kind} {particulars}" for kind, particulars, _ in found]
            streams.append(stream)
        assert cases.digest_of_text(kinds) == want["kinds"], kind
        assert math.fsum(streams) == want["stream"], kind
        if isinstance(want["result"], list):
            found = transform_cases.summary(arrays)
            assert found == pytest.approx(want["result"], rel=1e-4, abs=1e-5), kind
        else:
            assert transform_cases.digest(arrays) == want["result"], kind
