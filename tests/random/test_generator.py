"""Generator objects, seeds and states."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading

import pytest

import rushlight as torch


def test_device_and_default_seed():
    generator = torch.Generator()
    assert generator.device == torch.device("cpu")
    assert generator.initial_seed() == 67280421310721
    assert torch.Generator("cpu").device.type == "cpu"


def test_manual_seed_returns_the_generator():
    generator = torch.Generator()
    assert generator.manual_seed(3) is generator
    assert torch.manual_seed(3) is torch.default_generator


@pytest.mark.parametrize(
    ("seed", "stored"),
    [(0, 0), (-1, 2**64 - 1), (-(2**63), 2**63), (2**64 - 1, 2**64 - 1), (2**32 + 7, 2**32 + 7)],
)
def test_seed_range(seed, stored):
    assert torch.Generator().manual_seed(seed).initial_seed() == stored
    torch.manual_seed(seed)
    assert torch.initial_seed() == stored


def test_seeds_equal_modulo_2_to_32_give_one_stream():
    a = torch.rand(4, generator=torch.Generator().manual_seed(7))
    b = torch.rand(4, generator=torch.Generator().manual_seed(2**32 + 7))
    assert torch.equal(a, b)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range(seed):
    for function in (torch.manual_seed, torch.Generator().manual_seed):
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            function(seed)


@pytest.mark.parametrize("seed", [1.5, "a", None])
def test_seed_of_another_type(seed):
    with pytest.raises(RuntimeError, match="manual_seed expected a long, but got"):
        torch.Generator().manual_seed(seed)


def test_module_function_converts_the_seed():
    torch.manual_seed(1.5)
    assert torch.initial_seed() == 1
    torch.manual_seed("3")
    assert torch.initial_seed() == 3


def test_seed_is_not_deterministic():
    generator = torch.Generator()
    assert generator.seed() == generator.initial_seed()
    assert generator.seed() != generator.seed()
    assert torch.seed() == torch.initial_seed()


def test_state_round_trip():
    generator = torch.Generator().manual_seed(5)
    torch.randn(3, generator=generator)
    state = generator.get_state()
    assert state.dtype == torch.uint8 and state.shape == (5056,)
    want = torch.randn(700, generator=generator)
    assert generator.set_state(state) is generator
    assert torch.equal(torch.randn(700, generator=generator), want)


def test_state_is_a_snapshot():
    generator = torch.Generator()
    state = generator.get_state()
    before = state.clone()
    torch.rand(3, generator=generator)
    assert torch.equal(state, before)


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (3, TypeError, "expected a torch.ByteTensor, but got int"),
        ("floats", TypeError, "RNG state must be a torch.ByteTensor"),
        ("short", RuntimeError, "Expected a CPUGeneratorImplState of size 5056 but found .* 10"),
        ("zeros", RuntimeError, "Invalid mt19937 state"),
    ],
)
def test_bad_states(state, error, words):
    made = {
        "floats": lambda: torch.zeros(5056),
        "short": lambda: torch.zeros(10, dtype=torch.uint8),
        "zeros": lambda: torch.zeros(5056, dtype=torch.uint8),
    }
    value = made[state]() if state in made else state
    generator = torch.Generator()
    before = generator.get_state()
    with pytest.raises(error, match=words):
        generator.set_state(value)
    assert torch.equal(generator.get_state(), before)


def test_positions_outside_the_state_are_refused():
    generator = torch.Generator()
    state = generator.get_state()
    state[8:12] = torch.tensor([0x70, 2, 0, 0], dtype=torch.uint8)  # left = 624
    state[16:18] = torch.tensor([0x70, 2], dtype=torch.uint8)  # next = 624
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        generator.set_state(state)


@pytest.mark.parametrize(
    "twin",
    [
        copy.copy,
        copy.deepcopy,
        lambda g: pickle.loads(pickle.dumps(g)),
        lambda g: g.clone_state(),
    ],
)
def test_copies_continue_alike_and_apart(twin):
    generator = torch.Generator().manual_seed(11)
    torch.randn(5, generator=generator)
    other = twin(generator)
    assert other is not generator
    assert other.initial_seed() == 11
    assert torch.equal(torch.randn(5, generator=other), torch.randn(5, generator=generator))


def test_offsets_belong_to_other_devices():
    generator = torch.Generator()
    for call in (generator.get_offset, lambda: generator.set_offset(1)):
        with pytest.raises(RuntimeError, match="CPU Generator does not use offset"):
            call()


@pytest.mark.parametrize("device", ["meta", "cuda", 3])
def test_other_devices_are_refused(device):
    with pytest.raises(RuntimeError):
        torch.Generator(device)


def test_fork_rng():
    torch.manual_seed(0)
    with torch.random.fork_rng():
        inside = torch.randn(5)
    assert torch.equal(torch.randn(5), inside)
    torch.manual_seed(0)
    with torch.random.fork_rng(enabled=False):
        inside = torch.randn(5)
    assert not torch.equal(torch.randn(5), inside)


def test_each_process_starts_differently():
    program = "import rushlight; print(rushlight.initial_seed())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    seeds = {
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(seeds) == 2


def test_threads_share_one_stream_without_losing_numbers():
    torch.manual_seed(4)
    want = sorted(torch.rand(8 * 5000, dtype=torch.float64).tolist())
    torch.manual_seed(4)
    parts: list[list[float]] = []

    def draw():
        parts.append(torch.rand(5000, dtype=torch.float64).tolist())

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for part in parts for number in part) == want


def test_large_fills_are_exact_across_chunks():
    generator = torch.Generator().manual_seed(8)
    whole = torch.rand(70001, generator=generator)
    generator.manual_seed(8)
    parts = [torch.rand(n, generator=generator) for n in (1, 1023, 1025, 33333, 34619)]
    assert torch.equal(whole, torch.cat(parts))
