"""Elementwise functions against float64 arithmetic over the whole range of float32."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as torch

SIZE = 1 << 18  # float32 values per function, all exponents alike


def samples(size: int = SIZE) -> np.ndarray:
    """Edge values, then every exponent and sign with random digits, then the everyday range."""
    rng = np.random.default_rng(0)
    edges = [0, 1, 0.5, 2, 1.5, 3, 10, 100, 1e5, 88.72, 103.9, 3.4e38, 1e-45, 1.1754944e-38]
    edges += [1 - 2**-24, 1 + 2**-23, math.inf, math.nan]
    bits = rng.integers(0, 2**32, size, dtype=np.uint32).view(np.float32)
    near = rng.uniform(-12, 12, size).astype(np.float32)
    edges = np.array(edges, np.float32)
    return np.concatenate([edges, -edges, bits, near])


def ulps(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Distance of float32 results from float64 ones, in units of the last float32 digit."""
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        top = np.finfo(np.float32).max
        unit = np.spacing(np.minimum(np.abs(rounded), top).astype(np.float32)).astype(np.float64)
        distance = np.abs(got.astype(np.float64) - want) / unit
    same = (np.isnan(got) & np.isnan(want)) | (got == rounded)
    return np.where(same, np.minimum(np.nan_to_num(distance, nan=0, posinf=0), 0.5), distance)


def pointwise(function):
    """A numpy function from one of Python's math functions, nan where that one refuses."""

    def one(x: float) -> float:
        try:
            return function(x)
        except (ValueError, OverflowError):
            return math.nan

    return np.frompyfunc(one, 1, 1)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


# name, reference, largest error in ulp, interval
FUNCTIONS = [
    ("exp", np.exp, 1.01, (-math.inf, math.inf)),
    ("exp2", np.exp2, 1.5, (-math.inf, math.inf)),
    ("expm1", np.expm1, 2, (-math.inf, math.inf)),
    ("log", np.log, 1.01, (-math.inf, math.inf)),
    ("log2", np.log2, 1.5, (-math.inf, math.inf)),
    ("log10", np.log10, 1.5, (-math.inf, math.inf)),
    ("log1p", np.log1p, 2, (-math.inf, math.inf)),
    ("sin", np.sin, 2, (-math.inf, math.inf)),
    ("cos", np.cos, 2, (-math.inf, math.inf)),
    ("tan", np.tan, 2, (-math.inf, math.inf)),
    ("asin", np.arcsin, 1.01, (-math.inf, math.inf)),
    ("acos", np.arccos, 1.01, (-math.inf, math.inf)),
    ("atan", np.arctan, 2, (-math.inf, math.inf)),
    ("sinh", np.sinh, 1.01, (-math.inf, math.inf)),
    ("cosh", np.cosh, 1.01, (-math.inf, math.inf)),
    ("tanh", np.tanh, 2, (-math.inf, math.inf)),
    ("asinh", np.arcsinh, 1.01, (-math.inf, math.inf)),
    ("acosh", np.arccosh, 1.01, (-math.inf, math.inf)),
    ("atanh", np.arctanh, 1.01, (-math.inf, math.inf)),
    ("sigmoid", sigmoid, 2, (-math.inf, math.inf)),
    ("sqrt", np.sqrt, 0.51, (-math.inf, math.inf)),
    ("rsqrt", lambda x: 1 / np.sqrt(x), 1.5, (-math.inf, math.inf)),
    ("reciprocal", lambda x: 1 / x, 0.51, (-math.inf, math.inf)),
    ("floor", np.floor, 0.5, (-math.inf, math.inf)),
    ("ceil", np.ceil, 0.5, (-math.inf, math.inf)),
    ("trunc", np.trunc, 0.5, (-math.inf, math.inf)),
    ("round", np.rint, 0.5, (-math.inf, math.inf)),
    ("erf", pointwise(math.erf), 2, (-math.inf, math.inf)),
    ("erfc", pointwise(math.erfc), 2, (-math.inf, math.inf)),
    ("lgamma", pointwise(math.lgamma), 1.01, (0.001, 1e30)),
    ("i0", np.i0, 2, (-30, 30)),
    ("sinc", np.sinc, 3, (-0.9, 0.9)),
]


@pytest.mark.parametrize("name, reference, bound, span", FUNCTIONS, ids=[f[0] for f in FUNCTIONS])
def test_float32_function(name, reference, bound, span):
    slow = name in ("erf", "erfc", "lgamma", "i0")
    x = samples(1 << 12 if slow else SIZE)
    x = x[~((x < span[0]) | (x > span[1]))]
    if span != (-math.inf, math.inf):
        x = x[np.isfinite(x)]
    with np.errstate(all="ignore"):
        want = np.asarray(reference(x.astype(np.float64)), dtype=np.float64)
    got = getattr(torch, name)(torch.from_numpy(x)).numpy()
    error = ulps(got, want)
    worst = int(np.argmax(error))
    assert error[worst] <= bound, (
        f"{name}({x[worst]!r}) = {got[worst]!r}, want {want[worst]!r}: {error[worst]} ulp"
    )


@pytest.mark.parametrize(
    "name",
    ["sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "expm1", "log1p", "erf"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_odd_function_keeps_the_sign_of_zero(name, dtype):
    x = torch.tensor([0.0, -0.0], dtype=getattr(torch, dtype))
    assert np.signbit(getattr(torch, name)(x).numpy()).tolist() == [False, True]


# name, reference, largest relative error in units of 2**-52
DOUBLES = [
    ("exp", np.exp, 2),
    ("expm1", np.expm1, 3),
    ("log1p", lambda x: np.log1p(np.abs(x)), 3),
    ("sin", np.sin, 3),
    ("cos", np.cos, 3),
    ("tan", np.tan, 4),
    ("tanh", np.tanh, 3),
    ("sinh", np.sinh, 4),
    ("cosh", np.cosh, 3),
    ("asinh", np.arcsinh, 4),
    ("atan", np.arctan, 3),
    ("sigmoid", sigmoid, 3),
    ("erf", pointwise(math.erf), 3),
    ("erfc", pointwise(math.erfc), 6),
]


@pytest.mark.parametrize("name, reference, bound", DOUBLES, ids=[f[0] for f in DOUBLES])
def test_float64_function(name, reference, bound):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-20, 20, 4000), rng.uniform(-1, 1, 4000), [1e-300, -1e-9, 0.0]])
    want = np.asarray(reference(x), dtype=np.float64)
    x = np.abs(x) if name == "log1p" else x
    got = getattr(torch, name)(torch.from_numpy(x)).numpy()
    scale = np.maximum(np.abs(want), np.finfo(np.float64).tiny)
    error = np.abs(got - want) / scale * 2.0**52
    worst = int(np.argmax(error))
    assert error[worst] <= bound, f"{name}({x[worst]!r}) = {got[worst]!r}, want {want[worst]!r}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name, reference",
    [("sin", np.sin), ("cos", np.cos), ("tan", np.tan)],
    ids=["sin", "cos", "tan"],
)
def test_huge_angle_does_not_change_its_neighbours(name, reference, dtype):
    x = np.linspace(-3, 3, 1000).astype(dtype)
    function = getattr(torch, name)
    alone = function(torch.from_numpy(x)).numpy()
    x[500] = 1e22
    together = function(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(together[500], reference(np.float64(x[500])), rtol=1e-6)
    np.testing.assert_array_equal(np.delete(together, 500), np.delete(alone, 500))


EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e30, -1e30, 1e-42, 7.0]
EDGES += [math.inf, -math.inf, math.nan]


def pairs(dtype) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x = np.concatenate([np.repeat(EDGES, len(EDGES)), rng.uniform(-9, 9, 3000)])
    y = np.concatenate([np.tile(EDGES, len(EDGES)), rng.uniform(-9, 9, 3000)])
    return x.astype(dtype), y.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name, reference",
    [
        ("pow", np.power),
        ("atan2", np.arctan2),
        ("hypot", np.hypot),
        ("fmod", np.fmod),
        ("logaddexp", np.logaddexp),
        ("copysign", np.copysign),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_function_of_two(name, reference, dtype):
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        want = reference(x.astype(np.float64), y.astype(np.float64)).astype(dtype)
    got = getattr(torch, name)(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    tolerance = 5e-7 if dtype == "float32" else 1e-15
    np.testing.assert_allclose(
        got, want, rtol=tolerance, atol=tolerance if name == "logaddexp" else 0
    )
    if name != "logaddexp":
        zero = (want == 0) & ~np.isnan(got)
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_remainder_takes_the_sign_of_the_divisor(dtype):
    x, y = pairs(dtype)
    keep = np.isfinite(x) & np.isfinite(y) & (y != 0)
    x, y = x[keep], y[keep]
    got = torch.remainder(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    want = np.fmod(x, y)
    want = np.where((want != 0) & ((want < 0) != (y < 0)), want + y, want)
    np.testing.assert_array_equal(got, want)


def test_every_half_and_bfloat16_survives_the_way_to_float32():
    bits = np.arange(65536, dtype=np.uint16).view(np.int16)
    for name in ("float16", "bfloat16"):
        narrow = torch.from_numpy(bits).view(getattr(torch, name))
        wide = narrow.to(torch.float32)
        back = wide.to(getattr(torch, name))
        nan = np.isnan(wide.numpy())
        np.testing.assert_array_equal(back.view(torch.int16).numpy()[~nan], bits[~nan])
        assert np.isnan(back.to(torch.float32).numpy()[nan]).all()
        if name == "float16":
            np.testing.assert_array_equal(wide.numpy(), bits.view(np.float16).astype(np.float32))


def test_float32_to_half_rounds_to_nearest_even():
    rng = np.random.default_rng(3)
    half = rng.integers(0, 0x7BFF, 20000, dtype=np.uint16)
    low = half.view(np.float16).astype(np.float32)
    high = (half + 1).astype(np.uint16).view(np.float16).astype(np.float32)
    middle = (low + high) / 2
    x = np.concatenate(
        [middle, np.nextafter(middle, low), np.nextafter(middle, high), [65519, 65520, 1e-8]]
    ).astype(np.float32)
    with np.errstate(over="ignore"):
        want = x.astype(np.float16)
    got = torch.from_numpy(x).to(torch.float16).numpy()
    np.testing.assert_array_equal(got, want)
