"""`Variable`: the old name of a tensor that takes part in autograd."""

from __future__ import annotations

import warnings

from .. import _C

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, other) -> bool:
        return isinstance(other, _C.Tensor)


class Variable(metaclass=_VariableMeta):
    """`Variable(x, requires_grad=...)` gives a tensor on the memory of x.

    Args:
        data: tensor.
        requires_grad: record operations on it. Default: False.
        volatile: old spelling of computing without a graph; it now has no effect but a warning.

    Example:
        >>> import rushlight as torch
        >>> from rushlight.autograd import Variable
        >>> Variable(torch.ones(1), requires_grad=True)
        tensor([1.], requires_grad=True)
    """

    _execution_engine: object

    def __new__(cls, data=None, requires_grad: bool = False, volatile: bool | None = None):
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                FutureWarning,
                stacklevel=2,
            )
        if data is None:
            return _C.ops.empty((0,)).requires_grad_(requires_grad)
        out = data.detach()
        out.requires_grad = bool(requires_grad) and not volatile
        return out
