"""LeNet on Fashion-MNIST under Rushlight and under PyTorch, from the same seed: both columns.

python benchmarks/lenet_agreement.py [--epochs 3] [--images 60000] [--root /usr/share/datasets/fashion-mnist]

The program is the training loop of the notes, tests/examples/programs/lenet_train_ch6.py. Needs PyTorch; the exit code
is 1 where a loss differs in its first three digits.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "tests/examples/programs/lenet_train_ch6.py"


def epochs(command: list[str], args: argparse.Namespace) -> list[tuple[float, ...]]:
    """Training loss, training accuracy and test accuracy of each epoch."""
    done = subprocess.run(
        [sys.executable, *command, str(PROGRAM), args.root, str(args.epochs), str(args.images)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    rows = re.findall(r"epoch \d+: (\S+) (\S+) (\S+)", done.stdout)
    return [tuple(map(float, row)) for row in rows]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=60000)
    parser.add_argument("--root", default="/usr/share/datasets/fashion-mnist")
    args = parser.parse_args()
    ours, theirs = epochs(["-m", "rushlight", "run"], args), epochs([], args)
    print("epoch  loss: rushlight    PyTorch  difference   train accuracy      test accuracy")
    agree = len(ours) == len(theirs) == args.epochs
    for i, (a, b) in enumerate(zip(ours, theirs), 1):
        print(
            f"{i:5}  {a[0]:15.6f} {b[0]:10.6f}  {abs(a[0] - b[0]):10.1e}"
            f"   {a[1]:.4f} {b[1]:.4f}       {a[2]:.4f} {b[2]:.4f}"
        )
        agree &= abs(a[0] - b[0]) <= 0.5e-3 * abs(b[0]) + 1e-12
    print("agree to three digits" if agree else "differ")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
