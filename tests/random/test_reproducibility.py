"""What programs do to get the same numbers twice: seeds, states, and the switches for determinism."""

from __future__ import annotations

import math

import pytest

import rushlight as torch


@pytest.fixture(autouse=True)
def switches_back():
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.backends.cudnn.set_flags(True, False, None, False, True)


def test_checkpoints_keep_every_generator(tmp_path):
    """As training scripts save and restore them, on a machine without a GPU."""
    state = {"cpu": torch.get_rng_state(), "gpus": torch.cuda.get_rng_state_all()}
    torch.save(state, tmp_path / "rng.pt")
    expected = torch.randn(5)
    state = torch.load(tmp_path / "rng.pt")
    torch.set_rng_state(state["cpu"])
    torch.cuda.set_rng_state_all(state["gpus"])
    assert torch.equal(torch.randn(5), expected)


def test_fork_rng_refuses_unknown_devices():
    with pytest.raises(RuntimeError, match="device type at start of device string: foo"):
        with torch.random.fork_rng(device_type="foo"):
            pass


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (torch.float32, math.nan),
        (torch.float64, math.nan),
        (torch.float16, math.nan),
        (torch.bfloat16, math.nan),
        (torch.int8, 127),
        (torch.uint8, 255),
        (torch.int16, 2**15 - 1),
        (torch.int32, 2**31 - 1),
        (torch.int64, 2**63 - 1),
        (torch.bool, True),
    ],
)
def test_memory_that_nobody_wrote_is_known_in_deterministic_mode(dtype, value):
    torch.use_deterministic_algorithms(True)
    base = torch.zeros(2, dtype=dtype)
    made = [
        torch.empty(3, 5, dtype=dtype),
        torch.empty_like(base),
        torch.empty_strided((2, 3), (1, 2), dtype=dtype),
        base.new_empty(4),
        torch.zeros(1, dtype=dtype).resize_(5)[1:],
    ]
    for tensor in made:
        for found in tensor.flatten().tolist():
            assert type(found) is type(value)
            assert found == value or (math.isnan(found) and math.isnan(value))
    assert torch.zeros(3, dtype=dtype).tolist() == [0, 0, 0]
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.empty(64, dtype=dtype).zero_()
    assert not torch.utils.deterministic.fill_uninitialized_memory


def test_complex_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    value = torch.empty(2, dtype=torch.complex64)[1].item()
    assert math.isnan(value.real) and value.imag == 0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: torch.use_deterministic_algorithms("x"), TypeError, "'mode' .position 1. must be"),
        (
            lambda: torch.use_deterministic_algorithms(True, warn_only=1),
            TypeError,
            "'warn_only' must be bool, not int",
        ),
        (
            lambda: torch.set_deterministic_debug_mode("no"),
            RuntimeError,
            "expected one of `default`",
        ),
        (lambda: torch.set_deterministic_debug_mode(3), RuntimeError, "expected 0, 1, or 2"),
        (lambda: torch.set_deterministic_debug_mode(1.5), TypeError, "must be str or int"),
        (lambda: torch.set_float32_matmul_precision(3), RuntimeError, "expects a str, but got int"),
        (
            lambda: setattr(torch.backends.cudnn, "benchmark", 1),
            RuntimeError,
            "set_benchmark_cudnn expects a bool, but got int",
        ),
        (
            lambda: setattr(torch.utils.deterministic, "fill_uninitialized_memory", 1),
            RuntimeError,
            "expected a bool, but got int",
        ),
    ],
)
def test_switches_refuse_other_kinds(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_step_of_training_is_the_same_each_time_and_for_any_number_of_threads():
    """Convolution, pooling, normalisation, products and an optimizer, bit for bit."""
    before = torch.get_num_threads()
    torch.use_deterministic_algorithms(True)
    results = []
    try:
        for threads in (1, 2, 2, 3):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            net = torch.nn.Sequential(
                torch.nn.Conv2d(3, 8, 3, padding=1),
                torch.nn.BatchNorm2d(8),
                torch.nn.ReLU(),
                torch.nn.MaxPool2d(2),
                torch.nn.Dropout(0.2),
                torch.nn.Flatten(),
                torch.nn.Linear(8 * 16 * 16, 10),
            )
            optimizer = torch.optim.Adam(net.parameters())
            for _ in range(3):
                x, y = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(x), y).backward()
                optimizer.step()
            results.append([p.tolist() for p in net.parameters()])
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2] == results[3]
