"""The notes' training loop on all of Fashion-MNIST: the same curve as PyTorch's from the same seed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

PROGRAM = Path(__file__).resolve().parents[1] / "examples" / "programs" / "lenet_train_ch6.py"
FOLDER = Path("/usr/share/datasets/fashion-mnist")


def epochs(*command):
    done = subprocess.run(
        [sys.executable, *command, str(PROGRAM), str(FOLDER), "3"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"epoch \d+: (\S+) (\S+) (\S+)", done.stdout)
    assert len(rows) == 3
    return [tuple(map(float, row)) for row in rows]


@pytest.mark.skipif(not FOLDER.exists(), reason="needs Debian's package dataset-fashion-mnist")
def test_loss_of_three_epochs_agrees_to_three_digits():
    ours, theirs = epochs("-m", "rushlight", "run"), epochs()
    for (loss, train, test), (expected_loss, expected_train, expected_test) in zip(ours, theirs):
        assert f"{loss:.3g}" == f"{expected_loss:.3g}" or abs(loss - expected_loss) < 5e-4
        assert abs(train - expected_train) < 2e-3
        assert abs(test - expected_test) < 1e-2
