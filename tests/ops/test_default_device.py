"""What is made while another device is the default."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch


@pytest.mark.parametrize("data", [1.0, [1, 2], [1.5 + 2j], [], np.ones(2), [True]])
def test_tensor_goes_to_the_default_device(data):
    with torch.device("meta"):
        made = torch.tensor(data)
        kept = torch.tensor(data, device="cpu")
    assert made.device.type == "meta"
    assert made.shape == kept.shape and made.dtype == kept.dtype
    assert kept.tolist() == np.asarray(data).tolist()


def test_batch_norm_is_made_without_memory():
    with torch.device("meta"):
        layer = torch.nn.BatchNorm2d(3)
    assert {t.device.type for t in layer.state_dict().values()} == {"meta"}
