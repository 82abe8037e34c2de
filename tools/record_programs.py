"""Record what the programs of the tests print under PyTorch 2.13, into tests/golden/programs/.

python tools/record_programs.py        (needs torch==2.13.0)
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "dummy_model": "tests/examples/programs/dummy_model.py",
    "data_loader": "tests/examples/programs/data_loader.py",
    "quickstart": "examples/quickstart.py",
}


def main() -> None:
    import torch

    if not torch.__version__.startswith("2.13.0"):
        raise SystemExit(f"the reference is torch 2.13.0, not {torch.__version__}")
    folder = ROOT / "tests" / "golden" / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in PROGRAMS.items():
        done = subprocess.run(
            [sys.executable, ROOT / path], capture_output=True, text=True, check=True
        )
        (folder / f"{name}.txt").write_text(done.stdout, encoding="utf-8")


if __name__ == "__main__":
    main()
