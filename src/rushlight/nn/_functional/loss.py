"""Losses that compare predictions with targets value by value."""

from __future__ import annotations

import math
import warnings

from ..._autocast import full_precision
from .. import _reduction as _Reduction
from .._package import Tensor, ops, rl
from .activation import logsigmoid


def _reduce(loss: Tensor, reduction: str) -> Tensor:
    code = _Reduction.get_enum(reduction)
    if code == 0:
        return loss
    return loss.mean() if code == 1 else loss.sum()


def _reduction_name(size_average, reduce, reduction: str) -> str:
    if size_average is None and reduce is None:
        return reduction
    return _Reduction.legacy_get_string(size_average, reduce)


def _warn_sizes(input: Tensor, target: Tensor) -> None:
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            f"Please ensure they have the same size.{_broadcast_advice(input, target)}",
            stacklevel=3,
        )


def _broadcast_advice(input: Tensor, target: Tensor) -> str:
    try:
        shape = [*rl.broadcast_shapes(input.size(), target.size())]
    except RuntimeError:
        return ""  # the computation itself will say what is wrong
    return f"\nThe errors have shape {shape}; drop or add a dimension, e.g. by input.squeeze(1)."


def _weighted(errors: Tensor, input: Tensor, weight: Tensor, reduction: str, divide) -> Tensor:
    """Reduce ``errors * weight``; ``divide`` turns the weighted errors into their mean."""
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    errors = errors * weight
    if reduction == "none":
        return errors
    if reduction == "sum":
        return errors.sum()
    if reduction == "mean":
        return divide(errors)
    raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error (input - target)**2.

    Args:
        input (Tensor): predictions.
        target (Tensor): same shape; a different one is broadcast, with a warning.
        reduction (str): "none", "mean" or "sum". Default: "mean".
        weight (Tensor, optional): a factor per element; the mean divides by its sum.

    Example::

        >>> import rushlight as torch
        >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        tensor(2.)
    """
    if target.shape != input.shape:
        _warn_sizes(input, target)
        input, target = rl.broadcast_tensors(input, target)
    reduction = _reduction_name(size_average, reduce, reduction)
    if weight is None:
        return ops.mse_loss(input, target, _Reduction.get_enum(reduction))
    return _weighted(
        (input - target).pow(2), input, weight, reduction, lambda e: e.sum() / weight.sum()
    )


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute error |input - target|; arguments as mse_loss."""
    if target.shape != input.shape:
        _warn_sizes(input, target)
        input, target = rl.broadcast_tensors(input, target)
    reduction = _reduction_name(size_average, reduce, reduction)
    if weight is None:
        return ops.l1_loss(input, target, _Reduction.get_enum(reduction))
    return _weighted(
        (input - target).abs(), input, weight, reduction, lambda e: e.sum() / weight.sum()
    )


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared error below ``beta`` (divided by it), absolute error above."""
    if target.shape != input.shape:
        _warn_sizes(input, target)
        input, target = rl.broadcast_tensors(input, target)
    code = _Reduction.get_enum(_reduction_name(size_average, reduce, reduction))
    if beta == 0.0:
        return ops.l1_loss(input, target, code)
    return ops.smooth_l1_loss(input, target, code, beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error below ``delta``, a straight line above."""
    if target.shape != input.shape:
        _warn_sizes(input, target)
    shape = input
    input, target = rl.broadcast_tensors(input, target)
    if weight is None:
        return ops.huber_loss(input, target, _Reduction.get_enum(reduction), delta)
    errors = ops.huber_loss(input, target, _Reduction.get_enum("none"), delta)
    return _weighted(errors, shape, weight, reduction, lambda e: e.mean())


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood: minus the input at the target class.

    Args:
        input (Tensor): log probabilities, (C,), (N, C) or (N, C, d1, ...).
        target (Tensor): class indices, shape of the input without C.
        weight (Tensor, optional): a factor per class; the mean divides by the sum of those used.
        ignore_index (int): a target that counts for nothing. Default: -100.
        reduction (str): "none", "mean" or "sum". Default: "mean".
    """
    reduction = _reduction_name(size_average, reduce, reduction)
    return ops.nll_loss_nd(input, target, weight, _Reduction.get_enum(reduction), ignore_index)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy between logits and class indices or class probabilities.

    Args:
        input (Tensor): unnormalised logits, (C,), (N, C) or (N, C, d1, ...).
        target (Tensor): class indices (shape without C) or probabilities (shape of the input).
        weight (Tensor, optional): a factor per class.
        ignore_index (int): a class index that counts for nothing. Default: -100.
        reduction (str): "none", "mean" or "sum". Default: "mean".
        label_smoothing (float): share of the uniform distribution mixed in, in [0, 1].

    Example::

        >>> import rushlight as torch
        >>> torch.nn.functional.cross_entropy(torch.zeros(2, 4), torch.tensor([1, 3]))
        tensor(1.3863)
    """
    reduction = _reduction_name(size_average, reduce, reduction)
    return ops.cross_entropy_loss(
        input, target, weight, _Reduction.get_enum(reduction), ignore_index, label_smoothing
    )


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options=None,
) -> Tensor:
    """cross_entropy of the logits ``linear(input, linear_weight, linear_bias)``.

    Args:
        input (Tensor): (in_features,) or (N, in_features).
        linear_weight (Tensor): (num_classes, ..., in_features).
        target (Tensor): as for cross_entropy.
        options: how a split into chunks may be done; has no influence on the result here.
    """
    _check_linear_cross_entropy(input, linear_weight, linear_bias)
    classes, *features = linear_weight.shape[:-1]
    shape = (*input.shape[:-1], classes, *features)
    if input.dim() == 2 and target.dim() > 0 and target.size(0) != input.size(0):
        raise ValueError(
            f"Expected input batch_size ({input.size(0)}) to match target batch_size "
            f"({target.size(0)})."
        )
    if target.shape == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if features:
        linear_weight = linear_weight.reshape(-1, linear_weight.shape[-1])
        linear_bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = ops.linear(input, linear_weight, linear_bias).reshape(shape)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )


def _check_linear_cross_entropy(input, weight, bias) -> None:
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {weight.dim()}"
        )
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {weight.shape[-1]}, respectively"
        )
    outputs = tuple(weight.shape[:-1])
    if bias is not None and tuple(bias.shape) != outputs:
        raise RuntimeError(f"expected linear_bias shape {outputs}, got {tuple(bias.shape)}")
    if len(outputs) > 1 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires "
            f"batched input, (N, {input.shape[-1]}), got unbatched input with shape "
            f"{tuple(input.shape)}"
        )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of probabilities in [0, 1] and targets in [0, 1].

    Raises:
        ValueError: the shapes differ.
    """
    code = _Reduction.get_enum(_reduction_name(size_average, reduce, reduction))
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = weight.expand(rl.broadcast_shapes(target.size(), weight.size()))
    return ops.binary_cross_entropy(input, target, weight, code)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), computed without overflow.

    Args:
        pos_weight (Tensor, optional): a factor for the positive term, per class.

    Raises:
        ValueError: the shapes differ.
    """
    code = _Reduction.get_enum(_reduction_name(size_average, reduce, reduction))
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    return ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, code)


@full_precision
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence target * (log(target) - input); input holds log probabilities.

    Args:
        reduction (str): also "batchmean", the sum divided by the first size, as in the definition.
        log_target (bool): the target holds log probabilities too.
    """
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=2,
        )
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = rl.xlogy(target, target) - target * input
    if reduction != "batchmean":
        return _reduce(loss, reduction)
    total = loss.sum()
    return total / input.size(0) if input.dim() != 0 else total


@full_precision
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of counts under a Poisson distribution of the predicted rate.

    Args:
        log_input (bool): the input is the logarithm of the rate. Default: True.
        full (bool): add Stirling's approximation of log(target!).
        eps (float): keeps log(input) finite when ``log_input`` is False.
    """
    reduction = _reduction_name(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not a valid value for reduction")
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduce(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of the target under a normal distribution (input, var).

    Args:
        var (Tensor or float): variances: shape of the input, or with the last one 1 or left out.
        full (bool): include the constant log(2 pi) / 2.
        eps (float): lower limit of the variance.

    Raises:
        ValueError: a variance is negative or its shape does not fit.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * rl.ones_like(input)
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        else:
            differing = [n for m, n in zip(input.size(), var.size()) if m != n]
            if input.ndim != var.ndim or sum(differing) != 1:
                raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    # The limit takes no part in the gradient.
    with rl.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce(loss, reduction)


@full_precision
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input)) for targets of 1 and -1."""
    reduction = _reduction_name(size_average, reduce, reduction)
    return _reduce((-target * input).exp().log1p(), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean over the classes (last dimension) of the logistic loss of targets 0 and 1."""
    reduction = _reduction_name(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    loss = loss.sum(dim=-1) / input.size(-1)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    return _reduce(loss, reduction)
