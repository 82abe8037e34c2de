"""Building blocks of vision models: convolution + normalisation + activation, squeeze-excitation, MLP."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ... import Tensor, nn, ones, zeros
from ...nn.modules.module import Module

__all__ = [
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "ConvNormActivation",
    "FrozenBatchNorm2d",
    "MLP",
    "Permute",
    "SqueezeExcitation",
]


def _per_dim(value: Any, count: int) -> tuple:
    """`value` for each of `count` dimensions."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * count


def _same_padding(kernel_size: Any, dilation: Any) -> Any:
    """The padding that keeps the size at stride 1, for odd kernels."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    count = len(kernel_size) if isinstance(kernel_size, Sequence) else len(dilation)
    return tuple(
        (k - 1) // 2 * d for k, d in zip(_per_dim(kernel_size, count), _per_dim(dilation, count))
    )


class FrozenBatchNorm2d(Module):
    """Batch normalisation whose statistics and affine parameters are constants (buffers).

    Args:
        num_features: channels of the (N, C, H, W) input.
        eps: added to the variance.

    Example:
        >>> from rushlight.vision.ops import FrozenBatchNorm2d
        >>> layer = FrozenBatchNorm2d(3)
        >>> layer, len(list(layer.parameters())), len(list(layer.buffers()))
        (FrozenBatchNorm2d(3, eps=1e-05), 0, 4)
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        # Checkpoints of nn.BatchNorm2d hold a counter that this layer has no use for.
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"


class ConvNormActivation(nn.Sequential):
    """Convolution, normalisation and activation; use its 2d and 3d forms."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str | None = None,
        groups: int = 1,
        norm_layer: Callable[..., Module] | None = nn.BatchNorm2d,
        activation_layer: Callable[..., Module] | None = nn.ReLU,
        dilation: int | tuple[int, ...] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Callable[..., Module] = nn.Conv2d,
    ) -> None:
        convolution = conv_layer(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            _same_padding(kernel_size, dilation) if padding is None else padding,
            dilation=dilation,
            groups=groups,
            bias=norm_layer is None if bias is None else bias,
        )
        layers = [convolution]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels
        if type(self) is ConvNormActivation:
            warnings.warn("ConvNormActivation: use Conv2dNormActivation or Conv3dNormActivation")


class Conv2dNormActivation(ConvNormActivation):
    """A 2-d convolution followed by a normalisation and an activation.

    Args:
        in_channels, out_channels: channels of the (N, C, H, W) input and output.
        kernel_size, stride, groups, dilation: as of `nn.Conv2d`.
        padding: default: the one that keeps the size at stride 1.
        norm_layer: called with `out_channels`; None leaves it out.
        activation_layer: called with `inplace`; None leaves it out.
        inplace: given to the activation; None: it takes no such argument.
        bias: of the convolution; default: only where there is no `norm_layer`.

    Example:
        >>> from rushlight.vision.ops import Conv2dNormActivation
        >>> block = Conv2dNormActivation(3, 8, stride=2)
        >>> [type(m).__name__ for m in block], block(torch.zeros(1, 3, 8, 8)).shape
        (['Conv2d', 'BatchNorm2d', 'ReLU'], torch.Size([1, 8, 4, 4]))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str | None = None,
        groups: int = 1,
        norm_layer: Callable[..., Module] | None = nn.BatchNorm2d,
        activation_layer: Callable[..., Module] | None = nn.ReLU,
        dilation: int | tuple[int, int] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer,
            activation_layer, dilation, inplace, bias, nn.Conv2d,
        )  # fmt: skip


class Conv3dNormActivation(ConvNormActivation):
    """A 3-d convolution followed by a normalisation and an activation; see `Conv2dNormActivation`.

    Example:
        >>> from rushlight.vision.ops import Conv3dNormActivation
        >>> Conv3dNormActivation(3, 4)(torch.zeros(1, 3, 2, 5, 5)).shape
        torch.Size([1, 4, 2, 5, 5])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int] = 3,
        stride: int | tuple[int, int, int] = 1,
        padding: int | tuple[int, int, int] | str | None = None,
        groups: int = 1,
        norm_layer: Callable[..., Module] | None = nn.BatchNorm3d,
        activation_layer: Callable[..., Module] | None = nn.ReLU,
        dilation: int | tuple[int, int, int] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer,
            activation_layer, dilation, inplace, bias, nn.Conv3d,
        )  # fmt: skip


class SqueezeExcitation(Module):
    """Scale each channel by a gate computed from all channels' means (https://arxiv.org/abs/1709.01507).

    Args:
        input_channels: channels of the (N, C, H, W) input.
        squeeze_channels: width of the hidden layer.
        activation: of the hidden layer. scale_activation: of the gate.

    Example:
        >>> from rushlight.vision.ops import SqueezeExcitation
        >>> SqueezeExcitation(8, 2)(torch.ones(1, 8, 4, 4)).shape
        torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Callable[..., Module] = nn.ReLU,
        scale_activation: Callable[..., Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def _scale(self, input: Tensor) -> Tensor:
        hidden = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(hidden))

    def forward(self, input: Tensor) -> Tensor:
        return self._scale(input) * input


class MLP(nn.Sequential):
    """Linear layers, each but the last followed by normalisation, activation and dropout, the last by dropout.

    Args:
        in_channels: features of the input (..., in_channels).
        hidden_channels: features of each layer's output.
        norm_layer: called with the features; default none.
        activation_layer: called with `inplace` unless that is None.
        inplace: given to activations and dropouts. bias: of the linear layers. dropout: probability.

    Example:
        >>> from rushlight.vision.ops import MLP
        >>> [type(m).__name__ for m in MLP(4, [8, 2])]
        ['Linear', 'ReLU', 'Dropout', 'Linear', 'Dropout']
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: list[int],
        norm_layer: Callable[..., Module] | None = None,
        activation_layer: Callable[..., Module] | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        options = {} if inplace is None else {"inplace": inplace}
        layers: list[Module] = []
        sizes = [in_channels, *hidden_channels]
        for number, (entering, leaving) in enumerate(zip(sizes, sizes[1:]), 1):
            layers.append(nn.Linear(entering, leaving, bias=bias))
            if number < len(hidden_channels):
                if norm_layer is not None:
                    layers.append(norm_layer(leaving))
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
        super().__init__(*layers)


class Permute(Module):
    """`permute` as a layer.

    Example:
        >>> from rushlight.vision.ops import Permute
        >>> Permute([0, 2, 3, 1])(torch.zeros(1, 3, 4, 5)).shape
        torch.Size([1, 4, 5, 3])
    """

    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)
