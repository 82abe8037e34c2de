"""Transforms of `transforms.v2` on samples of all kinds with 12 seeds, side by side with torchvision 0.28.

Bytes, labels and masks are equal, floats as close as `assert_close` wants, and both leave the random stream in the same
place.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy
import pytest

pytest.importorskip("PIL")

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

from torchvision_reference import reference  # noqa: E402

import rushlight  # noqa: E402
from rushlight import vision  # noqa: E402

torchvision = reference()

sys.path.insert(0, str(Path(__file__).parents[1] / "vision"))
import transform_v2_cases as cases  # noqa: E402

REFERENCE, OURS = cases.Library(torch, torchvision), cases.Library(rushlight, vision)


@pytest.mark.parametrize("name", cases.CASES)
def test_transform(name):
    make = cases.CASES[name][1]
    assert repr(make(OURS)) == repr(make(REFERENCE))
    for kind in cases.CASES[name][0]:
        for number in range(cases.IMAGES):
            where = f"{kind}, image {number}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected, stream = cases.apply(REFERENCE, name, kind, number)
                found, found_stream = cases.apply(OURS, name, kind, number)
            assert found_stream == stream, where
            assert [part[:2] for part in found] == [part[:2] for part in expected], where
            for (_, _, a), (_, _, b) in zip(found, expected, strict=True):
                if b is None:
                    assert a is None, where
                    continue
                assert (a.dtype, a.shape) == (b.dtype, b.shape), where
                if b.dtype.kind == "f":
                    torch.testing.assert_close(torch.tensor(a), torch.tensor(b), msg=where)
                else:
                    assert numpy.array_equal(a, b), where
