"""Two tensors that change places."""

from __future__ import annotations

import weakref

from .. import _C

__all__ = ["swap_tensors"]

Tensor = _C.Tensor


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Exchange two tensors: whoever holds one finds the other's values, class and attributes.

    Args:
        t1, t2: tensors that nothing but Python refers to, no graph and no weak reference.

    Raises:
        RuntimeError: one has weak references, slots that the other lacks, or a graph refers to it.

    Example:
        >>> import rushlight as torch
        >>> from rushlight.utils import swap_tensors
        >>> a, b = torch.ones(2), torch.zeros(3)
        >>> swap_tensors(a, b)
        >>> a
        tensor([0., 0., 0.])
    """
    if t1 is t2:
        return
    for name, tensor in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(tensor):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    slots = [
        {n for base in type(t).__mro__ for n in base.__dict__.get("__slots__", ())}
        for t in (t1, t2)
    ]
    if slots[0] != slots[1]:
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    kept = [{n: getattr(t, n) for n in slots[0] if hasattr(t, n)} for t in (t1, t2)]
    _C._swap_tensors(t1, t2)
    for tensor, values in ((t1, kept[1]), (t2, kept[0])):
        for name in slots[0]:
            if name in values:
                setattr(tensor, name, values[name])
            elif hasattr(tensor, name):
                delattr(tensor, name)
