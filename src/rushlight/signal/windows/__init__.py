"""Window functions: `windows.hann(M, sym=True)` and others."""

from __future__ import annotations

from math import pi
from typing import Any

from ... import _C
from .._classic import cosine_sum, finished, kaiser_values

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]

Tensor = _C.Tensor


def _made(name: str, M: int, sym: bool, rule: Any, options: dict) -> Tensor:
    """Evaluate `rule(points, steps)` for M elements."""
    unknown = options.keys() - {"dtype", "layout", "device", "requires_grad"}
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    points = _C.ops.arange(M, dtype=_C.float64)
    steps = max(M - 1 if sym else M, 1)
    values = _C.ops.ones_like(points) if M == 1 else rule(points, steps)
    dtype, device = options.get("dtype"), options.get("device")
    return finished(values, dtype, device, options.get("requires_grad", False))


def general_cosine(M: int, *, a: Any, sym: bool = True, **options: Any) -> Tensor:
    """Alternating sum of cosines.

    Args:
        M: number of elements.
        a: weights of cos(0), cos(x), cos(2 x), ...
        sym: symmetric; False for one period. Default: True.
        options: dtype, layout, device, requires_grad.

    Returns:
        Tensor (M,).

    Example:
        >>> import rushlight as torch
        >>> torch.signal.windows.general_cosine(3, a=[0.5, 0.5])
        tensor([0., 1., 0.])
    """
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")
    return _made("general_cosine", M, sym, lambda p, n: cosine_sum(p, n, weights), options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos; arguments as for `general_cosine`."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Hamming window; arguments as for `general_cosine`."""
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Hann window; arguments as for `general_cosine`."""
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Blackman window; arguments as for `general_cosine`."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Nuttall's window of four terms; arguments as for `general_cosine`."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Triangular window; arguments as for `general_cosine`."""
    return _made("bartlett", M, sym, lambda p, n: 1 - (p * (2 / n) - 1).abs(), options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Half a period of a sine; arguments as for `general_cosine`."""
    return _made("cosine", M, sym, lambda p, n: ((p + 0.5) * (pi / (n + 1))).sin(), options)


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any
) -> Tensor:
    """exp(-|n - center| / tau); arguments as for `general_cosine`."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def rule(points: Tensor, steps: int) -> Tensor:
        middle = steps / 2 if center is None else center
        return (-(points - middle).abs() / tau).exp()

    return _made("exponential", M, sym, rule, options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-(distance from the middle / std)^2 / 2); arguments as for `general_cosine`."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def rule(points: Tensor, steps: int) -> Tensor:
        distance = (points - steps / 2) / std
        return (-0.5 * distance * distance).exp()

    return _made("gaussian", M, sym, rule, options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """Kaiser window; arguments as for `general_cosine`."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _made("kaiser", M, sym, lambda p, n: kaiser_values(p, n, beta), options)
