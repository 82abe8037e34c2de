"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with the given tensors in place of its own.

    Args:
        module: what to call; it is as before afterwards.
        parameter_and_buffer_dicts: dict of tensors by dotted name, or several such dicts.
        args: one argument or a tuple of arguments.
        kwargs: keyword arguments.
        tie_weights: replace a tensor under all of its names. Default: True.
        strict: names must match exactly. Default: False.

    Returns:
        What the module returns.

    Example:
        >>> import rushlight as torch
        >>> layer = torch.nn.Linear(1, 1, bias=False)
        >>> x = torch.full((1, 1), 3.0)
        >>> torch.func.functional_call(layer, {"weight": torch.full((1, 1), 2.0)}, x)
        tensor([[6.]])
    """
    from ..nn.utils.stateless import _functional_call

    if isinstance(parameter_and_buffer_dicts, dict):
        merged = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, Sequence):
        merged = {}
        for part in parameter_and_buffer_dicts:
            if not isinstance(part, dict):
                raise ValueError(
                    "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
                )
            repeated = merged.keys() & part.keys()
            if repeated:
                raise ValueError(
                    f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
                )
            merged |= part
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, "
            f"but got {type(parameter_and_buffer_dicts)}"
        )
    return _functional_call(module, merged, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Any) -> tuple[dict, dict]:
    """Parameters and buffers of modules of one kind, stacked along a new first dimension.

    Args:
        models: list of modules of the same class in the same mode.

    Returns:
        (parameters, buffers): dicts of tensors by dotted name.

    Example:
        >>> import rushlight as torch
        >>> p, b = torch.func.stack_module_state([torch.nn.Linear(2, 3) for _ in range(4)])
        >>> p["weight"].shape
        torch.Size([4, 3, 2])
    """
    from .. import stack

    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(m.training != models[0].training for m in models):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(kind: str) -> dict:
        every = [dict(getattr(m, kind)()) for m in models]
        result = {}
        for name, first in every[0].items():
            whole = stack([e[name].detach() for e in every])
            result[name] = whole.requires_grad_(first.requires_grad)
        return result

    return stacked("named_parameters"), stacked("named_buffers")
