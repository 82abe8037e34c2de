"""Distributions of transformed variables."""

from __future__ import annotations

from typing import Any

from .. import _C
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms import ComposeTransform, Transform
from .utils import sum_rightmost

__all__ = ["TransformedDistribution"]

Tensor = _C.Tensor


class TransformedDistribution(Distribution):
    """The distribution of f(x) for x from a base distribution.

    Args:
        base_distribution: where x comes from.
        transforms: a transform or a list of transforms, applied in order.
    """

    arg_constraints: dict = {}  # type: ignore[assignment]

    def __init__(
        self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ValueError(
                f"transforms must be a Transform or a list of Transforms, but was {transforms}"
            )
        base_shape = tuple(base_distribution.batch_shape) + tuple(base_distribution.event_shape)
        whole = ComposeTransform(self.transforms)
        shape = whole.forward_shape(base_shape)
        wider = whole.inverse_shape(shape)
        batch_count = len(base_distribution.batch_shape)
        if tuple(wider) != base_shape:
            cut = len(wider) - len(base_distribution.event_shape)
            base_distribution = base_distribution.expand(wider[:cut])
            batch_count = cut
        need = whole.domain.event_dim - len(base_distribution.event_shape)
        if need > 0:
            base_distribution = Independent(base_distribution, need)
            batch_count -= need
        self.base_dist = base_distribution
        event_dim = max(
            whole.codomain.event_dim,
            len(base_distribution.event_shape) + whole.codomain.event_dim - whole.domain.event_dim,
        )
        cut = len(shape) - event_dim
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = type(self).__new__(type(self)) if _instance is None else _instance
        whole = ComposeTransform(self.transforms)
        shape = tuple(batch_shape) + tuple(self._event_shape)
        base = whole.inverse_shape(shape)
        cut = len(base) - len(self.base_dist.event_shape)
        new.__dict__.update(self.__dict__)
        new.base_dist = self.base_dist.expand(base[:cut])
        new._batch_shape = _C.Size(tuple(batch_shape))
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        result = self.transforms[-1].codomain
        missing = len(self.event_shape) - result.event_dim
        return constraints.independent(result, missing) if missing > 0 else result

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    def sample(self, sample_shape: Any = ()) -> Tensor:
        from .. import no_grad

        with no_grad():
            x = self.base_dist.sample(sample_shape)
            for transform in self.transforms:
                x = transform(x)
            return x

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        x = self.base_dist.rsample(sample_shape)
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        dims, total, y = len(self.event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            total = total - sum_rightmost(
                transform.log_abs_det_jacobian(x, y), dims - transform.domain.event_dim
            )
            y = x
        return total + sum_rightmost(
            self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape)
        )

    def _sign(self) -> Any:
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return sign

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        below, sign = self.base_dist.cdf(value), self._sign()
        if isinstance(sign, int) and sign == 1:
            return below
        return sign * (below - 0.5) + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        sign = self._sign()
        if not (isinstance(sign, int) and sign == 1):
            value = sign * (value - 0.5) + 0.5
        value = self.base_dist.icdf(value)
        for transform in self.transforms:
            value = transform(value)
        return value
