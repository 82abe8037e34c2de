"""Batch normalisation folded into the layer before it, for evaluation."""

from __future__ import annotations

import copy

from .._package import Tensor, rl
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def _fuse(layer, bn, weights, *args):
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused = copy.deepcopy(layer)
    statistics = (bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    fused.weight, fused.bias = weights(fused.weight, fused.bias, *statistics, *args)
    return fused


def _fold(weight, bias, mean, var, eps, scale, shift, shape):
    """Weight and bias that give ``(layer(x) - mean) / sqrt(var + eps) * scale + shift``."""
    bias_dtype = weight.dtype if bias is None else bias.dtype
    requires_grad = weight.requires_grad, bias is not None and bias.requires_grad
    bias = rl.zeros_like(mean) if bias is None else bias
    factor = (var + eps).rsqrt()
    if scale is not None:
        factor = factor * scale
    new_weight = (weight * factor.reshape(shape)).to(weight.dtype)
    new_bias = (bias - mean) * factor
    if shift is not None:
        new_bias = new_bias + shift
    return (
        Parameter(new_weight, requires_grad[0]),
        Parameter(new_bias.to(bias_dtype), requires_grad[1]),
    )


def fuse_conv_bn_eval(conv, bn, transpose: bool = False):
    """A copy of ``conv`` that does what ``conv`` and then ``bn`` do, both in evaluation.

    Args:
        conv (Module): a convolution.
        bn (Module): the batch norm after it.
        transpose (bool): ``conv`` is a transposed convolution. Default: False.
    """
    return _fuse(conv, bn, fuse_conv_bn_weights, transpose)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused convolution."""
    lead = [1, -1] if transpose else [-1, 1]
    shape = lead + [1] * (conv_w.dim() - 2)
    return _fold(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear, bn):
    """A copy of ``linear`` that does what ``linear`` and then ``bn`` do, both in evaluation."""
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    return _fuse(linear, bn, fuse_linear_bn_weights)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused linear layer."""
    return _fold(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])
