"""Regions of mixed precision and the loss scaler."""

import pytest

import rushlight as torch


def test_regions_nest_and_restore():
    assert not torch.is_autocast_enabled("cpu")
    with torch.autocast("cpu", dtype=torch.float16):
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") is torch.float16
        with torch.amp.autocast("cpu", enabled=False):
            assert not torch.is_autocast_enabled("cpu")
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")
    assert torch.get_autocast_dtype("cpu") is torch.bfloat16


def test_region_as_decorator():
    @torch.autocast("cpu")
    def inside():
        return torch.is_autocast_enabled("cpu")

    assert inside() and not torch.is_autocast_enabled("cpu")


def test_unknown_devices_and_dtypes():
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'tpu'"):
        torch.autocast("tpu")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        torch.autocast(1)
    with pytest.warns(UserWarning, match="target dtype is not supported"):
        torch.autocast("cpu", dtype=torch.float64)


def test_older_spellings_warn():
    with pytest.warns(FutureWarning, match="deprecated"):
        torch.cpu.amp.autocast()
    with (
        pytest.warns(FutureWarning, match="deprecated"),
        pytest.warns(UserWarning, match="CUDA is not"),
    ):
        scaler = torch.cuda.amp.GradScaler()
    assert not scaler.is_enabled()
    loss = torch.ones(1)
    assert scaler.scale(loss) is loss and scaler.state_dict() == {}


def make_step(scale):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    return w, optimizer, torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=2)


def test_scaler_steps_and_grows():
    w, optimizer, scaler = make_step(8.0)
    for _ in range(2):
        optimizer.zero_grad()
        scaler.scale((w * w).sum()).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    assert w.tolist() == [1.0, 1.0]  # 1 - 2 = -1, then -1 + 2
    assert scaler.get_scale() == 16.0
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 16.0


def test_scaler_skips_steps_that_overflow():
    w, optimizer, scaler = make_step(8.0)
    scaler.scale((w * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [1.0, 1.0] and scaler.get_scale() == 4.0


def test_scaler_refuses_double_calls():
    w, optimizer, scaler = make_step(8.0)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called on this optimizer"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called"):
        scaler.step(optimizer)


def test_custom_function():
    class Twice(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            return g * 2

    x = torch.ones(1, requires_grad=True)
    with torch.autocast("cpu"):
        y = Twice.apply(x)
    y.backward()
    assert x.grad.tolist() == [2.0]
