"""Large files are written to the disk early and given back late: what is there stays the same."""

from __future__ import annotations

import os

import rushlight as torch


def test_a_large_file_replaces_a_large_file(tmp_path) -> None:
    path = tmp_path / "model.pth"
    first = {"w": torch.arange(6_000_000, dtype=torch.float32)}  # 24 MB: beyond both thresholds
    torch.save(first, path)
    reader = open(path, "rb")
    torch.save({"w": first["w"] * 2}, path)
    assert os.listdir(tmp_path) == ["model.pth"]
    assert torch.equal(torch.load(path)["w"], first["w"] * 2)
    with reader:  # who had the old file open still reads it
        assert torch.equal(torch.load(reader)["w"], first["w"])


def test_a_large_file_is_saved_where_no_thread_can_start(tmp_path, monkeypatch) -> None:
    def refuse(self) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    path = tmp_path / "model.pth"
    weights = {"w": torch.arange(6_000_000, dtype=torch.float32)}
    torch.save(weights, path)
    open_files = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr("threading.Thread.start", refuse)
        torch.save({"w": weights["w"] + 1}, path)
    assert torch.equal(torch.load(path)["w"], weights["w"] + 1)
    assert len(os.listdir("/proc/self/fd")) == open_files
    assert os.listdir(tmp_path) == ["model.pth"]
