"""Gradients of convolutions with respect to input and weight, as functions."""

from __future__ import annotations

from . import functional as F
from ._functional._sizes import _pair, _single, _triple
from ._package import Tensor, rl


def _gradient(convolution, wanted, arguments, grad_output: Tensor, options) -> Tensor:
    with rl.enable_grad():
        wanted.requires_grad_()
        output = convolution(*arguments, None, *options)
    return rl.autograd.grad(output, wanted, grad_output)[0]


def _input(convolution, every, input_size, weight, grad_output, stride, padding, dilation, groups):
    # The values of the input have no influence on its gradient.
    input = grad_output.new_zeros(tuple(input_size))
    options = (every(stride), every(padding), every(dilation), groups)
    return _gradient(convolution, input, (input, weight.detach()), grad_output, options)


def _weight(convolution, every, input, weight_size, grad_output, stride, padding, dilation, groups):
    weight = grad_output.new_zeros(tuple(weight_size))
    options = (every(stride), every(padding), every(dilation), groups)
    return _gradient(convolution, weight, (input.detach(), weight), grad_output, options)


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of conv1d with respect to its input."""
    options = (stride, padding, dilation, groups)
    return _input(F.conv1d, _single, input_size, weight, grad_output, *options)


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of conv1d with respect to its weight."""
    options = (stride, padding, dilation, groups)
    return _weight(F.conv1d, _single, input, weight_size, grad_output, *options)


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of conv2d with respect to its input."""
    options = (stride, padding, dilation, groups)
    return _input(F.conv2d, _pair, input_size, weight, grad_output, *options)


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of conv2d with respect to its weight."""
    options = (stride, padding, dilation, groups)
    return _weight(F.conv2d, _pair, input, weight_size, grad_output, *options)


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of conv3d with respect to its input."""
    options = (stride, padding, dilation, groups)
    return _input(F.conv3d, _triple, input_size, weight, grad_output, *options)


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of conv3d with respect to its weight."""
    options = (stride, padding, dilation, groups)
    return _weight(F.conv3d, _triple, input, weight_size, grad_output, *options)
