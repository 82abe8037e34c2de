"""Derive the polynomial coefficients of csrc/cpu/vec_math_*.h.

Each entry of SPECS is a function with a weight on an interval; a Remez exchange in 50-digit
arithmetic finds the polynomial whose weighted error is smallest. Run
`python tools/gen_vec_math.py [NAME ...]` and paste what it prints. Needs mpmath.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 50
LN2 = mp.log(2)
SQRT2 = mp.sqrt(2)
HALF = mp.mpf(1) / 2
# (name, k, largest x, degree, float or double): exp(x*x) * erfc(x) as a polynomial in
# 1 / (1 + k x) - 1/2, whose terms fall off.
SCALED_TAILS = (
    ("erfcx_lo", mp.mpf("0.4"), mp.mpf("10.1"), 12, "d"),
    ("erfcx_d", mp.mpf("0.3"), mp.mpf("28"), 22, "d"),
)
Fn = Callable[[mp.mpf], mp.mpf]


def remez(f: Fn, weight: Fn, lo: mp.mpf, hi: mp.mpf, degree: int) -> tuple[list, mp.mpf]:
    """Return the coefficients (constant first) and the weighted error of the best polynomial."""
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    count = degree + 2
    grid_size = 60 * count
    mid, half = (lo + hi) / 2, (hi - lo) / 2
    # Chebyshev points of odd position: never the ends or (even count) the middle, where a
    # quotient such as (exp(x) - 1) / x is 0/0.
    grid = [mid - half * mp.cos(mp.pi * (2 * i + 1) / (2 * grid_size)) for i in range(grid_size)]
    values = [f(x) for x in grid]
    weights = [abs(weight(x)) for x in grid]
    nodes = [int((grid_size - 1) * i / (count - 1)) for i in range(count)]
    coeffs: list = []
    worst = mp.inf
    scaled = [(x - mid) / half for x in grid]
    for _ in range(12):
        rows, rhs = [], []
        for k, i in enumerate(nodes):
            rows.append([scaled[i] ** j for j in range(degree + 1)] + [(-1) ** k / weights[i]])
            rhs.append(values[i])
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix(rhs))
        coeffs = [solution[j] for j in range(degree + 1)]
        errors = [
            (values[i] - mp.polyval(coeffs[::-1], scaled[i])) * weights[i] for i in range(grid_size)
        ]
        worst = max(abs(e) for e in errors)
        if worst < abs(solution[degree + 1]) * mp.mpf("1.02"):
            break
        nodes = alternating_extremes(errors, count)
    return shift(coeffs, mid, half), worst


def alternating_extremes(errors: list, count: int) -> list[int]:
    """Return `count` positions of extremes whose signs alternate, the largest ones kept."""
    picks: list[int] = []
    for i, e in enumerate(errors):
        if picks and (errors[picks[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[picks[-1]]):
                picks[-1] = i
        else:
            picks.append(i)
    while len(picks) > count:
        if len(picks) == count + 1:
            first, last = abs(errors[picks[0]]), abs(errors[picks[-1]])
            picks.pop(0 if first < last else -1)
            continue
        k = min(
            range(len(picks) - 1),
            key=lambda j: min(abs(errors[picks[j]]), abs(errors[picks[j + 1]])),
        )
        del picks[k : k + 2]
    if len(picks) < count:
        raise RuntimeError("no alternation: the interval or the weight is wrong")
    return picks


def shift(coeffs: list, mid: mp.mpf, half: mp.mpf) -> list:
    """Rewrite a polynomial in (x - mid) / half as one in x."""
    result = [mp.mpf(0)]
    for c in reversed(coeffs):
        longer = [mp.mpf(0)] * (len(result) + 1)
        for i, r in enumerate(result):
            longer[i + 1] += r / half
            longer[i] -= r * mid / half
        longer[0] += c
        result = longer[:-1] if longer[-1] == 0 else longer
    return result


def series_tail(f: Fn, head: Fn, power: int) -> Fn:
    return lambda x: (f(x) - head(x)) / x**power


def sqrt_arg(f: Fn) -> Fn:
    return lambda z: f(mp.sqrt(z))


def _exp_spec(base: mp.mpf) -> tuple[Fn, Fn]:
    log_base = mp.log(base)
    return (
        lambda x: mp.expm1(x * log_base) / x,
        lambda x: x / mp.expm1(x * log_base) if x else mp.mpf(1),
    )


def _build() -> dict[str, tuple]:
    e2, w2 = _exp_spec(mp.mpf(2))
    ln_half = LN2 / 2 * mp.mpf("1.002")
    exp_q = series_tail(mp.exp, lambda x: 1 + x, 2)
    exp_w = lambda x: x * x / mp.expm1(x)  # noqa: E731
    log_p = series_tail(mp.log1p, lambda x: x - x * x / 2, 3)
    log_w = lambda x: x**3 / mp.log1p(x)  # noqa: E731
    log_lo, log_hi = mp.sqrt(mp.mpf(0.5)) * mp.mpf(0.999) - 1, SQRT2 * mp.mpf("1.001") - 1
    # log((1+s)/(1-s)) = 2s + s**3 * R(s*s)
    log_s = sqrt_arg(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3)
    log_sw = sqrt_arg(lambda s: s**3 / (2 * mp.atanh(s)))
    q = (mp.pi / 4 * mp.mpf("1.002")) ** 2
    sin_p = sqrt_arg(series_tail(mp.sin, lambda x: x, 3))
    sin_w = sqrt_arg(lambda x: x**3 / mp.sin(x))
    cos_p = sqrt_arg(series_tail(mp.cos, lambda x: 1 - x * x / 2, 4))
    cos_w = sqrt_arg(lambda x: x**4 / mp.cos(x))
    asin_p = sqrt_arg(series_tail(mp.asin, lambda x: x, 3))
    asin_w = sqrt_arg(lambda x: x**3 / mp.asin(x))
    atan_p = sqrt_arg(series_tail(mp.atan, lambda x: x, 3))
    atan_w = sqrt_arg(lambda x: x**3 / mp.atan(x))
    erf_p = sqrt_arg(lambda x: mp.erf(x) / x - 1)
    erf_w = sqrt_arg(lambda x: x / mp.erf(x))
    erfcx = lambda x: mp.exp(x * x) * mp.erfc(x)  # noqa: E731
    tiny = mp.mpf("1e-9")
    specs = {
        "exp_f": (exp_q, exp_w, -ln_half, ln_half, 4, "f"),
        "exp_lo": (exp_q, exp_w, -ln_half, ln_half, 5, "d"),
        "exp_d": (exp_q, exp_w, -ln_half, ln_half, 10, "d"),
        "exp2_f": (e2, w2, -0.5005, 0.5005, 5, "f"),
        "exp2_lo": (e2, w2, -0.5005, 0.5005, 6, "d"),
        "exp2_d": (e2, w2, -0.5005, 0.5005, 11, "d"),
        "log_f": (log_p, log_w, log_lo, log_hi, 7, "f"),
        "log_lo": (log_p, log_w, log_lo, log_hi, 11, "d"),
        "log_d": (log_s, log_sw, tiny, mp.mpf("0.0295"), 6, "d"),
        "sin_f": (sin_p, sin_w, tiny, q, 2, "f"),
        "sin_lo": (sin_p, sin_w, tiny, q, 3, "d"),
        "sin_d": (sin_p, sin_w, tiny, q, 5, "d"),
        "cos_f": (cos_p, cos_w, tiny, q, 2, "f"),
        "cos_lo": (cos_p, cos_w, tiny, q, 3, "d"),
        "cos_d": (cos_p, cos_w, tiny, q, 5, "d"),
        "asin_lo": (asin_p, asin_w, tiny, 0.2501, 7, "d"),
        "asin_d": (asin_p, asin_w, tiny, 0.2501, 13, "d"),
        "atan_f": (atan_p, atan_w, tiny, 1.001, 7, "f"),
        "atan_lo": (atan_p, atan_w, tiny, 1.001, 11, "d"),
        "atan_d": (atan_p, atan_w, tiny, (SQRT2 - 1) ** 2 * mp.mpf("1.002"), 11, "d"),
        "erf_f": (erf_p, erf_w, tiny, 1.0, 6, "f"),
        # erf(x) = 1 - exp(-g(x)) on [1, 3.92]; only the absolute error of erf counts
        "erf_tail_f": (
            lambda x: -mp.log(mp.erfc(x)),
            lambda x: mp.erfc(x),
            0.99,
            3.95,
            7,
            "f",
        ),
    }
    tanh_p = sqrt_arg(series_tail(mp.tanh, lambda x: x, 3))
    tanh_w = sqrt_arg(lambda x: x**3 / mp.tanh(x))
    specs["tanh_f"] = (tanh_p, tanh_w, tiny, 0.36, 4, "f")
    specs["tanh_d"] = (tanh_p, tanh_w, tiny, 0.36, 10, "d")
    specs["erf_d"] = (erf_p, erf_w, tiny, 1.0, 12, "d")
    # erfinv(x) = x * p(w), w = -log(1 - x*x), up to w = 5; then x * p(sqrt(w))
    quot = lambda w: mp.erfinv(mp.sqrt(-mp.expm1(-w))) / mp.sqrt(-mp.expm1(-w))  # noqa: E731
    specs["erfinv_lo"] = (quot, lambda w: 1 / quot(w), tiny, mp.mpf(5), 11, "d")
    tail = lambda s: quot(s * s)  # noqa: E731
    specs["erfinv_tail_lo"] = (tail, lambda s: 1 / tail(s), mp.sqrt(5), mp.mpf("4.1"), 11, "d")
    for name, k, top, degree, kind in SCALED_TAILS:
        # erfc(x) = exp(-x*x) * p(t), t = 1 / (1 + k x) - 1/2
        g = lambda t, k=k: erfcx((1 / (t + HALF) - 1) / k)  # noqa: E731
        if name != "erfcx_lo":  # p(t) / (t + 1/2), which varies less
            f = g
            g = lambda t, f=f: f(t) / (t + HALF)  # noqa: E731
        specs[name] = (g, lambda t, g=g: 1 / g(t), 1 / (1 + k * top) - HALF, HALF, degree, kind)
    for nu, name in ((0, "i0"), (1, "i1")):
        # I0(x), or I1(x) / x, as a polynomial in x*x / 4 up to x = 12
        small = sqrt_arg(lambda r, nu=nu: mp.besseli(nu, 2 * r) / (2 * r) ** nu)
        specs[name] = (small, lambda z, g=small: 1 / g(z), tiny, mp.mpf(36), 19, "d")
        # sqrt(x) * exp(-x) * I(x) as a polynomial in 1/x from there on
        large = lambda t, nu=nu: mp.sqrt(1 / t) * mp.exp(-1 / t) * mp.besseli(nu, 1 / t)  # noqa: E731
        specs[name + "_tail"] = (
            large,
            lambda t, g=large: 1 / g(t),
            mp.mpf("1e-6"),
            mp.mpf(1) / 12,
            16,
            "d",
        )
    return specs


def rational(f: Fn, hi: mp.mpf, m: int, n: int, size: int = 1200) -> tuple[list, list, mp.mpf]:
    """Coefficients of P and Q (constant 1) of the quotient whose relative error on [0, hi] is smallest."""
    count = m + n + 2
    grid = [hi * (mp.mpf(i) / (size - 1)) ** 3 for i in range(size)]
    values = [f(x) for x in grid]
    nodes = [int((size - 1) * (1 - mp.cos(mp.pi * i / (count - 1))) / 2) for i in range(count)]
    below = [mp.mpf(1)] * size
    p: list = []
    q: list = []
    worst = mp.inf
    for _ in range(40):
        level = mp.mpf(0)
        for _ in range(6):  # Q stands on both sides of the linear equations
            rows = []
            for k, i in enumerate(nodes):
                x, v = grid[i], values[i]
                row = [x**j for j in range(m + 1)] + [-v * x**j for j in range(1, n + 1)]
                rows.append([*row, (-1) ** k * v * below[i]])
            solution = mp.lu_solve(mp.matrix(rows), mp.matrix([values[i] for i in nodes]))
            p = [solution[j] for j in range(m + 1)]
            q = [mp.mpf(1)] + [solution[m + 1 + j] for j in range(n)]
            level = abs(solution[m + n + 1])
            below = [mp.polyval(q[::-1], x) for x in grid]
        errors = [
            mp.polyval(p[::-1], x) / b / v - 1 for x, b, v in zip(grid, below, values, strict=True)
        ]
        worst = max(abs(e) for e in errors)
        if worst < level * mp.mpf("1.03"):
            break
        nodes = alternating_extremes(errors, count)
    return p, q, worst


def print_normal_tail() -> None:
    """exp(a*a/2) * P(X > a) = P(a) / (1 + a * (B * P(a) + R(a))): B * P cancels P's rounding for large a."""
    tail = lambda a: mp.exp(a * a / 2) * mp.erfc(a / SQRT2) / 2  # noqa: E731
    p, q, worst = rational(tail, mp.mpf("14.6"), 4, 5)
    p, q = ([mp.mpf(mp.nstr(c, 9)) for c in coeffs] for coeffs in (p, q))
    factor = mp.nint(q[5] / p[4] * 2**22) / 2**22  # as float32 holds it
    rest = [q[i + 1] - factor * p[i] for i in range(4)]
    print(f"// normal_tail_f: error 2^{mp.nstr(mp.log(worst, 2), 4)}")
    for coeffs in (p, [factor], rest):
        print(", ".join(mp.nstr(c, 9, strip_zeros=False) + "f" for c in coeffs), flush=True)


def main(names: list[str]) -> None:
    if not names or "normal_tail_f" in names:
        print_normal_tail()
        names = [n for n in names if n != "normal_tail_f"]
        if not names and len(sys.argv) > 1:
            return
    specs = _build()
    for name in names or specs:
        f, weight, lo, hi, degree, kind = specs[name]
        coeffs, err = remez(f, weight, lo, hi, degree)
        digits, suffix = (9, "f") if kind == "f" else (17, "")
        print(f"// {name}: error 2^{mp.nstr(mp.log(err, 2), 4)}")
        texts = [mp.nstr(c, digits, strip_zeros=False) + suffix for c in coeffs]
        print(", ".join(texts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
