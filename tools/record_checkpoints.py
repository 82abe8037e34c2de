"""Record checkpoints written by PyTorch: tests/golden/checkpoints/*.pt and what they contain.

Run it with the reference PyTorch (2.13.0) installed: ``python tools/record_checkpoints.py``.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "golden" / "checkpoints"
DTYPES = (
    "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128"
).split()


def objects(torch):
    """Name -> object and options of ``torch.save``."""
    torch.manual_seed(0)
    base = torch.arange(12.0).reshape(3, 4)
    yield "dtypes", {d: torch.tensor([0, 1, 1, 0]).to(getattr(torch, d)) for d in DTYPES}, {}
    views = {"all": base, "t": base.t(), "row": base[1], "part": base[1:, ::2]}
    yield "views", views, {}
    yield "stream", views, {"_use_new_zipfile_serialization": False}
    small = {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "meta": (1, [None, "é"])}
    yield "small", small, {}
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model(torch.ones(5, 3)).sum().backward()
    optimizer.step()
    yield (
        "training",
        {
            "epoch": 3,
            "model_state_dict": model.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "loss": 0.25,
        },
        {},
    )
    yield "module", model.eval(), {}
    tied = OrderedDict(a=model[0].weight, b=model[0].weight)
    yield "tied_protocol4", tied, {"pickle_protocol": 4}


def plain(torch, x):
    """The object as JSON values."""
    if isinstance(x, torch.Tensor):
        values = x.detach()
        values = values.float() if x.dtype == torch.bfloat16 else values
        listed = torch.view_as_real(values) if x.dtype.is_complex else values
        return {
            "dtype": str(x.dtype),
            "size": list(x.shape),
            "stride": list(x.stride()),
            "requires_grad": x.requires_grad,
            "values": listed.tolist(),
        }
    if isinstance(x, torch.nn.Module):
        return [repr(x), plain(torch, dict(x.state_dict()))]
    if isinstance(x, dict):
        return [[str(k), plain(torch, v)] for k, v in x.items()]
    if isinstance(x, (list, tuple)):
        return [plain(torch, v) for v in x]
    return x


def main() -> None:
    import torch

    FOLDER.mkdir(parents=True, exist_ok=True)
    contents = {}
    for name, value, options in objects(torch):
        torch.save(value, FOLDER / f"{name}.pt", **options)
        contents[name] = plain(torch, value)
    body = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in contents.items())
    (FOLDER / "contents.json").write_text("{\n" + body + "\n}\n")


if __name__ == "__main__":
    main()
