"""Fixtures of the comparisons with PyTorch."""

from __future__ import annotations

import pytest


@pytest.fixture
def one_thread():
    """Both libraries with one thread: where the inputs are small, more threads only wait for each other."""
    torch = pytest.importorskip("torch")
    import rushlight

    before = torch.get_num_threads(), rushlight.get_num_threads()
    torch.set_num_threads(1)
    rushlight.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    rushlight.set_num_threads(before[1])
