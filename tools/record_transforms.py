"""Record tests/golden/transforms.json: what torchvision makes of images in tests/vision/transform_cases.py.

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
from torchvision_reference import reference  # noqa: E402

torchvision = reference()

NUMBERS = range(6)


def main() -> None:
    """Write, for every case and kind of image, its printed form and a digest or a few numbers."""
    warnings.simplefilter("ignore")
    transforms = torchvision.transforms
    rows = {}
    for name, kind in cases.PAIRS:
        arrays, streams = [], []
        for number in NUMBERS:
            _, found, stream = cases.apply(torch, transforms, name, kind, number)
            arrays += found
            streams += stream
        floats = arrays[0].dtype.kind == "f"
        rows[f"{name}, {kind}"] = {
            "repr": repr(cases.CASES[name][1](transforms)),
            "stream": math.fsum(streams),
            "result": cases.summary(arrays) if floats else cases.digest(arrays),
        }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
    path = ROOT / "tests" / "golden" / "transforms.json"
    path.write_text(f'{{"torchvision": "{torchvision.__version__}", "cases": {{\n{lines}\n}}}}\n')
    print(f"{len(rows)} cases in {path}")


if __name__ == "__main__":
    main()
