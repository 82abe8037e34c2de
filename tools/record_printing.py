"""Record how PyTorch prints tensors: tests/golden/printing.json.

Each record is an expression over ``torch``, the print options in force and the text. Run it with
the reference PyTorch (2.13.0) installed: ``python tools/record_printing.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "printing.json"

# Expressions printed with the default options.
PLAIN = [
    "torch.tensor(3.5)",
    "torch.tensor(7)",
    "torch.tensor(True)",
    "torch.tensor(-0.0)",
    "torch.tensor(float('nan'))",
    "torch.tensor(1e-7)",
    "torch.tensor([])",
    "torch.tensor([], dtype=torch.int64)",
    "torch.tensor([], dtype=torch.float64)",
    "torch.zeros(0, 3)",
    "torch.zeros(2, 0, 3, dtype=torch.int32)",
    "torch.tensor([1.0, 2.0, 3.0])",
    "torch.tensor([1.0, 2.5, -3.25])",
    "torch.tensor([0.1, 100.0, 1000.0])",
    "torch.tensor([0.1, 100.0, 1000.0, float('inf')])",
    "torch.tensor([1.0, float('nan'), float('-inf')])",
    "torch.tensor([float('nan'), float('inf')])",
    "torch.tensor([1e-5, 1.0])",
    "torch.tensor([1e9, 1.0])",
    "torch.tensor([99999999.0, 1.0])",
    "torch.tensor([100000001.0, 12345.0], dtype=torch.float64)",
    "torch.tensor([1.0001, -0.0])",
    "torch.tensor([0.0, -0.0])",
    "torch.tensor([[1, -20], [300, 4]])",
    "torch.tensor([[1, -20], [100, 4]], dtype=torch.int8)",
    "torch.tensor([1, 2], dtype=torch.uint8)",
    "torch.tensor([1, 2], dtype=torch.int16)",
    "torch.tensor([1, 2], dtype=torch.int32)",
    "torch.tensor([[True, False], [False, False]])",
    "torch.tensor([1.5, 2.5], dtype=torch.float16)",
    "torch.tensor([0.1, 2.5], dtype=torch.bfloat16)",
    "torch.tensor([65504.0, 1.0], dtype=torch.float16)",
    "torch.tensor([1 + 2j, -0.5j])",
    "torch.tensor(1 - 2j, dtype=torch.complex128)",
    "torch.tensor([1e6 + 1e-6j, complex('nan')])",
    "torch.tensor([1.0, 2.0], dtype=torch.float64)",
    "torch.arange(24).reshape(2, 3, 4)",
    "torch.arange(24.0).reshape(2, 3, 4) / 7",
    "torch.arange(16).reshape(2, 2, 2, 2)",
    "torch.arange(100)",
    "torch.arange(100.0) * 1.25",
    "torch.arange(1001)",
    "torch.arange(1000)",
    "torch.arange(2000.0).reshape(40, 50)",
    "torch.arange(3000).reshape(3, 1000)",
    "torch.arange(4096).reshape(8, 8, 8, 8)",
    "torch.arange(1200).reshape(200, 6)",
    "torch.arange(1500, dtype=torch.float64).reshape(1500, 1)",
    "torch.arange(12).reshape(3, 4).t()",
    "torch.ones(2, 3).expand(2, 2, 3)",
    "torch.ones(3, requires_grad=True)",
    "torch.ones(3, requires_grad=True) * 2",
    "(torch.ones(3, requires_grad=True) * 2).sum()",
    "torch.ones(3, dtype=torch.float64, requires_grad=True)",
    "torch.ones(2, 2, requires_grad=True).t()",
    "torch.zeros(7, 9, dtype=torch.float64, requires_grad=True)",
    "torch.nn.Parameter(torch.tensor([1.0, 2.0]))",
    "torch.nn.Parameter(torch.tensor([1.0, 2.0]), requires_grad=False)",
    "torch.zeros(2, 3, device='meta')",
    "torch.zeros(3, dtype=torch.int64, device='meta')",
    "torch.zeros((), device='meta')",
    "torch.Size([2, 3])",
    "torch.Size([])",
    "torch.zeros(4, 5).size()",
    "torch.zeros(4, 5).shape[1:]",
    "torch.float32",
    "torch.bfloat16",
    "torch.device('cpu')",
    "torch.device('meta')",
    "torch.device('cuda', 1)",
    "torch.strided",
    "torch.contiguous_format",
    "torch.channels_last",
    "format(torch.tensor(3.14159), '.2f')",
    "format(torch.tensor(7), '05d')",
    "format(torch.tensor(2.5), '')",
    "format(torch.tensor([1.0]), '')",
    "str(torch.tensor([1.0]))",
    "[torch.tensor(1.0), torch.tensor([2])]",
    "{'loss': torch.tensor(0.25)}",
]

SUMMARISED = [
    "torch.arange(7)",
    "torch.arange(40.0).reshape(5, 8) / 3",
    "torch.tensor(1.5)",
    "torch.arange(120).reshape(4, 5, 6)",
    "torch.tensor([[1 + 1j, 2.5j]] * 9)",
    "torch.tensor([0.00012345, 123456.789])",
    "torch.tensor([1.0, 2.0, float('inf')])",
    "torch.ones(30, 2, dtype=torch.float16, requires_grad=True)",
]
OPTIONS = [
    {"precision": 0},
    {"precision": 8},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 0, "edgeitems": 0},
    {"linewidth": 20},
    {"linewidth": 200, "threshold": 1e6},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "short", "precision": 3, "edgeitems": 1, "threshold": 10},
]


def main() -> None:
    import torch

    records = []

    def record(expr: str, options: dict) -> None:
        torch.set_printoptions(profile="default")
        torch.set_printoptions(**options)
        text = repr(eval(expr, {"torch": torch}))
        records.append({"expr": expr, "options": options, "text": text})

    for expr in PLAIN:
        record(expr, {})
    for options in OPTIONS:
        for expr in SUMMARISED:
            record(expr, options)
    body = ",\n".join(json.dumps(r) for r in records)
    GOLDEN.write_text("[\n" + body + "\n]\n")


if __name__ == "__main__":
    main()
