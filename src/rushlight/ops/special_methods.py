"""Methods whose arguments stand in another order than the function's."""

from __future__ import annotations

from .. import _C
from ._registry import method

Tensor = _C.Tensor


@method
def polygamma(self: Tensor, n: int) -> Tensor:
    """Derivative of order `n` of the digamma function.

    Example:
        >>> import rushlight as torch
        >>> torch.tensor([1.0]).polygamma(1)
        tensor([1.6449])
    """
    return _C.ops.polygamma(n, self)


@method
def polygamma_(self: Tensor, n: int) -> Tensor:
    """In-place `polygamma`."""
    return self.copy_(_C.ops.polygamma(n, self.clone()))


@method
def where(self: Tensor, condition: Tensor, other: Tensor) -> Tensor:
    """The elements of `self` where `condition` holds, of `other` elsewhere.

    Example:
        >>> import rushlight as torch
        >>> torch.tensor([1, 2]).where(torch.tensor([True, False]), torch.tensor(9))
        tensor([1, 9])
    """
    return _C.ops.where(condition, self, other)
