"""Checkpoints that PyTorch 2.13 wrote (tools/record_checkpoints.py) load with what it put in."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import rushlight as torch

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "golden" / "checkpoints"
CONTENTS = json.loads((FOLDER / "contents.json").read_text())


def plain():
    path = ROOT / "tools" / "record_checkpoints.py"
    spec = importlib.util.spec_from_file_location("record_checkpoints", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.plain


@pytest.mark.parametrize("name", CONTENTS)
def test_contents(name):
    read = torch.load(FOLDER / f"{name}.pt")
    assert json.loads(json.dumps(plain()(torch, read))) == CONTENTS[name]


@pytest.mark.parametrize("name", CONTENTS)
def test_contents_run_as_a_pickle(name):
    read = torch.load(FOLDER / f"{name}.pt", weights_only=False)
    assert json.loads(json.dumps(plain()(torch, read))) == CONTENTS[name]


def test_views_share_memory():
    for name in ("views", "stream"):
        read = torch.load(FOLDER / f"{name}.pt")
        read["all"][1, 0] = -1.0
        assert read["t"][0, 1].item() == read["row"][0].item() == read["part"][0, 0].item() == -1


def test_tied_parameters_stay_one():
    read = torch.load(FOLDER / "tied_protocol4.pt")
    assert read["a"] is read["b"]


def test_model_trains_on(tmp_path):
    saved = torch.load(FOLDER / "training.pt")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU())
    model.load_state_dict(saved["model_state_dict"])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    optimizer.load_state_dict(saved["optimizer_state_dict"])
    assert optimizer.param_groups[0]["lr"] == 0.01
    model(torch.ones(5, 3)).sum().backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    again = torch.load(tmp_path / "optimizer.pt")
    assert again["state"][0]["step"].item() == 2.0
