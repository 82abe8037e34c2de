"""Pooling over windows and over parts of the input, and its inverse."""

from __future__ import annotations

import math

from ..._autocast import full_precision
from .._package import Tensor, ops, rl
from ._native import native
from ._sizes import _list_with_default, _pair, _single, _triple

avg_pool1d = native("avg_pool1d")
avg_pool2d = native("avg_pool2d")
avg_pool3d = native("avg_pool3d")
adaptive_avg_pool1d = native("adaptive_avg_pool1d")


def _max_pool(name, input, kernel_size, stride, padding, dilation, ceil_mode):
    stride = [] if stride is None else stride
    return getattr(ops, name)(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """max_pool1d that also returns where each maximum was found."""
    return _max_pool(
        "max_pool1d_with_indices", input, kernel_size, stride, padding, dilation, ceil_mode
    )


def max_pool1d(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
):
    """Maximum of each window of (N, C, L); arguments as max_pool2d."""
    name = "max_pool1d_with_indices" if return_indices else "max_pool1d"
    return _max_pool(name, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """max_pool2d that also returns where each maximum was found."""
    return _max_pool(
        "max_pool2d_with_indices", input, kernel_size, stride, padding, dilation, ceil_mode
    )


def max_pool2d(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
):
    """Maximum of each window.

    Args:
        input (Tensor): (N, C, H, W) or without N.
        kernel_size (int or tuple): size of the window.
        stride (int or tuple, optional): step of the window. Default: kernel_size.
        padding (int or tuple): implicit -inf on both sides. Default: 0.
        dilation (int or tuple): distance of the window's elements. Default: 1.
        ceil_mode (bool): also windows that lie partly outside. Default: False.
        return_indices (bool): also return where each maximum is. Default: False.

    Example::

        >>> import rushlight as torch
        >>> torch.nn.functional.max_pool2d(torch.arange(16.0).view(1, 1, 4, 4), 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    name = "max_pool2d_with_indices" if return_indices else "max_pool2d"
    return _max_pool(name, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """max_pool3d that also returns where each maximum was found."""
    return _max_pool(
        "max_pool3d_with_indices", input, kernel_size, stride, padding, dilation, ceil_mode
    )


def max_pool3d(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
):
    """Maximum of each window of (N, C, D, H, W); arguments as max_pool2d."""
    name = "max_pool3d_with_indices" if return_indices else "max_pool3d"
    return _max_pool(name, input, kernel_size, stride, padding, dilation, ceil_mode)


def adaptive_avg_pool2d(input: Tensor, output_size) -> Tensor:
    """Means over as many parts as ``output_size`` says; None keeps the size of the input."""
    return ops.adaptive_avg_pool2d(input, _list_with_default(output_size, input.size()))


def adaptive_avg_pool3d(input: Tensor, output_size) -> Tensor:
    """Means over as many parts as ``output_size`` says; None keeps the size of the input."""
    return ops.adaptive_avg_pool3d(input, _list_with_default(output_size, input.size()))


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool1d that also returns where each maximum was found."""
    return ops.adaptive_max_pool1d(input, output_size)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool2d that also returns where each maximum was found."""
    return ops.adaptive_max_pool2d(input, _list_with_default(output_size, input.size()))


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool3d that also returns where each maximum was found."""
    return ops.adaptive_max_pool3d(input, _list_with_default(output_size, input.size()))


def adaptive_max_pool1d(input: Tensor, output_size, return_indices: bool = False):
    """Maxima over ``output_size`` parts of (N, C, L)."""
    result = adaptive_max_pool1d_with_indices(input, output_size)
    return result if return_indices else result[0]


def adaptive_max_pool2d(input: Tensor, output_size, return_indices: bool = False):
    """Maxima over as many parts of (N, C, H, W) as ``output_size`` says."""
    result = adaptive_max_pool2d_with_indices(input, output_size)
    return result if return_indices else result[0]


def adaptive_max_pool3d(input: Tensor, output_size, return_indices: bool = False):
    """Maxima over as many parts of (N, C, D, H, W) as ``output_size`` says."""
    result = adaptive_max_pool3d_with_indices(input, output_size)
    return result if return_indices else result[0]


def _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, area, avg_pool, max_pool) -> Tensor:
    if norm_type == float("inf"):
        return max_pool(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -float("inf"):
        return -max_pool(-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    step = kernel_size if stride is None else stride
    mean = avg_pool(input.pow(norm_type), kernel_size, step, 0, ceil_mode)
    # An odd norm_type can make the mean negative; the reference takes relu of its size.
    return (mean.sign() * ops.relu(mean.abs())).mul(area).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False
) -> Tensor:
    """Power mean pooling: the sum of the p-th powers of each window, to the power 1 / p."""
    (area,) = _single(kernel_size)
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, area, avg_pool1d, max_pool1d)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False
) -> Tensor:
    """lp_pool1d over two dimensions."""
    area = math.prod(_pair(kernel_size))
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, area, avg_pool2d, max_pool2d)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False
) -> Tensor:
    """lp_pool1d over three dimensions."""
    area = math.prod(_triple(kernel_size))
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, area, avg_pool3d, max_pool3d)


def _unpool_output_size(input: Tensor, kernel_size, stride, padding, output_size):
    """Spatial size of the unpooled tensor: as given if it is possible, else the smallest fit."""
    dims = len(kernel_size)
    default = [
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(input.shape[-dims:], kernel_size, stride, padding)
    ]
    if output_size is not None:
        if len(output_size) == dims + 2:
            output_size = output_size[2:]
        if len(output_size) != dims:
            raise ValueError(
                f"output_size should be a sequence containing {dims} or {dims + 2} elements, but "
                f"it has a length of '{len(output_size)}'"
            )
        for d, (size, expected, step) in enumerate(zip(output_size, default, stride)):
            if not expected - step < size < expected + step:
                raise ValueError(
                    f'invalid output_size "{output_size}" (dim {d} must be between '
                    f"{expected - step} and {expected + step})"
                )
    result = default if output_size is None else output_size
    for d, size in enumerate(result):
        if size < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={size}"
            )
    return list(result)


def _check_unpool_input(input: Tensor, dims: int) -> None:
    # PyTorch runs the one-dimensional case as a two-dimensional one, and its messages say so.
    shape = [*input.shape, 1] if dims == 1 else list(input.shape)
    dims = max(dims, 2)
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but got "
            f"a tensor with {len(shape)} dimensions."
        )
    for d in range(len(shape) - dims if len(shape) == dims + 1 else 1, len(shape)):
        if shape[d] == 0:
            raise RuntimeError(
                f"max_unpooling{dims}d_forward_out_cpu(): Expected input to have non-zero size for "
                f"non-batch dimensions, but got {shape} with dimension {d} being empty."
            )


@full_precision
def _max_unpool(input, indices, kernel_size, stride, padding, output_size, dims: int) -> Tensor:
    if indices.dtype != rl.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if indices.shape != input.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    _check_unpool_input(input, dims)
    stride = kernel_size if stride is None else stride
    size = _unpool_output_size(input, kernel_size, stride, padding, output_size)
    lead = input.shape[:-dims]
    volume = math.prod(size)
    places = indices.reshape(*lead, math.prod(input.shape[-dims:]))
    if places.numel() and not places.is_meta:
        low, high = places.min().item(), places.max().item()
        if low < 0 or high >= volume:
            first = places[(places < 0) | (places >= volume)][0].item()
            shape = "x".join(str(n) for n in (*size, *[1] * (dims == 1)))
            raise RuntimeError(
                f"Found an invalid max index: {first} (output volumes are of size {shape})"
            )
    flat = input.new_zeros((*lead, volume)).scatter(-1, places, input.reshape(places.shape))
    return flat.view(*lead, *size)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size, stride=None, padding=0, output_size=None
) -> Tensor:
    """Put maxima back where ``max_pool1d(..., return_indices=True)`` found them; zeros elsewhere."""
    stride = None if stride is None else _single(stride)
    return _max_unpool(
        input, indices, _single(kernel_size), stride, _single(padding), output_size, 1
    )


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size, stride=None, padding=0, output_size=None
) -> Tensor:
    """Put maxima back where ``max_pool2d(..., return_indices=True)`` found them; zeros elsewhere."""
    stride = None if stride is None else _pair(stride)
    return _max_unpool(input, indices, _pair(kernel_size), stride, _pair(padding), output_size, 2)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size, stride=None, padding=0, output_size=None
) -> Tensor:
    """Put maxima back where ``max_pool3d(..., return_indices=True)`` found them; zeros elsewhere."""
    stride = None if stride is None else _triple(stride)
    return _max_unpool(
        input, indices, _triple(kernel_size), stride, _triple(padding), output_size, 3
    )


def _window_starts(samples, size: int, output: int, kernel: int) -> Tensor:
    """Starts (N, C, output) of pseudo-random windows that cover a dimension of ``size``."""
    last = samples.new_full((*samples.shape, 1), size - kernel).to(rl.int64)
    if output == 1:
        return last
    alpha = (size - kernel) / (output - 1)
    steps = rl.arange(output - 1, device=samples.device, dtype=samples.dtype)
    sample = samples.unsqueeze(-1)
    starts = ((steps + sample) * alpha).to(rl.int64) - (sample * alpha).to(rl.int64)
    return rl.cat([starts, last], -1)


@full_precision
def _fractional(name, dims, input, kernel_size, output_size, output_ratio, samples):
    sizes = input.shape[-dims:]
    if output_size is None:
        if output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        ratios = (output_ratio,) * dims if isinstance(output_ratio, float) else output_ratio
        if len(ratios) > dims:
            raise ValueError(
                f"{name} requires output_ratio to either be a single Int or tuple of Ints."
            )
        output_size = [int(n * ratio) for n, ratio in zip(sizes, ratios)]
    every = _pair if dims == 2 else _triple
    kernel_size, output_size = every(kernel_size), every(output_size)
    batched = input.dim() == dims + 2
    x = input if batched else input.unsqueeze(0)
    if samples is None:
        samples = rl.rand(*x.shape[:2], dims, dtype=input.dtype, device=input.device)
    for n, out, k in zip(sizes, output_size, kernel_size):
        if out + k - 1 > n:
            raise RuntimeError(f"{name}: pool size {k} too large relative to input size {n}")
    # Flat positions (N, C, out1, .., outd, k1 * .. * kd) of all elements of all windows.
    flat = rl.zeros((1,) * (2 + 2 * dims), dtype=rl.int64, device=input.device)
    for d, (n, out, k) in enumerate(zip(sizes, output_size, kernel_size)):
        # In two dimensions the samples come in the order width, height.
        sample = samples[..., dims - 1 - d if dims == 2 else d]
        place = _window_starts(sample, n, out, k).unsqueeze(-1) + rl.arange(k, device=input.device)
        shape = [1] * (2 * dims)
        shape[d], shape[dims + d] = out, k
        flat = flat * n + place.view(*place.shape[:2], *shape)
    lead = x.shape[:2]
    flat = flat.expand(*lead, *flat.shape[2:]).reshape(*lead, math.prod(output_size), -1)
    windows = x.reshape(*lead, -1).gather(-1, flat.reshape(*lead, -1)).view(flat.shape)
    values, which = windows.max(-1)
    indices = flat.gather(-1, which.unsqueeze(-1)).squeeze(-1)
    result = tuple(t.view(*lead, *output_size) for t in (values, indices))
    return result if batched else tuple(t.squeeze(0) for t in result)


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """fractional_max_pool2d that also returns where each maximum was found."""
    return _fractional(
        "fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, _random_samples
    )


def fractional_max_pool2d(
    input: Tensor,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
):
    """Maxima of windows at pseudo-random places.

    Args:
        output_size (int or tuple, optional): size of the output.
        output_ratio (float or tuple, optional): or its size as a share of the input's.
        return_indices (bool): also return where each maximum is. Default: False.
    """
    result = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
    return result if return_indices else result[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """fractional_max_pool3d that also returns where each maximum was found."""
    return _fractional(
        "fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, _random_samples
    )


def fractional_max_pool3d(
    input: Tensor,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
):
    """fractional_max_pool2d over three dimensions."""
    result = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
    return result if return_indices else result[0]
