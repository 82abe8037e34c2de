"""Samplers and loaders draw the orders PyTorch 2.13 draws (tools/record_data_golden.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import rushlight as torch

sys.path.insert(0, str(Path(__file__).parent))
import data_cases as cases  # noqa: E402

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "data_order.json").read_text(encoding="utf-8")
)
SEEDS = (0, 42)


@pytest.mark.parametrize("seed", SEEDS)
def test_samplers(seed: int) -> None:
    assert cases.samplers(torch, seed) == GOLDEN[f"samplers {seed}"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", cases.LOADERS)
def test_loader(name: str, seed: int) -> None:
    assert cases.loader_epochs(torch, name, seed) == GOLDEN[f"{name} {seed}"]


@pytest.mark.parametrize("name", ["shuffled", "own", "one by one", "subset", "sampler"])
def test_workers_change_nothing(name: str) -> None:
    assert cases.loader_epochs(torch, name, 42, num_workers=2) == GOLDEN[f"{name} 42"]


def test_samples_fetched_one_by_one_give_the_same() -> None:
    class Plain(torch.utils.data.TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)

    def epoch(kind) -> list:
        torch.manual_seed(3)
        data = kind(torch.arange(10), torch.arange(20.0).reshape(10, 2))
        return [
            [part.tolist() for part in batch]
            for batch in torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
        ]

    assert epoch(Plain) == epoch(torch.utils.data.TensorDataset)


def test_persistent_workers_draw_the_base_seed_once() -> None:
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.arange(6))
    loader = torch.utils.data.DataLoader(
        data, batch_size=6, shuffle=True, num_workers=1, persistent_workers=True
    )
    epochs = [next(iter(loader))[0].tolist() for _ in range(2)]
    torch.manual_seed(0)
    torch.empty((), dtype=torch.int64).random_()
    expected = []
    for _ in range(2):
        seed = int(torch.empty((), dtype=torch.int64).random_())
        generator = torch.Generator().manual_seed(seed)
        expected.append(torch.randperm(6, generator=generator).tolist())
    assert epochs == expected
