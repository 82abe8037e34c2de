"""Stochastic depth (https://arxiv.org/abs/1603.09382): leave out residual branches at random."""

from __future__ import annotations

from ... import Tensor, empty
from ...nn.modules.module import Module

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """Zero the whole input, or some of its rows, with probability `p`, and scale what stays by 1 / (1 - p).

    Args:
        input: (N, ...).
        p: probability of zero.
        mode: "batch" (all rows share one draw) or "row".
        training: False returns the input itself, without a draw.

    Raises:
        ValueError: for a probability outside [0, 1] or another mode.

    Example:
        >>> from rushlight.vision.ops import stochastic_depth
        >>> stochastic_depth(torch.ones(2, 2), 1.0, "batch")
        tensor([[0., 0.],
                [0., 0.]])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    survival = 1.0 - p
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    noise = empty(size[: input.ndim], dtype=input.dtype, device=input.device).bernoulli_(survival)
    if survival > 0.0:
        noise.div_(survival)
    return input * noise


class StochasticDepth(Module):
    """`stochastic_depth` as a layer, at work in training only.

    Args:
        p: probability of zero. mode: "batch" or "row".

    Example:
        >>> from rushlight.vision.ops import StochasticDepth
        >>> StochasticDepth(0.2, "row")
        StochasticDepth(p=0.2, mode=row)
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"
