"""What the handbook shows is what PyTorch 2.13 prints, except in blocks marked as Rushlight's own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import handbook_pages as handbook  # noqa: E402

pytest.importorskip("torch", reason="compares with PyTorch 2.13")


def compared(page: Path) -> list[bool]:
    """For each block of a page: is it more than Rushlight's own?"""
    return [not block.own_code and not block.own_output for block in handbook.blocks(page)]


@pytest.mark.parametrize(
    "name", [name for name in handbook.pages() if any(compared(handbook.ENGLISH / name))]
)
def test_page(name, tmp_path):
    page = handbook.ENGLISH / name
    command = handbook.UNDER_PYTORCH
    if handbook.uses_torchvision(page):
        if importlib.util.find_spec("torchvision") is None:
            pytest.skip("torchvision 0.28 is not installed")
        command = handbook.UNDER_TORCHVISION
    printed = handbook.output_of(page, tmp_path, command)
    for block, output, shared in zip(handbook.blocks(page), printed, compared(page), strict=True):
        if shared:
            assert handbook.agrees(block.output, output), (block.code, block.output, output)


def test_most_of_the_handbook_is_compared():
    shared = [flag for name in handbook.pages() for flag in compared(handbook.ENGLISH / name)]
    assert sum(shared) > 0.7 * len(shared)
