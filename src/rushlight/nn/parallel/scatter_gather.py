"""Splitting arguments over devices and joining results."""

from __future__ import annotations

from .._package import Tensor, rl

__all__ = ["scatter", "scatter_kwargs", "gather"]


def _is_namedtuple(obj) -> bool:
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def _device(target):
    return rl.device("cuda", target) if isinstance(target, int) else rl.device(target)


def scatter(inputs, target_gpus, dim: int = 0):
    """The tensors in ``inputs`` split along ``dim``, one part for each device.

    Args:
        inputs: tensors in any nesting of tuples, lists and dicts; other objects are repeated.
        target_gpus (sequence): the devices.
        dim (int): Default: 0.

    Returns:
        A list with the inputs of each device (fewer if there is not enough to split).
    """
    if isinstance(inputs, Tensor):
        parts = inputs.chunk(len(target_gpus), dim)
        return tuple(part.to(_device(target)) for part, target in zip(parts, target_gpus))
    if isinstance(inputs, (tuple, list, dict)) and len(inputs) > 0:
        members = inputs.items() if isinstance(inputs, dict) else inputs
        split = zip(*(scatter(member, target_gpus, dim) for member in members))
        if _is_namedtuple(inputs):
            return [type(inputs)(*part) for part in split]
        return [type(inputs)(part) for part in split]
    return [inputs for _ in target_gpus]


def scatter_kwargs(inputs, kwargs, target_gpus, dim: int = 0):
    """``scatter`` of positional and keyword arguments, made equally long."""
    inputs = scatter(inputs, target_gpus, dim) if inputs else []
    kwargs = scatter(kwargs, target_gpus, dim) if kwargs else []
    count = max(len(inputs), len(kwargs))
    inputs = list(inputs) + [()] * (count - len(inputs))
    kwargs = list(kwargs) + [{}] * (count - len(kwargs))
    return tuple(inputs), tuple(kwargs)


def gather(outputs, target_device, dim: int = 0):
    """The outputs of several devices joined along ``dim`` on one.

    Raises:
        ValueError: dicts among the outputs differ in their number of keys.
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        device = rl.device("cpu") if target_device == -1 else _device(target_device)
        parts = [output.to(device) for output in outputs]
        if first.dim() == 0:
            return rl.stack(parts)
        return rl.cat(parts, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(output) != len(first) for output in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)(
            (key, gather([output[key] for output in outputs], target_device, dim)) for key in first
        )
    members = [gather(member, target_device, dim) for member in zip(*outputs)]
    return type(first)(*members) if _is_namedtuple(first) else type(first)(members)
