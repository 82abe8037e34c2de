"""Feature pyramids (https://arxiv.org/abs/1612.03144)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ... import Tensor, nn
from ...nn.modules.module import Module
from .misc import Conv2dNormActivation

__all__ = ["FeaturePyramidNetwork"]


class ExtraFPNBlock(Module):
    """What adds coarser levels to a pyramid: (results, inputs, names) -> (results, names)."""

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        raise NotImplementedError


class FeaturePyramidNetwork(Module):
    """Maps of all resolutions, each with what the coarser ones know.

    Args:
        in_channels_list: channels of each input, from fine to coarse.
        out_channels: of all results.
        extra_blocks: adds coarser levels.
        norm_layer: called with `out_channels`; default none.

    Returns:
        Of a call with a dict of (N, C, H, W): a dict of the same names, and those of added levels.

    Example:
        >>> from rushlight.vision.ops import FeaturePyramidNetwork
        >>> pyramid = FeaturePyramidNetwork([4, 8], 5)
        >>> found = pyramid({"a": torch.zeros(1, 4, 8, 8), "b": torch.zeros(1, 8, 4, 4)})
        >>> {name: tuple(y.shape) for name, y in found.items()}
        {'a': (1, 5, 8, 8), 'b': (1, 5, 4, 4)}
    """

    _version = 2

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList()
        self.layer_blocks = nn.ModuleList()
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": None}
        for channels in in_channels_list:
            if channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            self.inner_blocks.append(
                Conv2dNormActivation(channels, out_channels, 1, padding=0, **options)
            )
            self.layer_blocks.append(Conv2dNormActivation(out_channels, out_channels, 3, **options))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.constant_(module.bias, 0)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(
                f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}"
            )
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        if local_metadata.get("version", None) in (None, 1):
            # Then the blocks were convolutions, and now are sequences that begin with them.
            for blocks in ("inner_blocks", "layer_blocks"):
                for number in range(len(getattr(self, blocks))):
                    for kind in ("weight", "bias"):
                        old = f"{prefix}{blocks}.{number}.{kind}"
                        if old in state_dict:
                            new = f"{prefix}{blocks}.{number}.0.{kind}"
                            state_dict[new] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        names, maps = list(x), list(x.values())
        coarser = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](coarser)]
        for number in range(len(maps) - 2, -1, -1):
            lateral = self.inner_blocks[number](maps[number])
            size = lateral.shape[-2:]
            coarser = lateral + nn.functional.interpolate(coarser, size=size, mode="nearest")
            results.insert(0, self.layer_blocks[number](coarser))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results))


class LastLevelMaxPool(ExtraFPNBlock):
    """One more level, "pool": every second pixel of the coarsest."""

    def forward(
        self, x: list[Tensor], y: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        names.append("pool")
        x.append(nn.functional.max_pool2d(x[-1], kernel_size=1, stride=2, padding=0))
        return x, names


class LastLevelP6P7(ExtraFPNBlock):
    """Two more levels, "p6" and "p7", by convolutions of stride 2 (RetinaNet, https://arxiv.org/abs/1708.02002)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.constant_(module.bias, 0)
        self.use_P5 = in_channels == out_channels

    def forward(
        self, p: list[Tensor], c: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        p7 = self.p7(nn.functional.relu(p6))
        p.extend([p6, p7])
        names.extend(["p6", "p7"])
        return p, names
