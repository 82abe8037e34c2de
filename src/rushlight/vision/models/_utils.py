"""What several families of models share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ... import Tensor, nn


def _make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The multiple of `divisor` nearest to `v`, at least `min_value` and 0.9 `v`."""
    near = max(
        divisor if min_value is None else min_value, int(v + divisor / 2) // divisor * divisor
    )
    return near if near >= 0.9 * v else near + divisor


def kaiming_fan_out(weight: Tensor) -> None:
    """The usual start of convolutions followed by a ReLU (https://arxiv.org/abs/1502.01852)."""
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def normal(std: float) -> Callable[[Tensor], Any]:
    """A function that fills a weight with normal values of this deviation."""
    return lambda weight: nn.init.normal_(weight, 0.0, std)


def initialise(
    model: nn.Module,
    conv: Callable[[Tensor], Any] | None = None,
    linear: Callable[[Tensor], Any] | None = None,
    zero_bias: bool = True,
) -> None:
    """Give a new model its starting values, layer by layer in the order of `model.modules()`.

    Args:
        model: the model; normalisation layers get scale 1 and shift 0.
        conv, linear: fill the weights of convolutions and of linear layers; None leaves these layers as they are.
        zero_bias: set the biases of the layers filled to zero.
    """
    for module in model.modules():
        fill = None
        if isinstance(module, nn.Conv2d):
            fill = conv
        elif isinstance(module, nn.Linear):
            fill = linear
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)) and module.affine:
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        if fill is not None:
            fill(module.weight)
            if zero_bias and module.bias is not None:
                nn.init.zeros_(module.bias)


class IntermediateLayerGetter(nn.ModuleDict):
    """The children of a model, called one after the other, as a layer that returns some of their results.

    Args:
        model: its forward must be its children in their order.
        return_layers: name of a child -> name of its result. Children after the last of them are left out.

    Returns:
        Of a call: dict of results.

    Raises:
        ValueError: the model has no such child.

    Example:
        >>> from rushlight.vision.models import resnet18
        >>> from rushlight.vision.models._utils import IntermediateLayerGetter
        >>> getter = IntermediateLayerGetter(resnet18(), {"layer1": "low", "layer3": "high"})
        >>> {name: y.shape for name, y in getter(torch.rand(1, 3, 32, 32)).items()}
        {'low': torch.Size([1, 64, 8, 8]), 'high': torch.Size([1, 256, 2, 2])}
    """

    _version = 2

    def __init__(self, model: nn.Module, return_layers: dict[str, str]) -> None:
        children = dict(model.named_children())
        if not set(return_layers) <= set(children):
            raise ValueError("return_layers are not present in model")
        names = list(children)
        last = max((names.index(name) for name in return_layers), default=0)
        super().__init__({name: children[name] for name in names[: last + 1]})
        self.return_layers = return_layers

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        results = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                results[self.return_layers[name]] = x
        return results
