"""What programs ask and set before they train, on a machine without a GPU."""

from __future__ import annotations

import pytest

import rushlight as torch


def test_no_gpu():
    assert not torch.cuda.is_available()
    assert torch.cuda.device_count() == 0
    assert not torch.backends.mps.is_available()
    assert not torch.backends.cudnn.is_available()
    assert torch.backends.cudnn.version() is None
    assert torch.version.cuda is None


def test_seeding_a_gpu_that_is_not_there_is_silent():
    torch.cuda.manual_seed(1)
    torch.cuda.manual_seed_all(1)
    torch.cuda.empty_cache()
    assert torch.cuda.max_memory_allocated() == 0


def test_work_on_a_gpu_is_refused_with_advice():
    for call in (torch.cuda.current_device, torch.cuda.synchronize, torch.cuda.get_device_name):
        with pytest.raises(
            AssertionError, match="Torch not compiled with CUDA enabled\n.*device='cpu'"
        ):
            call()


def test_cudnn_flags():
    cudnn = torch.backends.cudnn
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == (True, False, False)
    with cudnn.flags(enabled=True, deterministic=True):
        assert (cudnn.benchmark, cudnn.deterministic) == (False, True)
    assert (cudnn.enabled, cudnn.deterministic) == (True, False)
    cudnn.deterministic = True
    assert torch.backends.cudnn.deterministic
    cudnn.deterministic = False
    with torch.backends.mkldnn.flags(enabled=False):
        assert not torch.backends.mkldnn.enabled
    assert torch.backends.mkldnn.enabled


def test_instruction_level():
    assert torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
