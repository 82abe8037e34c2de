"""Every transform on 50 random images with 20 seeds, side by side with torchvision 0.28.

Results of PIL images and of bytes are equal, floats as close as `assert_close` wants, and both leave the random
streams in the same place.
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
from rushlight.vision import transforms  # noqa: E402

torchvision = reference()

sys.path.insert(0, str(Path(__file__).parents[1] / "vision"))
import transform_cases as cases  # noqa: E402

NUMBERS = {"float": 20, "batch": 6}  # of other kinds: all


@pytest.mark.parametrize("name", cases.CASES)
def test_transform(name):
    reference = torchvision.transforms
    assert repr(cases.CASES[name][1](transforms)) == repr(cases.CASES[name][1](reference))
    for kind in cases.CASES[name][0]:
        for number in range(NUMBERS.get(kind, cases.IMAGES)):
            where = f"{kind}, image {number}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                modes, expected, stream = cases.apply(torch, reference, name, kind, number)
                found_modes, found, found_stream = cases.apply(
                    rushlight, transforms, name, kind, number
                )
            assert found_stream == stream, where
            assert found_modes == modes, where
            for a, b in zip(found, expected, strict=True):
                assert (a.dtype, a.shape) == (b.dtype, b.shape), where
                if a.dtype.kind == "f":
                    torch.testing.assert_close(torch.tensor(a), torch.tensor(b), msg=where)
                else:
                    assert numpy.array_equal(a, b), where
