"""Random tensors print as PyTorch 2.13 prints them, for random print options."""

from __future__ import annotations

import random

import pytest

import rushlight

torch = pytest.importorskip("torch")

DTYPES = (
    ["float32"] * 4
    + ["float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "int16", "bool"]
    + ["complex64", "complex128"]
)
SPECIAL = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 3e38, 1e-5, 1e8, 1.0, -1.0, 0.5]


def random_values(rng, gen, shape, dtype):
    """A torch tensor of one of several kinds: wide range, whole numbers, signs, zeros, specials."""
    if dtype == torch.bool:
        return torch.rand(shape, generator=gen) > 0.5
    if not (dtype.is_floating_point or dtype.is_complex):
        info = torch.iinfo(dtype)
        high = min(info.max, 10 ** rng.randrange(1, 18))
        low = max(info.min, -high * rng.randrange(2))
        return torch.randint(low, high, shape, generator=gen).to(dtype)
    x = torch.randn(shape, generator=gen, dtype=torch.float64)
    if dtype.is_complex:
        x = torch.complex(x, torch.randn(shape, generator=gen, dtype=torch.float64))
    kind = rng.randrange(6)
    if kind == 0:
        x = x * 10 ** rng.uniform(-8, 8)
    elif kind == 1:
        x = torch.round(x.real * 10 ** rng.randrange(0, 10))
    elif kind == 2:
        x = torch.exp(x.real * rng.uniform(0, 10))
    elif kind == 3:
        x = torch.sign(x.real)
    x = x.to(dtype)
    if rng.random() < 0.4 and x.numel():
        flat = (torch.view_as_real(x) if dtype.is_complex else x).reshape(-1)
        for _ in range(rng.randrange(1, 4)):
            flat[rng.randrange(flat.numel())] = rng.choice(SPECIAL)
    return x


def random_options(rng):
    choices = {
        "precision": range(9),
        "threshold": [0, 5, 50, 100000],
        "edgeitems": range(5),
        "linewidth": [10, 40, 80, 200],
        "profile": ["default", "short", "full"],
        "sci_mode": [True, False, None],
    }
    return {k: rng.choice(list(v)) for k, v in choices.items() if rng.random() < 0.25}


def ours(x):
    """The same values as a Rushlight tensor, through bytes."""
    dtype = getattr(rushlight, str(x.dtype).removeprefix("torch."))
    if x.numel() == 0:
        return rushlight.empty(tuple(x.shape), dtype=dtype)
    raw = bytes(x.contiguous().reshape(-1).view(torch.uint8).tolist())
    return rushlight.frombuffer(bytearray(raw), dtype=dtype).reshape(tuple(x.shape))


@pytest.mark.parametrize("seed", range(20))
def test_random_tensors(seed):
    rng = random.Random(seed)
    gen = torch.Generator().manual_seed(seed)
    try:
        for _ in range(60):
            ndim = rng.choice([0, 1, 1, 2, 2, 2, 3, 4])
            sizes = [0, 1, 2, 3, 5, 7, 11, 30] if ndim > 1 else [0, 1, 2, 7, 20, 1000, 1001]
            shape = [rng.choice(sizes) for _ in range(ndim)]
            x = random_values(rng, gen, shape, getattr(torch, rng.choice(DTYPES)))
            y = ours(x)
            if ndim >= 2 and rng.random() < 0.2:
                x, y = x.transpose(0, 1), y.transpose(0, 1)
            if x.dtype.is_floating_point and rng.random() < 0.3:
                x.requires_grad_()
                y.requires_grad_()
            options = random_options(rng)
            for lib in (torch, rushlight):
                lib.set_printoptions(profile="default")
                lib.set_printoptions(**options)
            assert repr(y) == repr(x)
    finally:
        for lib in (torch, rushlight):
            lib.set_printoptions(profile="default")
