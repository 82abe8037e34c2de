"""Record what the programs of the tests print under PyTorch 2.13, into tests/golden/programs/.

python tools/record_programs.py        (needs torch==2.13.0, and torchvision==0.28 for one of them)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "dummy_model": ["tests/examples/programs/dummy_model.py"],
    "data_loader": ["tests/examples/programs/data_loader.py"],
    "quickstart": ["examples/quickstart.py"],
    "char_rnn": ["examples/char_rnn.py", "--steps", "20"],
    "attention_weights": ["examples/attention_weights.py", "--steps", "20"],
    "custom_function": ["examples/custom_function.py", "--steps", "20"],
    "finetune_resnet": ["examples/finetune_resnet.py", "--steps", "3", "--lr", "1e-5"],
}
# Declares torchvision's native operators, should its library fit another PyTorch, and runs a program.
VISION = (
    "import runpy, sys; sys.path.insert(0, sys.argv[1]); import torchvision_reference; "
    "torchvision_reference.reference(); sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def main() -> None:
    import torch

    if not torch.__version__.startswith("2.13.0"):
        raise SystemExit(f"the reference is torch 2.13.0, not {torch.__version__}")
    folder = ROOT / "tests" / "golden" / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (path, *arguments) in PROGRAMS.items():
        command = [str(ROOT / path), *arguments]
        if "torchvision" in (ROOT / path).read_text(encoding="utf-8"):
            command = ["-c", VISION, str(ROOT / "tests" / "conformance"), *command]
        with tempfile.TemporaryDirectory() as place:
            done = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, check=True, cwd=place
            )
        (folder / f"{name}.txt").write_text(done.stdout, encoding="utf-8")


if __name__ == "__main__":
    main()
