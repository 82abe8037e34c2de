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


def region(**options):
    return torch.autocast("cpu", dtype=torch.bfloat16, **options)


def test_products_run_in_the_lower_precision_and_gradients_in_float32():
    torch.manual_seed(0)
    m, x = torch.nn.Linear(8, 4), torch.randn(5, 8)
    with region():
        out = m(x)
        assert out.dtype is torch.bfloat16
        assert (x @ m.weight.t()).dtype is torch.bfloat16
        loss = torch.nn.functional.mse_loss(out, torch.zeros(5, 4))
    assert loss.dtype is torch.float32
    loss.backward()
    assert m.weight.grad.dtype is torch.float32 and m.bias.grad.dtype is torch.float32
    # bfloat16 has eight bits: the result is that of rounded factors, rounded
    exact = x.bfloat16().double() @ m.weight.bfloat16().double().t() + m.bias.bfloat16().double()
    assert (out.double() - exact).abs().max().item() <= 2**-8 * exact.abs().max().item()
    assert m(x).dtype is torch.float32


@pytest.mark.parametrize(
    "name, given, result",
    [
        ("exp", "bfloat16", "bfloat16"),  # as its input
        ("prod", "bfloat16", "float32"),
        ("trace", "bfloat16", "float32"),
        ("mm", "float64", "float64"),  # float64 is left alone
        ("mm", "float32", "bfloat16"),
    ],
)
def test_result_types(name, given, result):
    x = torch.ones(3, 3, dtype=getattr(torch, given))
    with region():
        out = getattr(torch, name)(*([x] * (2 if name == "mm" else 1)))
    assert out.dtype is getattr(torch, result)


def test_joined_tensors_take_the_widest_type():
    a, b = torch.ones(2), torch.ones(2, dtype=torch.bfloat16)
    with region():
        assert torch.cat([a, b]).dtype is torch.float32
        assert torch.stack([b, b]).dtype is torch.bfloat16


def test_inner_regions_switch_off_and_on():
    x = torch.ones(2, 2)
    with region():
        with region(enabled=False):
            assert (x @ x).dtype is torch.float32
            with torch.autocast("cpu", dtype=torch.float16):
                assert (x @ x).dtype is torch.float16
        assert (x @ x).dtype is torch.bfloat16
    assert (x @ x).dtype is torch.float32


def casts_of(out):
    """The node that cast the weight of a product."""
    return out.grad_fn.next_functions[1][0]


def test_a_parameter_is_cast_once_in_a_region():
    x, w = torch.ones(2, 2), torch.ones(2, 2, requires_grad=True)
    with region():
        with torch.no_grad():
            x @ w  # a cast without a history must not serve what follows
        first, second = x @ w, x @ w
        assert casts_of(first) is casts_of(second) and casts_of(first) is not None
        with torch.no_grad():
            w.mul_(3)
        assert (x @ w).float().tolist() == [[6, 6], [6, 6]]  # a changed one is cast again
    with region(cache_enabled=False):
        assert casts_of(x @ w) is not casts_of(x @ w)
    with region():
        assert casts_of(x @ w) is not casts_of(first)
    (first.sum() + second.sum()).backward()
    assert w.grad.tolist() == [[4, 4], [4, 4]]


def test_regions_belong_to_their_thread():
    import threading

    seen = []
    x = torch.ones(2, 2)
    with region():
        thread = threading.Thread(target=lambda: seen.append((x @ x).dtype))
        thread.start()
        thread.join()
    assert seen == [torch.float32]


def test_second_derivatives_pass_the_casts():
    torch.manual_seed(0)
    x, w = torch.randn(3, 3), torch.randn(3, 3, requires_grad=True)
    with region():
        y = (x @ w).float().pow(2).sum()
    (g,) = torch.autograd.grad(y, w, create_graph=True)
    g.pow(2).sum().backward()
    assert w.grad.dtype is torch.float32 and w.grad.isfinite().all()


def test_functions_with_their_own_casts():
    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g @ b.t(), a.t() @ g

    a = torch.ones(2, 2, dtype=torch.bfloat16, requires_grad=True)
    b = torch.ones(2, 2, requires_grad=True)
    with region():
        out = Product.apply(a, b)
        assert out.dtype is torch.float32
    out.sum().backward()
    assert a.grad.dtype is torch.bfloat16 and b.grad.dtype is torch.float32
    assert b.grad.tolist() == [[2, 2], [2, 2]]
