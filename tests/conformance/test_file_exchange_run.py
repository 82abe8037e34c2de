"""What a program under `rushlight run` saves, PyTorch reads, and the reverse."""

from __future__ import annotations

import pickle

import pytest

torch = pytest.importorskip("torch")

WRITER = """
import copy, pickle, torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)


net = Net()
torch.save(net.state_dict(), "state.pkl")
torch.save(net, "net.pt")
torch.save(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), "layers.pt")
with open("plain.pickle", "wb") as f:
    pickle.dump({"w": net.fc.weight, "t": torch.arange(3.0), "d": torch.float32}, f)
with open("plain.pickle", "rb") as f:
    assert pickle.load(f)["w"].tolist() == net.fc.weight.tolist()
assert copy.deepcopy(net).fc.weight.tolist() == net.fc.weight.tolist()
try:
    torch.load("net.pt")
except pickle.UnpicklingError as error:
    print("refused", "GLOBAL __main__.Net" in str(error))
print(torch.load("net.pt", weights_only=False))
print(torch.load("theirs.pt"))
print(repr(torch.FloatStorage), torch.load("state.pkl")["fc.weight"].tolist() == net.fc.weight.tolist())
"""


def test_files_of_a_program(rushlight_run, tmp_path):
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Conv2d(1, 1, 1))
    torch.save(theirs, tmp_path / "theirs.pt")
    done = rushlight_run(WRITER)
    assert done.returncode == 0, done.stderr
    net = "Net(\n  (fc): Linear(in_features=2, out_features=3, bias=True)\n)"
    expected = ["refused True", net, repr(theirs), "<class 'torch.FloatStorage'> True"]
    assert done.stdout == "\n".join(expected) + "\n"
    state = torch.load(tmp_path / "state.pkl")
    layers = torch.load(tmp_path / "layers.pt", weights_only=False)
    assert type(layers[0]) is torch.nn.Linear and layers[1].p == 0.5
    with open(tmp_path / "plain.pickle", "rb") as f:
        plain = pickle.load(f)
    assert torch.equal(plain["w"], state["fc.weight"])
    assert isinstance(plain["w"], torch.nn.Parameter) and plain["d"] is torch.float32
