"""Seeds, states, generators and the switches for determinism, side by side with PyTorch."""

from __future__ import annotations

import copy
import os
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import rushlight

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")


def plain(x: Any) -> Any:
    """Values without their library."""
    if isinstance(x, (torch.Tensor, rushlight.Tensor)):
        return str(x.dtype), list(x.shape), repr(x.tolist())
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, (torch.Generator, rushlight.Generator)):
        return "a generator"
    return x


def after(lib: Any, seed: Any) -> Any:
    lib.manual_seed(seed)
    return lib.initial_seed(), lib.rand(3), lib.get_rng_state()


def forked(lib: Any, **options: Any) -> Any:
    lib.manual_seed(1)
    with lib.random.fork_rng(**options):
        inside = lib.randn(5)
    return inside, lib.rand(2), lib.initial_seed()


def interrupted(lib: Any) -> Any:
    """fork_rng puts the state back also when the block fails."""
    lib.manual_seed(1)
    try:
        with lib.random.fork_rng(devices=[]):
            lib.randn(5)
            raise KeyError
    except KeyError:
        return lib.rand(2)


def rewound(lib: Any) -> Any:
    lib.manual_seed(7)
    lib.randn(3)  # leaves a normal number over
    state = lib.get_rng_state()
    first = lib.randn(5), lib.rand(3), lib.randperm(9)
    lib.set_rng_state(state)
    again = lib.randn(5), lib.rand(3), lib.randperm(9)
    return first, plain(first) == plain(again)


def generator(lib: Any, seed: int = 4) -> Any:
    made = lib.Generator().manual_seed(seed)
    lib.rand(3, generator=made)
    return made


def both(lib: Any, second: Callable[[Any], Any]) -> Any:
    """Draws of a generator and of its copy: whether they share their state."""
    one = generator(lib)
    two = second(one)
    return [lib.rand(1, generator=g) for g in (one, two, one)]


DRAWS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda t, g: t.rand(2, generator=g),
    lambda t, g: t.randn(2, generator=g),
    lambda t, g: t.randint(9, (3,), generator=g),
    lambda t, g: t.randperm(5, generator=g),
    lambda t, g: t.bernoulli(t.full((4,), 0.5), generator=g),
    lambda t, g: t.multinomial(t.ones(4), 2, generator=g),
    lambda t, g: t.normal(0.0, 1.0, (2,), generator=g),
    lambda t, g: t.normal(t.zeros(2), t.ones(2), generator=g),
    lambda t, g: t.poisson(t.full((3,), 4.0), generator=g),
    lambda t, g: t.empty(3).uniform_(generator=g),
    lambda t, g: t.empty(3).normal_(generator=g),
    lambda t, g: t.empty(3).exponential_(generator=g),
    lambda t, g: t.empty(3).cauchy_(generator=g),
    lambda t, g: t.empty(3).geometric_(0.3, generator=g),
    lambda t, g: t.empty(3).log_normal_(generator=g),
    lambda t, g: t.empty(3).bernoulli_(0.3, generator=g),
    lambda t, g: t.empty(3, dtype=t.int64).random_(generator=g),
    lambda t, g: t.nn.init.normal_(t.empty(2), generator=g),
    lambda t, g: t.nn.init.uniform_(t.empty(2), generator=g),
    lambda t, g: t.nn.init.xavier_uniform_(t.empty(2, 2), generator=g),
    lambda t, g: t.nn.init.xavier_normal_(t.empty(2, 2), generator=g),
    lambda t, g: t.nn.init.kaiming_uniform_(t.empty(2, 2), generator=g),
    lambda t, g: t.nn.init.kaiming_normal_(t.empty(2, 2), generator=g),
    lambda t, g: t.nn.init.trunc_normal_(t.empty(2, 2), generator=g),
    lambda t, g: t.nn.init.sparse_(t.empty(4, 4), 0.5, generator=g),
)

SEEDS: dict[str, Callable[[Any], Any]] = {
    **{f"seed {s!r}": lambda t, s=s: after(t, s) for s in (0, 3, -3, 2**63, 2**64 - 1, 3.7, True)},
    **{f"seed {s!r}": lambda t, s=s: after(t, s) for s in (2**64, -(2**63) - 1, "3", "x", None)},
    "seed of numpy": lambda t: after(t, numpy.int64(5)),
    "seed in a tensor": lambda t: after(t, t.tensor(5)),
    "seed()": lambda t: (type(t.seed()).__name__, t.seed() == t.initial_seed()),
    "default generator": lambda t: (
        after(t, 3)[0] == t.default_generator.initial_seed(),
        str(t.default_generator.device),
        t.default_generator is t.random.default_generator,
    ),
    "rewound": rewound,
    **{
        f"bad state {n}": lambda t, make=make: t.set_rng_state(make(t))
        for n, make in enumerate(
            (
                lambda t: t.zeros(3),
                lambda t: t.zeros(3, dtype=t.uint8),
                lambda t: t.zeros(5056, dtype=t.uint8),
                lambda t: [1],
            )
        )
    },
    "fork": forked,
    "fork, not enabled": lambda t: forked(t, enabled=False),
    "fork, no devices": lambda t: forked(t, devices=[]),
    "fork of meta": lambda t: forked(t, device_type="meta"),
    "fork, interrupted": interrupted,
    "generator": lambda t: (generator(t).get_state(), generator(t).initial_seed()),
    "new generator": lambda t: (t.Generator().initial_seed(), str(t.Generator("cpu").device)),
    "generator seeded by the system": lambda t: (lambda g: g.seed() == g.initial_seed())(
        t.Generator()
    ),
    "cloned generator": lambda t: both(t, lambda g: g.clone_state()),
    "pickled generator": lambda t: both(t, lambda g: pickle.loads(pickle.dumps(g))),
    "deep copy of a generator": lambda t: both(t, copy.deepcopy),
    "copy of a generator": lambda t: both(t, copy.copy),
    "state of a generator": lambda t: both(t, lambda g: t.Generator().set_state(g.get_state())),
    "graphsafe state": lambda t: both(t, lambda g: g.graphsafe_get_state()),
    "offset": lambda t: t.Generator().get_offset(),
    "set offset": lambda t: t.Generator().set_offset(1),
    "draws": lambda t: (t.manual_seed(0), [f(t, generator(t, n)) for n, f in enumerate(DRAWS)]),
}


def switched(lib: Any, mode: Any, **options: Any) -> Any:
    lib.use_deterministic_algorithms(mode, **options)
    return debug(lib)


def debug(lib: Any) -> Any:
    return (
        lib.are_deterministic_algorithms_enabled(),
        lib.is_deterministic_algorithms_warn_only_enabled(),
        lib.get_deterministic_debug_mode(),
    )


def level(lib: Any, mode: Any) -> Any:
    lib.set_deterministic_debug_mode(mode)
    return debug(lib)


def uninitialized(lib: Any) -> list[Any]:
    """Everything that gives memory as it is; only meaningful when that is filled."""
    words = (
        "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
    )
    found = [lib.empty(3, dtype=getattr(lib, word)) for word in words.split()]
    ones = lib.zeros(2, 2)
    found += [
        lib.empty(0),
        lib.empty((2, 3), memory_format=lib.contiguous_format),
        lib.empty(1, 2, 2, 2, memory_format=lib.channels_last),
        lib.empty_like(ones),
        lib.empty_like(ones, dtype=lib.int64),
        lib.empty_strided((2, 2), (1, 2)),
        ones.new_empty(3),
        ones.new_empty_strided((2, 2), (2, 1)),
        lib.Tensor(2, 2),
        lib.FloatTensor(2),
        lib.IntTensor(2),
        lib.zeros(1).resize_(4),
        lib.zeros(4).resize_(2),
        lib.zeros(2, dtype=lib.int32).resize_(2, 2),
        lib.randn_like(ones).shape,
    ]
    return found


def filled(lib: Any, mode: bool = True, **options: Any) -> Any:
    lib.use_deterministic_algorithms(True, **options)
    lib.utils.deterministic.fill_uninitialized_memory = mode
    return lib.utils.deterministic.fill_uninitialized_memory, uninitialized(lib) if mode else None


def cudnn(lib: Any) -> Any:
    names = "enabled benchmark benchmark_limit deterministic allow_tf32".split()
    return [getattr(lib.backends.cudnn, name) for name in names]


def set_cudnn(lib: Any, name: str, value: Any) -> Any:
    setattr(lib.backends.cudnn, name, value)
    return cudnn(lib)


def with_cudnn(lib: Any, **options: Any) -> Any:
    with lib.backends.cudnn.flags(**options):
        inside = cudnn(lib)
    return inside, cudnn(lib)


def precision(lib: Any, *names: Any) -> Any:
    found = []
    for name in names:
        lib.set_float32_matmul_precision(name)
        found.append(lib.get_float32_matmul_precision())
    return found


SWITCHES: dict[str, Callable[[Any], Any]] = {
    "as it begins": debug,
    "on": lambda t: switched(t, True),
    "warn only": lambda t: switched(t, True, warn_only=True),
    "off": lambda t: (switched(t, True), switched(t, False)),
    "mode 1": lambda t: switched(t, 1),
    "mode 'x'": lambda t: switched(t, "x"),
    "warn_only=1": lambda t: switched(t, True, warn_only=1),
    "warn_only in place": lambda t: t.use_deterministic_algorithms(True, True),
    **{f"level {m!r}": lambda t, m=m: level(t, m) for m in ("default", "warn", "error", 0, 1, 2)},
    **{f"level {m!r}": lambda t, m=m: level(t, m) for m in ("no", 3, 1.5, None)},
    "filled": filled,
    "filled, warn only": lambda t: filled(t, warn_only=True),
    "not filled": lambda t: filled(t, False),
    "filled by 1": lambda t: setattr(t.utils.deterministic, "fill_uninitialized_memory", 1),
    "cudnn": cudnn,
    **{
        f"cudnn.{name} = {value!r}": lambda t, name=name, value=value: set_cudnn(t, name, value)
        for name in ("enabled", "benchmark", "deterministic", "allow_tf32")
        for value in (True, False, None, 1)
    },
    "cudnn.flags()": with_cudnn,
    "cudnn.flags(...)": lambda t: with_cudnn(t, enabled=True, benchmark=True, deterministic=True),
    "cudnn is": lambda t: (
        t.backends.cudnn.version(),
        t.backends.cudnn.is_available(),
        t.backends.cudnn.is_acceptable(t.zeros(1)),
        sorted(str(d) for d in t.backends.cudnn.CUDNN_TENSOR_DTYPES),
    ),
    "precisions": lambda t: precision(t, "high", "medium", "highest"),
    "precision of a wrong kind": lambda t: precision(t, 3),
    "seeds of a GPU": lambda t: (
        t.manual_seed(5).initial_seed(),
        t.cuda.manual_seed(6),
        t.cuda.manual_seed_all(7),
        t.cuda.seed(),
        t.cuda.seed_all(),
        t.initial_seed(),
    ),
    "states of GPUs": lambda t: (
        t.cuda.get_rng_state_all(),
        t.cuda.set_rng_state_all([t.get_rng_state()]),
        t.cuda.set_rng_state(t.get_rng_state()),
        t.cuda.default_generators,
    ),
}


@pytest.fixture(autouse=True)
def switches_back():
    yield
    for lib in (torch, rushlight):
        lib.use_deterministic_algorithms(False)
        lib.utils.deterministic.fill_uninitialized_memory = True
        lib.backends.cudnn.set_flags(True, False, None, False, True)
        lib.set_float32_matmul_precision("highest")


def outcome(lib: Any, call: Callable[[Any], Any]) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(call(lib))
        except Exception as error:
            result = (type(error).__name__, str(error))
    said = [(w.category.__name__, str(w.message)) for w in caught]
    return re.sub(r"rushlight\.|torch\.", "", repr((result, said)))


ALL = {**SEEDS, **SWITCHES}


@pytest.mark.parametrize("name", ALL)
def test_same_outcome(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # PyTorch's own test modules, once imported, forbid to set flags outside of a context manager.
    switches = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(switches, "__allow_nonbracketed_mutation_flag", True)
    assert outcome(rushlight, ALL[name]) == outcome(torch, ALL[name])


def test_gpu_state_is_refused_with_the_same_class():
    for name in ("initial_seed", "get_rng_state"):
        for lib in (torch, rushlight):
            with pytest.raises(AssertionError, match="^Torch not compiled with CUDA enabled"):
                getattr(lib.cuda, name)()


def test_unknown_precision_warns():
    for lib in (torch, rushlight):
        with pytest.warns(UserWarning, match="^x is not one of 'highest', 'high', or 'medium'"):
            lib.set_float32_matmul_precision("x")
        assert lib.get_float32_matmul_precision() == "highest"


PROGRAM = """
import os, random, sys
import numpy as np
import {library} as torch

def seed_everything(seed=11):
    random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)

class Noisy(torch.utils.data.Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, i):
        return torch.rand(2), random.random(), np.random.rand()

def seed_worker(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)

if __name__ == "__main__":
    seed_everything()
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2), torch.nn.Dropout(0.5))
    print([p.flatten().tolist() for p in net.parameters()])
    print(net[3](torch.ones(12)).tolist(), torch.randperm(6).tolist(), np.random.rand(2).tolist(), random.random())
    for init in (None, seed_worker):
        for persistent in (False, True):
            g = torch.Generator().manual_seed(3)
            loader = torch.utils.data.DataLoader(
                Noisy(), batch_size=3, shuffle=True, num_workers=2, worker_init_fn=init, generator=g,
                persistent_workers=persistent)
            for epoch in range(2):
                print([[part.tolist() for part in batch] for batch in loader])
    print(torch.rand(2).tolist(), torch.randn(3).tolist(), torch.get_rng_state().sum().item())
"""


def test_a_program_that_seeds_everything(tmp_path):
    """Layers, dropout, permutations, three libraries' streams in two workers over two epochs: the same digits."""
    out = []
    for library in ("torch", "rushlight"):
        script = tmp_path / f"{library}_program.py"
        script.write_text(PROGRAM.replace("{library}", library), encoding="utf-8")
        for _ in range(1 if library == "torch" else 2):
            done = subprocess.run(
                [sys.executable, str(script)], capture_output=True, text=True, env=os.environ
            )
            assert done.returncode == 0, done.stderr
            out.append(done.stdout)
    assert out[1] == out[0] and out[2] == out[1]
