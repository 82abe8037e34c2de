"""Elementwise operators against numpy and float64 arithmetic, finite differences and known facts."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional
GENERATOR = np.random.default_rng(7)


def values(*shape, low=-2.0, high=2.0):
    return GENERATOR.uniform(low, high, shape)


UNARY = {
    "abs": (np.abs, -2, 2),
    "acos": (np.arccos, -0.9, 0.9),
    "acosh": (np.arccosh, 1.1, 4),
    "asin": (np.arcsin, -0.9, 0.9),
    "asinh": (np.arcsinh, -3, 3),
    "atan": (np.arctan, -3, 3),
    "atanh": (np.arctanh, -0.9, 0.9),
    "ceil": (np.ceil, -3, 3),
    "cos": (np.cos, -9, 9),
    "cosh": (np.cosh, -3, 3),
    "deg2rad": (np.deg2rad, -90, 90),
    "erf": (np.vectorize(math.erf), -3, 3),
    "erfc": (np.vectorize(math.erfc), -3, 3),
    "exp": (np.exp, -3, 3),
    "exp2": (np.exp2, -3, 3),
    "expm1": (np.expm1, -1, 1),
    "floor": (np.floor, -3, 3),
    "frac": (lambda x: x - np.trunc(x), -3, 3),
    "lgamma": (np.vectorize(math.lgamma), 0.1, 9),
    "log": (np.log, 0.1, 9),
    "log10": (np.log10, 0.1, 9),
    "log1p": (np.log1p, -0.5, 2),
    "log2": (np.log2, 0.1, 9),
    "neg": (np.negative, -2, 2),
    "rad2deg": (np.rad2deg, -3, 3),
    "reciprocal": (np.reciprocal, 0.5, 3),
    "relu": (lambda x: np.maximum(x, 0), -2, 2),
    "round": (np.rint, -3, 3),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0.1, 5),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -5, 5),
    "sign": (np.sign, -2, 2),
    "sin": (np.sin, -9, 9),
    "sinc": (np.sinc, -3, 3),
    "sinh": (np.sinh, -3, 3),
    "sqrt": (np.sqrt, 0.1, 5),
    "square": (np.square, -2, 2),
    "tan": (np.tan, -1.4, 1.4),
    "tanh": (np.tanh, -3, 3),
    "trunc": (np.trunc, -3, 3),
}
SOFT = lambda x: np.log1p(np.exp(x))  # noqa: E731
ACTIVATIONS = {
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "logsigmoid": lambda x: -SOFT(-x),
    "mish": lambda x: x * np.tanh(SOFT(x)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": SOFT,
    "softshrink": lambda x: np.where(x > 0.5, x - 0.5, np.where(x < -0.5, x + 0.5, 0)),
    "tanhshrink": lambda x: x - np.tanh(x),
}
BINARY = {
    "add": np.add,
    "atan2": np.arctan2,
    "copysign": np.copysign,
    "div": np.divide,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "fmod": np.fmod,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul": np.multiply,
    "remainder": np.mod,
    "sub": np.subtract,
}


def assert_near(actual, expected, tolerance):
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", sorted(UNARY))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unary_agrees_with_numpy(name, dtype):
    function, low, high = UNARY[name]
    x = values(3, 67, low=low, high=high).astype(dtype)
    expected = function(x.astype("float64"))
    tolerance = 4e-6 if dtype == "float32" else 1e-12
    assert_near(getattr(torch, name)(torch.from_numpy(x)), expected, tolerance)
    assert_near(getattr(torch, name)(torch.from_numpy(x).t()), expected.T, tolerance)
    assert_near(getattr(torch.from_numpy(x)[:, ::3], name)(), expected[:, ::3], tolerance)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation_agrees_with_numpy(name):
    x = values(257, low=-7, high=7)
    assert_near(getattr(F, name)(torch.from_numpy(x)), ACTIVATIONS[name](x), 1e-10)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_binary_broadcasts_like_numpy(name):
    a, b = values(5, 1, 40), values(33, 1) + 2.5
    result = getattr(torch, name)(torch.from_numpy(a), torch.from_numpy(b))
    assert_near(result, BINARY[name](a, b), 1e-12)
    a, b = values(40, 50), values(50, 40) + 2.5
    result = getattr(torch, name)(torch.from_numpy(a), torch.from_numpy(b).t())
    assert_near(result, BINARY[name](a, b.T), 1e-12)


def slope(f, x, step=1e-6):
    return (f(x + step) - f(x - step)) / (2 * step)


SMOOTH = {name: getattr(torch, name) for name, (_, _, _) in UNARY.items() if name != "round"}
SMOOTH.update({name: getattr(F, name) for name in ACTIVATIONS})
SMOOTH.update(
    digamma=torch.digamma,
    erfinv=torch.erfinv,
    gelu_tanh=lambda x: F.gelu(x, approximate="tanh"),
    i0=torch.i0,
    i0e=torch.special.i0e,
    i1=torch.special.i1,
    i1e=torch.special.i1e,
    logit=torch.logit,
    log_ndtr=torch.special.log_ndtr,
    ndtr=torch.special.ndtr,
    ndtri=torch.special.ndtri,
    power=lambda x: x**2.5 + 2**x + x**x,
    rsub=lambda x: 2 - x,
)
UNIT = {"acos", "asin", "atanh", "erfinv", "logit", "ndtri"}


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_first_and_second_derivatives(name):
    f = SMOOTH[name]
    low, high = (0.15, 0.85) if name in UNIT else (1.1, 1.45) if name == "acosh" else (0.15, 1.4)
    x = torch.from_numpy(values(23, low=low, high=high)).requires_grad_(True)
    weight = torch.from_numpy(values(23))
    (g,) = torch.autograd.grad((f(x) * weight).sum(), x, create_graph=True)
    with torch.no_grad():
        assert_near(g, (slope(f, x) * weight).numpy(), 1e-6)
    if not g.requires_grad:
        return
    (second,) = torch.autograd.grad(g.sum(), x, allow_unused=True)

    def first(y):
        y = y.detach().requires_grad_(True)
        return torch.autograd.grad((f(y) * weight).sum(), y)[0]

    expected = slope(first, x.detach())
    assert_near(torch.zeros_like(x) if second is None else second, expected.numpy(), 2e-5)


@pytest.mark.parametrize(
    "name", ["add", "atan2", "div", "hypot", "logaddexp", "mul", "sub", "xlogy"]
)
def test_gradients_of_two_operands(name):
    f = getattr(torch, name)
    a = torch.from_numpy(values(4, 1, 5) + 3).requires_grad_(True)
    b = torch.from_numpy(values(3, 1) + 3).requires_grad_(True)
    ga, gb = torch.autograd.grad(f(a, b).sum(), (a, b))
    with torch.no_grad():
        step = 1e-6
        da = (f(a + step, b) - f(a - step, b)) / (2 * step)
        db = (f(a, b + step) - f(a, b - step)) / (2 * step)
    assert_near(ga, da.numpy().sum(1, keepdims=True), 1e-6)
    assert_near(gb, db.numpy().sum((0, 2))[:, None], 1e-6)


def test_subgradients_are_the_reference_ones():
    x = torch.tensor([-1.0, 0.0, 0.0, 2.0], requires_grad=True)
    y = torch.tensor([0.0, 0.0, 1.0, 2.0], requires_grad=True)

    def grad(out):
        return [g.tolist() for g in torch.autograd.grad(out.sum(), (x, y))]

    assert grad(torch.maximum(x, y)) == [[0, 0.5, 0, 0.5], [1, 0.5, 1, 0.5]]
    assert grad(torch.fmax(x, y)) == [[0, 1, 0, 1], [1, 0, 1, 0]]
    assert grad(torch.where(x > 0, x, y)) == [[0, 0, 0, 1], [1, 1, 1, 0]]
    assert torch.autograd.grad(x.abs().sum(), x)[0].tolist() == [-1, 0, 0, 1]
    assert torch.autograd.grad(x.relu().sum(), x)[0].tolist() == [0, 0, 0, 1]
    assert torch.autograd.grad(x.clamp(-1, 2).sum(), x)[0].tolist() == [1, 1, 1, 1]
    assert torch.autograd.grad((x**0).sum(), x)[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "text, name",
    [
        ("x + y", "AddBackward0"),
        ("2 - x", "RsubBackward1"),
        ("x * y", "MulBackward0"),
        ("x / y", "DivBackward0"),
        ("torch.div(x, y, rounding_mode='floor')", "DivBackward2"),
        ("x ** 2", "PowBackward0"),
        ("x ** y", "PowBackward1"),
        ("2 ** x", "PowBackward2"),
        ("x.clamp(0, 1)", "ClampBackward1"),
        ("x.relu()", "ReluBackward0"),
        ("x.square()", "PowBackward0"),
        ("torch.lerp(x, y, y)", "LerpBackward1"),
        ("torch.complex(x, y).real", "SelectBackward0"),
        ("F.prelu(x, y[:1])", "PreluKernelBackward0"),
    ],
)
def test_node_names(text, name):
    x = torch.tensor([0.5, 0.25], requires_grad=True)
    y = torch.tensor([0.3, 0.7], requires_grad=True)
    node = eval(text, {"torch": torch, "F": F, "x": x, "y": y}).grad_fn
    assert node.name() == name


def test_integer_division():
    a = torch.tensor([7, -7, 7, -7])
    b = torch.tensor([2, 2, -2, -2])
    assert (a // b).tolist() == [3, -4, -4, 3]
    assert torch.div(a, b, rounding_mode="trunc").tolist() == [3, -3, -3, 3]
    assert (a % b).tolist() == [1, 1, -1, -1]
    assert torch.fmod(a, b).tolist() == [1, -1, 1, -1]
    least = torch.tensor([-(2**31)], dtype=torch.int32)
    assert (least // -1).tolist() == [-(2**31)]
    assert (least % -1).tolist() == [0]
    for f in (lambda: a // 0, lambda: a % 0, lambda: torch.fmod(a, 0)):
        with pytest.raises(RuntimeError, match="^ZeroDivisionError$"):
            f()
    with pytest.raises(RuntimeError, match="Integers to negative integer powers are not allowed."):
        a**-1


def test_dtypes_of_results():
    i, f, d = (
        torch.tensor([1, 2]),
        torch.tensor([1.0, 2.0]),
        torch.tensor([1.0], dtype=torch.float64),
    )
    half, flag = f.to(torch.float16), torch.tensor([True, False])
    assert (i / i).dtype == torch.float32
    assert (i + 1.5).dtype == torch.float32
    assert (half + 1.5).dtype == torch.float16
    assert (f + d).dtype == torch.float64
    assert (f + torch.tensor(1.0, dtype=torch.float64)).dtype == torch.float32
    assert (flag + flag).dtype == torch.bool
    assert (flag + 1).dtype == torch.int64
    assert (i > 1.5).dtype == torch.bool
    assert torch.exp(i).dtype == torch.float32
    assert torch.where(flag, 1.0, 2.0).dtype == torch.float32
    assert torch.abs(torch.complex(f, f)).dtype == torch.float32
    assert i.clamp(0.5).dtype == torch.float32


@pytest.mark.parametrize(
    "f, kind, text",
    [
        (lambda b, f: -b, RuntimeError, "Negation, the `-` operator, on a bool tensor"),
        (lambda b, f: b - b, RuntimeError, "with two bool tensors is not supported"),
        (lambda b, f: f - b, RuntimeError, "with a bool tensor is not supported"),
        (lambda b, f: torch.add(f, f, alpha=True), RuntimeError, "Boolean alpha only supported"),
        (lambda b, f: torch.clamp(f), RuntimeError, "At least one of 'min' or 'max' must not be"),
        (lambda b, f: torch.where(f, f, f), RuntimeError, "expected condition to be a boolean"),
        (lambda b, f: f << 1, NotImplementedError, "\"lshift_cpu\" not implemented for 'Float'"),
        (lambda b, f: torch.imag(f), RuntimeError, "imag is not implemented for tensors with"),
        (lambda b, f: F.gelu(f, approximate="x"), RuntimeError, "must be either none or tanh"),
        (lambda b, f: f.add_(torch.ones(3)), RuntimeError, "output with shape"),
        (lambda b, f: f.long().add_(1.5), RuntimeError, "result type Float can't be cast"),
    ],
)
def test_errors(f, kind, text):
    with pytest.raises(kind, match=text):
        f(torch.tensor([True]), torch.tensor([1.0]))


def test_in_place_and_out():
    x = torch.arange(12.0).view(3, 4)
    address = x.data_ptr()
    x.add_(1).mul_(2).sub_(torch.ones(4))
    assert x.data_ptr() == address
    assert x.tolist() == (np.arange(12.0).reshape(3, 4) * 2 + 1).tolist()
    square = torch.arange(9.0).view(3, 3)
    square += square.t()
    assert square.tolist() == [[0, 4, 8], [4, 8, 12], [8, 12, 16]]
    out = torch.empty(0)
    torch.mul(x, 2, out=out)
    assert out.shape == (3, 4) and out[0, 0].item() == 2


def test_nan_and_infinity():
    nan, inf = math.nan, math.inf
    x = torch.tensor([nan, inf, -inf, 1.0])
    assert x.isnan().tolist() == [True, False, False, False]
    assert x.isinf().tolist() == [False, True, True, False]
    assert x.isfinite().tolist() == [False, False, False, True]
    assert x.nan_to_num(0.0, 1.0, -1.0).tolist() == [0, 1, -1, 1]
    assert torch.maximum(x, torch.zeros(4)).isnan().tolist() == [True, False, False, False]
    assert torch.fmax(x, torch.zeros(4)).tolist() == [0, inf, 0, 1]
    assert x.clamp(-2, 2).isnan().tolist() == [True, False, False, False]
    assert x.relu().isnan()[0].item()


def test_aliases_are_the_operators():
    x = torch.tensor([0.5, -0.25])
    assert torch.arctan2(x, x).tolist() == torch.atan2(x, x).tolist()
    assert torch.clip(x, 0, 1).tolist() == [0.5, 0]
    assert x.clone().negative_().tolist() == [-0.5, 0.25]
    assert torch.greater_equal(x, 0).tolist() == [True, False]
    assert torch.special.expit(x).tolist() == x.sigmoid().tolist()


def test_complex_parts():
    z = torch.tensor([3 + 4j, -1j])
    assert z.abs().tolist() == [5, 1]
    assert z.real.tolist() == [3, 0] and z.imag.tolist() == [4, -1]
    assert torch.view_as_complex(torch.view_as_real(z)).tolist() == z.tolist()
    assert z.conj().tolist() == [3 - 4j, 1j]
    z.real.add_(1)
    assert z.tolist() == [4 + 4j, 1 - 1j]


def test_results_do_not_depend_on_the_position():
    x = torch.from_numpy(values(4099).astype("float32"))
    whole = torch.exp(x)
    for start, end in ((0, 1), (1, 18), (1023, 1090), (4090, 4099)):
        assert torch.exp(x[start:end]).tolist() == whole[start:end].tolist()


def test_special_functions_by_their_identities():
    special = torch.special
    x = torch.from_numpy(values(19, low=0.1, high=5))
    assert_near(
        special.gammainc(torch.ones(19, dtype=torch.float64), x), -np.expm1(-x.numpy()), 1e-13
    )
    a = torch.from_numpy(values(19, low=0.1, high=40))
    assert_near(special.gammainc(a, x) + special.gammaincc(a, x), np.ones(19), 1e-13)
    angle = torch.from_numpy(values(19, low=0.1, high=3))
    for n in (0, 1, 2, 7):
        expected = np.cos(n * angle.numpy())
        assert_near(special.chebyshev_polynomial_t(angle.cos(), n), expected, 1e-12)
    p = special.legendre_polynomial_p
    assert_near(p(x, 2), (3 * x * x - 1).numpy() / 2, 1e-12)
    wronskian = special.bessel_j1(x) * special.bessel_y0(x) - special.bessel_j0(
        x
    ) * special.bessel_y1(x)
    assert_near(wronskian, 2 / (math.pi * x.numpy()), 1e-12)
    cross = special.i0(x) * special.modified_bessel_k1(x) + special.i1(
        x
    ) * special.modified_bessel_k0(x)
    assert_near(cross, 1 / x.numpy(), 1e-12)
    far = np.array([100.5, 103.0])  # the first terms of the asymptotic series
    z = 2 / 3 * far**1.5
    airy = (
        np.exp(-z) / (2 * np.sqrt(np.pi) * far**0.25) * (1 - 5 / (72 * z) + 385 / (10368 * z * z))
    )
    assert np.abs(special.airy_ai(torch.from_numpy(far)).numpy() / airy - 1).max() < 1e-8
    assert torch.tensor([1.0], dtype=torch.float64).polygamma(1).item() == pytest.approx(
        math.pi**2 / 6
    )
