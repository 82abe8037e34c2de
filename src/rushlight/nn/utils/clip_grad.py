"""Clipping of gradients by their common norm or by value."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable

from .._package import Tensor, rl

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]


def _as_list(tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as one vector.

    Args:
        tensors (Tensor or iterable of Tensor): the parts of the vector.
        norm_type (float): order of the norm. Default: 2.
        error_if_nonfinite (bool): raise if it is nan or infinite. Default: False.
        foreach (bool, optional): accepted; has no influence on the result.
    """
    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return rl.tensor(0.0)
    with rl.no_grad():
        device = tensors[0].device
        norms = [rl.linalg.vector_norm(t, norm_type).to(device) for t in tensors]
        total = rl.linalg.vector_norm(rl.stack(norms), norm_type)
        if error_if_nonfinite and not bool(rl.isfinite(total)):
            raise RuntimeError(
                f"The total norm of order {norm_type} for gradients from `parameters` is "
                "non-finite, so it cannot be clipped. To disable this error and scale the "
                "gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
            )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients by ``max_norm / total_norm`` if that is less than 1."""
    grads = [p.grad for p in _as_list(parameters) if p.grad is not None]
    if not grads:
        return
    with rl.no_grad():
        # 1e-6 keeps the quotient finite for zero gradients.
        scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(scale.to(grad.device))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients, in place, so that their common norm is at most ``max_norm``.

    Args:
        parameters (Tensor or iterable of Tensor): whose gradients to clip.
        max_norm (float): the limit.
        norm_type (float): order of the norm; ``inf`` for the maximum. Default: 2.
        error_if_nonfinite (bool): raise if the norm is nan or infinite. Default: False.
        foreach (bool, optional): accepted; has no influence on the result.

    Returns:
        The norm before clipping.

    Example::

        >>> import rushlight as torch
        >>> w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> w.grad = torch.tensor([3.0, 4.0])
        >>> torch.nn.utils.clip_grad_norm_([w], 1.0)
        tensor(5.)
    """
    is_generator = isinstance(parameters, types.GeneratorType)
    parameters = _as_list(parameters)
    if is_generator and not parameters:
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    grads = [p.grad for p in parameters if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of clip_grad_norm_; warns."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of the gradients, in place, to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    with rl.no_grad():
        for p in _as_list(parameters):
            if p.grad is not None:
                p.grad.clamp_(min=-clip_value, max=clip_value)


_get_total_norm = get_total_norm
_clip_grads_with_norm_ = clip_grads_with_norm_
