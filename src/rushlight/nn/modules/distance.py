"""Distances as layers."""

from __future__ import annotations

from .. import functional as F
from .._package import Tensor
from .module import Module

__all__ = ["PairwiseDistance", "CosineSimilarity"]


class PairwiseDistance(Module):
    """p-norm of the difference of two inputs along the last dimension.

    Args:
        p (float): order of the norm. Default: 2.
        eps (float): added to the difference. Default: 1e-6.
        keepdim (bool): keep the last dimension with size 1. Default: False.
    """

    __constants__ = ["norm", "eps", "keepdim"]

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """Cosine of the angle between two inputs along ``dim``.

    Args:
        dim (int): the dimension of the vectors. Default: 1.
        eps (float): lower limit of each length. Default: 1e-8.
    """

    __constants__ = ["dim", "eps"]

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
