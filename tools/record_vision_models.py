"""Record what torchvision's models are: tests/golden/vision_models.json.

For some models: digests of the starting values for seed 0 and of the layers, and a few numbers of outputs and
gradients. For all of them ("layers"): the digest of the layers. Run it with PyTorch 2.13.0 and torchvision 0.28 installed: ``python tools/record_vision_models.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "vision"), str(ROOT / "tests" / "conformance")]

import model_cases as cases  # noqa: E402
import torch  # noqa: E402
from torchvision_reference import reference  # noqa: E402


def record(case: tuple) -> dict:
    model = cases.build(torch, reference().models, case)
    found = {"state": cases.digest(model), "text": cases.text_digest(model)}
    return found | cases.summary(cases.run(torch, model, case[2]))


def layers(name: str) -> str:
    # torchvision computes the sizes of regnets with tensors that must have values.
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        return cases.text_digest(reference().models.get_model(name, **cases.required(name)))


def main() -> None:
    records = {name: record(case) for name, case in cases.SMALL.items()}
    models = reference().models
    names = [name for name in models.list_models(module=models) if name != "maxvit_t"]
    records["layers"] = {name: layers(name) for name in names}
    path = ROOT / "tests" / "golden" / "vision_models.json"
    path.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {len(names)} models, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
