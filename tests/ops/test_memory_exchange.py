"""Memory shared with numpy, by its own interface and by DLPack."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch


def test_from_numpy_shares_memory_both_ways() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = torch.from_numpy(array)
    array[0, 0] = 7
    tensor[1, 2] = 9
    assert tensor[0, 0].item() == 7
    assert array[1, 2] == 9
    assert np.shares_memory(tensor.numpy(), array)


def test_strides_travel() -> None:
    array = np.arange(12.0).reshape(3, 4)[:, ::2]
    tensor = torch.from_numpy(array)
    assert tensor.stride() == (4, 2)
    assert tensor.t().numpy().strides == (16, 32)


def test_negative_strides_are_refused() -> None:
    with pytest.raises(ValueError, match="stride in the given numpy array is negative"):
        torch.from_numpy(np.arange(3.0)[::-1])


def test_dlpack_shares_memory_both_ways() -> None:
    tensor = torch.zeros(2, 2)
    array = np.from_dlpack(tensor)
    tensor[0, 0] = 3
    assert array[0, 0] == 3
    back = torch.from_dlpack(array)
    assert back.data_ptr() == tensor.data_ptr()


def test_memory_outlives_its_maker() -> None:
    tensor = torch.from_numpy(np.full(1000, 5.0))
    array = torch.full((1000,), 6.0).numpy()
    assert tensor.sum().item() == 5000
    assert array.sum() == 6000


def test_a_tensor_that_requires_grad_is_refused() -> None:
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        torch.ones(2, requires_grad=True).numpy()
