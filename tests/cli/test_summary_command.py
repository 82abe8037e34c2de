"""`rushlight summary`: the model of a file or module as a table."""

from __future__ import annotations

import pytest

NET = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, n, 3), nn.Linear(n, 2)

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))

def make():
    return Net(5)

ready = Net(4)

if __name__ == "__main__":
    raise SystemExit("the file was run, not loaded")
"""


@pytest.fixture
def show(rushlight_command, tmp_path):
    (tmp_path / "net.py").write_text(NET)
    return lambda *args: rushlight_command("summary", *args)


@pytest.mark.parametrize(
    ("name", "params"),
    [("Net", "92"), ("Net(7)", "212"), ("make", "152"), ("make()", "152"), ("ready", "122")],
)
def test_models_of_a_file(show, name, params):
    done = show(f"net.py:{name}", "--input-size", "2,3,8,8")
    assert done.returncode == 0, done.stderr
    assert f"Total params: {params}\n" in done.stdout
    assert "├─Conv2d: 1-1                            [2, " in done.stdout
    assert "Mult-Adds" in done.stdout.splitlines()[1]


def test_options(show):
    args = "--var-names --depth 1 --col-names num_params,trainable --mode train --verbose".split()
    done = show("net:Net", "--input-size", "1x3x8x8", *args)
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert rows[1] == "Layer (type (var_name):depth-idx) Param # Trainable", done.stderr
    assert "├─Conv2d (conv): 1-1 84 True" in rows and "│ └─weight ├─81" in rows
    done = show("torch.nn:Embedding(5, 3)", "--input-size", "1,2", "--dtype", "int64")
    assert "Embedding                                [1, 2, 3]                 15" in done.stdout
    done = show("net.py:Net")
    assert "Param #" in done.stdout and "mult-adds" not in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["net.py:Nat"], 2, "name 'Nat' is not defined; classes there: Net"),
        (["nit.py:Net"], 2, "no file nit.py"),
        (["nit:Net"], 2, "no module nit"),
        (["net.py"], 2, "expected FILE.py:NAME"),
        (["net.py:torch"], 2, "torch in net.py is of type module, expected an nn.Module"),
        (["torch.nn:Linear"], 2, "give its arguments: 'torch.nn:Linear(...)'"),
        (["net.py:Net", "--input-size", "a,b"], 2, "'a,b' is not a size such as 1,3,224,224"),
        (["net.py:Net", "--input-size", "1,3,8,8", "--dtype", "int65"], 2, "no dtype 'int65'"),
        (["net.py:Net", "--dtype", "int64"], 2, "1 --dtype for 0 --input-size"),
        (
            ["net.py:Net", "--input-size", "1,4,8,8"],
            1,
            "summary: Net failed on inputs of sizes [[1, 4, 8, 8]]",
        ),
        (["net.py:Net", "--col-names", "x"], 1, "summary: col_names: got 'x'"),
    ],
)
def test_refusals(show, args, code, text):
    done = show(*args)
    assert done.returncode == code, done.stderr
    assert text in done.stderr and "Traceback" not in done.stderr and not done.stdout
