"""Comparison within a tolerance."""

from __future__ import annotations

from .. import _C
from ._registry import function, method

Tensor = _C.Tensor


@method
@function
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Tell elementwise whether `|input - other| <= atol + rtol * |other|`.

    Args:
        input (Tensor), other (Tensor): of the same dtype, broadcast against each other.
        rtol (float), atol (float): relative and absolute tolerance, not negative.
        equal_nan (bool): count two nan as close.

    Returns:
        A bool tensor.

    Raises:
        RuntimeError: the dtypes differ, or a tolerance is negative.

    Example:
        >>> import rushlight as torch
        >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
        tensor([ True, False])
    """
    if input.dtype != other.dtype:
        words = [str(t.dtype).removeprefix("torch.") for t in (input, other)]
        raise RuntimeError(f"isclose: the dtypes must agree: got {words[0]} and {words[1]}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol}")
    close = input == other
    inexact = input.dtype.is_floating_point or input.dtype.is_complex
    if equal_nan and inexact:
        close = close | ((input != input) & (other != other))
    if rtol == 0 and atol == 0:
        return close
    if not inexact:
        input, other = input.to(_C.get_default_dtype()), other.to(_C.get_default_dtype())
    error = (input - other).abs()
    return close | (error.isfinite() & (error <= atol + (rtol * other).abs()))


@method
@function
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Tell whether all elements are close; see `isclose`.

    Example:
        >>> import rushlight as torch
        >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-9]))
        True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all())
