"""Calling a module with other parameters than its own."""

from __future__ import annotations

import contextlib
import warnings

from .._package import Tensor

__all__ = ["functional_call"]


def _untie(module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """``given`` with the other names of each tied tensor added."""
    names: dict[int, list[str]] = {}
    for members in (module.named_parameters, module.named_buffers):
        for name, tensor in members(remove_duplicate=False):
            names.setdefault(id(tensor), []).append(name)
    result = dict(given)
    for tied in names.values():
        values = [given[name] for name in tied if name in given]
        if len(tied) == 1 or not values:
            continue
        if any(value is not values[0] for value in values):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(tied)}, which are tied. "
                "Consider using tie_weights=False"
            )
        result.update(dict.fromkeys(tied, values[0]))
    return result


def _check_keys(module, given) -> None:
    own = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    own |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
    errors = []
    for what, keys in (
        ("Unexpected", [key for key in given if key not in own]),
        ("Missing", sorted(own - set(given))),
    ):
        if keys:
            errors.append(f"{what} key(s): {', '.join(map(repr, keys))}.")
    if errors:
        listed = "\n\t".join(errors)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{listed}")


def _swap(module, name: str, value):
    """Put ``value`` in the place of a tensor; returns what was there."""
    path, _, leaf = name.rpartition(".")
    owner = module.get_submodule(path)
    for members in (owner._parameters, owner._buffers):
        if leaf in members:
            old, members[leaf] = members[leaf], value
            return old
    if not hasattr(owner, leaf):
        raise AttributeError(f"{owner._get_name()} has no attribute `{leaf}`")
    old = getattr(owner, leaf)
    if not isinstance(old, Tensor):
        raise TypeError(f"{name}: {old} is not an instance of torch.Tensor")
    setattr(owner, leaf, value)
    return old


@contextlib.contextmanager
def _reparametrize_module(
    module, parameters_and_buffers, tie_weights=False, strict=False, stack_weights=False
):
    given = parameters_and_buffers
    if tie_weights:
        given = _untie(module, given)
    if strict:
        _check_keys(module, given)
    original: dict[str, Tensor] = {}
    try:
        for name, value in given.items():
            original[name] = _swap(module, name, value)
        yield
    finally:
        names = reversed(original) if stack_weights else list(original)
        for name in names:
            # Buffers replaced during the call are handed back to the caller's dict.
            final = _swap(module, name, original[name])
            if name in parameters_and_buffers:
                parameters_and_buffers[name] = final


def _functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(
        module, parameters_and_buffers, tie_weights=tie_weights, strict=strict
    ):
        return module(*args, **(kwargs or {}))


def functional_call(
    module,
    parameters_and_buffers: dict[str, Tensor],
    args=None,
    kwargs=None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """Call ``module`` with the given tensors in place of its own; the old place of func's; warns.

    Args:
        module (Module): what to call; it is as before afterwards.
        parameters_and_buffers (dict): tensors by dotted name.
        args, kwargs: arguments of the call.
        tie_weights (bool): a tensor that has several names is replaced under all. Default: True.
        strict (bool): raise if a name is missing or unknown. Default: False.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
