"""Window functions of the top level, for spectra (`periodic`) or for filters."""

from __future__ import annotations

from math import pi
from typing import Any

from .. import _C

Tensor = _C.Tensor


def _points(window_length: int, periodic: bool, name: str) -> tuple[Tensor, int]:
    """0 ... n-1 in float64, and the number of steps of a period."""
    if window_length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={window_length}"
        )
    steps = window_length if periodic else window_length - 1
    return _C.ops.arange(window_length, dtype=_C.float64), max(steps, 1)


def finished(values: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """The window in the wanted dtype."""
    dtype = dtype or _C.get_default_dtype()
    if not dtype.is_floating_point:
        raise RuntimeError(f"expected a floating point dtype for a window, got {dtype}")
    out = values.to(dtype)
    if device is not None:
        out = out.to(device)
    return out.requires_grad_(True) if requires_grad else out


def cosine_sum(points: Tensor, steps: int, weights: list[float]) -> Tensor:
    """w0 - w1 cos(x) + w2 cos(2 x) - ..., x one period over `steps`."""
    out = _C.ops.zeros_like(points)
    for k, weight in enumerate(weights):
        out = out + (weight if k % 2 == 0 else -weight) * (points * (2 * pi * k / steps)).cos()
    return out


def _cosine_window(
    name: str,
    weights: list[float],
    length: int,
    periodic: bool,
    dtype: Any,
    device: Any,
    grad: bool,
) -> Tensor:
    points, steps = _points(length, periodic, name)
    values = _C.ops.ones_like(points) if length == 1 else cosine_sum(points, steps, weights)
    return finished(values, dtype, device, grad)


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Hann window: half of 1 - cos.

    Args:
        window_length: number of elements.
        periodic: one period of a cosine, for spectra; else symmetric. Default: True.
        dtype, layout, device, pin_memory, requires_grad: as for `torch.empty`.

    Returns:
        Tensor (window_length,).

    Example:
        >>> import rushlight as torch
        >>> torch.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _cosine_window(
        "hann_window", [0.5, 0.5], window_length, periodic, dtype, device, requires_grad
    )


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Hamming window: alpha - beta * cos.

    Args:
        window_length: number of elements.
        periodic: one period, for spectra; else symmetric. Default: True.
        alpha, beta: weights of the constant and the cosine.
        dtype, layout, device, pin_memory, requires_grad: as for `torch.empty`.

    Returns:
        Tensor (window_length,).

    Example:
        >>> import rushlight as torch
        >>> torch.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _cosine_window(
        "hamming_window", [alpha, beta], window_length, periodic, dtype, device, requires_grad
    )


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman window: 0.42 - 0.5 cos + 0.08 cos of twice the angle.

    Args:
        window_length: number of elements.
        periodic: one period, for spectra; else symmetric. Default: True.
        dtype, layout, device, pin_memory, requires_grad: as for `torch.empty`.

    Returns:
        Tensor (window_length,).

    Example:
        >>> import rushlight as torch
        >>> torch.blackman_window(1)
        tensor([1.])
    """
    return _cosine_window(
        "blackman_window", [0.42, 0.5, 0.08], window_length, periodic, dtype, device, requires_grad
    )


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Triangular window.

    Args:
        window_length: number of elements.
        periodic: one period, for spectra; else symmetric. Default: True.
        dtype, layout, device, pin_memory, requires_grad: as for `torch.empty`.

    Returns:
        Tensor (window_length,).

    Example:
        >>> import rushlight as torch
        >>> torch.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    points, steps = _points(window_length, periodic, "bartlett_window")
    values = 1 - (points * (2 / steps) - 1).abs()
    if window_length == 1:
        values = _C.ops.ones_like(points)
    return finished(values, dtype, device, requires_grad)


def kaiser_values(points: Tensor, steps: int, beta: float) -> Tensor:
    """I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1."""
    import numpy

    from ..ops.creation import from_numpy

    x = points.numpy() * (2 / steps) - 1
    inside = beta * numpy.sqrt(numpy.maximum(1 - x * x, 0))
    return from_numpy(numpy.i0(inside) / numpy.i0(beta))


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser window, of the modified Bessel function I0.

    Args:
        window_length: number of elements.
        periodic: one period, for spectra; else symmetric. Default: True.
        beta: shape. Default: 12.
        dtype, layout, device, pin_memory, requires_grad: as for `torch.empty`.

    Returns:
        Tensor (window_length,).

    Example:
        >>> import rushlight as torch
        >>> torch.kaiser_window(1)
        tensor([1.])
    """
    points, steps = _points(window_length, periodic, "kaiser_window")
    values = _C.ops.ones_like(points) if window_length == 1 else kaiser_values(points, steps, beta)
    return finished(values, dtype, device, requires_grad)
