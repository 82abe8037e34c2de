"""The von Mises distribution."""

from __future__ import annotations

from math import log, pi
from typing import Any

from .. import _C
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]

Tensor = _C.Tensor


class VonMises(Distribution):
    """Angles around a mean, between -pi and pi.

    Args:
        loc: mean angle in radians.
        concentration: how narrow it is, positive.

    References: D. Best, N. Fisher, "Efficient simulation of the von Mises distribution", 1979.
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}  # type: ignore[assignment]
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        from ..special import i0e

        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        return k * (value - self.loc).cos() - log(2 * pi) - (i0e(k).log() + k)

    @lazy_property
    def _proposal_r(self) -> Tensor:
        k = self.concentration.double()
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        series = 1 / k + k  # to second order, for small k
        return _C.ops.where(k < 1e-5, series, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        from .. import no_grad

        shape = tuple(self._extended_shape(sample_shape))
        with no_grad():
            loc, k, r = (
                t.double().expand(shape) for t in (self.loc, self.concentration, self._proposal_r)
            )
            x = _C.ops.zeros(shape, dtype=_C.float64)
            done = _C.ops.zeros(shape, dtype=_C.bool)
            while not done.all():
                u1, u2, u3 = _C.ops.rand((3, *shape), dtype=_C.float64).unbind()
                z = (pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                x = _C.ops.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + pi + loc) % (2 * pi) - pi).to(self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """Circular variance, between 0 and 1."""
        from ..special import i0e, i1e

        return 1 - i1e(self.concentration) / i0e(self.concentration)
