"""Random correlation matrices."""

from __future__ import annotations

from math import log, pi
from typing import Any

from .. import _C
from .._dtypes import finfo
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]

Tensor = _C.Tensor


class LKJCholesky(Distribution):
    """Lower Cholesky factors of correlation matrices; the density of M is proportional to det(M)^(concentration - 1).

    Args:
        dim: rows of the matrix, at least 2.
        concentration: 1 is uniform, more is nearer to the identity. Default: 1.

    References: D. Lewandowski, D. Kurowicka, H. Joe, "Generating random correlation matrices based on vines and extended
    onion method", 2009, section 3.
    """

    arg_constraints = {"concentration": constraints.positive}  # type: ignore[assignment]
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.size(), (dim, dim), validate_args)
        marginal = self.concentration + 0.5 * (dim - 2)
        offset = _C.ops.arange(dim - 1, dtype=self.concentration.dtype)
        offset = _C.ops.cat([offset.new_zeros((1,)), offset])
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        from .. import no_grad

        with no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            shape = tuple(self._extended_shape(sample_shape))
            normal = _C.ops.randn(shape, dtype=y.dtype).tril(-1)
            direction = normal / normal.norm(dim=-1, keepdim=True)
            direction[..., 0, :] = 0.0
            w = y.sqrt() * direction
            rest = (1 - (w**2).sum(-1)).clamp(min=finfo(w.dtype).tiny).sqrt()
            return w + rest.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, c = self.dim, self.concentration
        diagonal = value.diagonal(0, -1, -2)[..., 1:]
        order = 2 * (c - 1).unsqueeze(-1) + n - _C.ops.arange(2, n + 1)
        density = (order * diagonal.log()).sum(-1)
        alpha = c + 0.5 * (n - 1)
        size = (alpha - 0.5).mvlgamma(n - 1) - alpha.lgamma() * (n - 1)
        return density - (size + 0.5 * (n - 1) * log(pi))
