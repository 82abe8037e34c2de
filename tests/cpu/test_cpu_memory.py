"""The figures of the allocator: what tensors hold, and that training holds no more as it goes on."""

from __future__ import annotations

import gc

import rushlight as torch
from rushlight import nn


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 10),
    )


def test_training_holds_no_more_memory_as_it_goes_on() -> None:
    torch.manual_seed(0)
    model = lenet()
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(16, 1, 28, 28), torch.randint(0, 10, (16,))
    held, peaks = {}, {}
    gc.collect()
    for step in range(1, 201):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        del loss
        if step in (10, 200):
            stats = torch.cpu.memory_stats()
            held[step] = {k: stats[f"{k}.all.current"] for k in ("allocation", "allocated_bytes")}
            peaks[step] = stats["reserved_bytes.all.peak"]
    assert held[10] == held[200]
    assert peaks[10] == peaks[200]


def test_figures_follow_tensors() -> None:
    torch.cpu.empty_cache()
    before = torch.cpu.memory_allocated()
    x = torch.empty(1 << 20)
    assert torch.cpu.memory_allocated() - before == 4 << 20
    torch.cpu.reset_peak_memory_stats()
    assert torch.cpu.max_memory_allocated() == torch.cpu.memory_allocated()
    y = torch.empty(1 << 20)
    assert torch.cpu.max_memory_allocated() - before == 8 << 20
    del y
    assert torch.cpu.memory_allocated() - before == 4 << 20
    assert torch.cpu.max_memory_allocated() - before == 8 << 20
    reserved = torch.cpu.memory_reserved()
    torch.cpu.empty_cache()
    assert reserved - torch.cpu.memory_reserved() >= 4 << 20
    del x
    assert torch.cpu.memory_allocated() == before


def test_the_summary_names_what_is_held() -> None:
    kept = torch.empty(3 << 18)
    text = torch.cpu.memory_summary()
    assert kept.numel() == 3 << 18
    for title in ("memory in use", "memory held", "small pool", "large pool", "failed allocations"):
        assert title in text
    assert "small pool" not in torch.cpu.memory_summary(abbreviated=True)
