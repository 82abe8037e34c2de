"""Normalisation by statistics of the batch, of a sample or of neighbouring channels."""

from __future__ import annotations

import math

from .._package import Tensor, ops, rl
from .padding import pad


def _verify_batch_size(size) -> None:
    if size[0] * math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )


def _verify_spatial_size(size) -> None:
    if math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {size}"
        )


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel by the statistics of the batch (training) or the running ones.

    Args:
        input (Tensor): (N, C, ...).
        running_mean, running_var (Tensor, optional): (C,); updated in training.
        weight, bias (Tensor, optional): (C,).
        training (bool): use and record the statistics of the batch. Default: False.
        momentum (float): share of the new statistics in the running ones. Default: 0.1.
        eps (float): added to the variance. Default: 1e-5.

    Raises:
        ValueError: training with a single value per channel.
    """
    if training:
        _verify_batch_size(input.size())
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return ops.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, True
    )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample; arguments as batch_norm."""
    if use_input_stats:
        _verify_spatial_size(input.size())
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    batch, channels = input.shape[:2]

    def per_sample(x):
        return None if x is None else x.repeat(batch)

    mean, var = per_sample(running_mean), per_sample(running_var)
    # Every channel of every sample becomes a channel of one big sample.
    output = ops.batch_norm(
        input.reshape(1, batch * channels, *input.shape[2:]),
        per_sample(weight),
        per_sample(bias),
        mean,
        var,
        use_input_stats,
        momentum,
        eps,
        True,
    ).view(input.shape)
    if use_input_stats:
        for running, new in ((running_mean, mean), (running_var, var)):
            if running is not None:
                with rl.no_grad():
                    running.copy_(new.view(batch, channels).mean(0))
    return output


def layer_norm(
    input: Tensor,
    normalized_shape,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last dimensions, whose sizes are ``normalized_shape``."""
    return ops.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(
    input: Tensor, normalized_shape, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root mean square over the last dimensions, whose sizes are ``normalized_shape``.

    Args:
        eps (float, optional): added to the mean square. Default: the epsilon of the dtype.
    """
    shape = list(normalized_shape)
    if list(input.shape[input.dim() - len(shape) :]) != shape or len(shape) > input.dim():
        # A single size follows the star without a comma, as in the reference.
        expected = ", ".join(str(n) for n in shape)
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape [*{expected}], but got "
            f"input of size{list(input.shape)}"
        )
    # 16-bit types are computed in float32.
    dtype = rl.float32 if input.dtype in (rl.float16, rl.bfloat16) else input.dtype
    x = input.to(dtype)
    if eps is None:
        eps = rl.finfo(dtype).eps
    dims = list(range(input.dim() - len(shape), input.dim()))
    result = x * (x.pow(2).mean(dims, keepdim=True) + eps).rsqrt()
    if weight is not None:
        result = result * weight
    return result.to(input.dtype if weight is None else rl.promote_types(input.dtype, weight.dtype))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over groups of channels of each sample.

    Args:
        input (Tensor): (N, C, ...), C divisible by ``num_groups``.
        weight, bias (Tensor, optional): (C,).
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    batch, channels, *rest = input.shape
    _verify_batch_size([batch * channels // num_groups, num_groups, *rest])
    return ops.group_norm(input, num_groups, weight, bias, eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by (k + alpha * mean square of ``size`` neighbouring channels) ** beta."""
    if input.dim() < 3:
        # The wide gap is part of the text programs have seen.
        raise ValueError(
            "Expected 3D or higher dimensionality                          input "
            f"(got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    batch, channels = input.shape[:2]
    # (N, 1, C, rest)
    squares = (input * input).reshape(batch, 1, channels, -1)
    squares = pad(squares, (0, 0, size // 2, (size - 1) // 2))
    mean = ops.avg_pool2d(squares, (size, 1), stride=1).view(input.shape)
    return input / (mean * alpha + k).pow(beta)
