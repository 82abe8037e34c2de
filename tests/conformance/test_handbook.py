"""What the handbook shows is what PyTorch 2.13 prints, except in blocks marked as Rushlight's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import handbook_pages as handbook  # noqa: E402

pytest.importorskip("torch", reason="compares with PyTorch 2.13")


@pytest.mark.parametrize("name", handbook.pages())
def test_page(name, tmp_path):
    page = handbook.ENGLISH / name
    shown = handbook.blocks(page)
    printed = handbook.output_of(page, tmp_path)
    compared = 0
    for block, output in zip(shown, printed):
        if not block.own_code and not block.own_output:
            assert handbook.agrees(block.output, output), (block.code, block.output, output)
            compared += 1
    assert compared > len(shown) / 3
