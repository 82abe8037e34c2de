"""Record what torchvision makes of the images and samples in tests/vision/transform_cases.py and _v2_cases.py.

Writes tests/golden/transforms.json and transforms_v2.json.

Run with PyTorch 2.13, torchvision 0.28 and Pillow installed:  python tools/record_transforms.py
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "vision"), str(ROOT / "tests" / "conformance")]

import torch  # noqa: E402
import transform_cases as cases  # noqa: E402
import transform_v2_cases as v2_cases  # noqa: E402
from torchvision_reference import reference  # noqa: E402

torchvision = reference()

NUMBERS = range(6)
SAMPLES = range(3)


def summary(arrays: list) -> object:
    """A digest of bytes, a few numbers of floats."""
    kinds = {array.dtype.kind for array in arrays}
    return cases.summary(arrays) if "f" in kinds else cases.digest(arrays)


def rows_of_v1() -> dict[str, dict]:
    """For every case and kind of image: its printed form, and a digest or a few numbers."""
    transforms, rows = torchvision.transforms, {}
    for name, kind in cases.PAIRS:
        arrays, streams = [], []
        for number in NUMBERS:
            _, found, stream = cases.apply(torch, transforms, name, kind, number)
            arrays += found
            streams += stream
        rows[f"{name}, {kind}"] = {
            "repr": repr(cases.CASES[name][1](transforms)),
            "stream": math.fsum(streams),
            "result": summary(arrays),
        }
    return rows


def rows_of_v2() -> dict[str, dict]:
    """The same of samples; and the kinds of their parts."""
    library, rows = v2_cases.Library(torch, torchvision), {}
    for name, kind in v2_cases.PAIRS:
        arrays, streams, kinds = [], [], []
        for number in SAMPLES:
            found, stream = v2_cases.apply(library, name, kind, number)
            arrays += [array for _, _, array in found if array is not None]
            kinds += [f"{kind} {particulars}" for kind, particulars, _ in found]
            streams.append(stream)
        rows[f"{name}, {kind}"] = {
            "repr": repr(v2_cases.CASES[name][1](library)),
            "kinds": v2_cases.digest_of_text(kinds),
            "stream": math.fsum(streams),
            "result": summary(arrays),
        }
    return rows


def main() -> None:
    """Write both files."""
    warnings.simplefilter("ignore")
    for file, rows in (("transforms", rows_of_v1()), ("transforms_v2", rows_of_v2())):
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
        path = ROOT / "tests" / "golden" / f"{file}.json"
        path.write_text(
            f'{{"torchvision": "{torchvision.__version__}", "cases": {{\n{lines}\n}}}}\n'
        )
        print(f"{len(rows)} cases in {path}")


if __name__ == "__main__":
    main()
