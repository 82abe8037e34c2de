"""Which transform maps the real numbers onto a constrained set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Factories of transforms by type of constraint; call it with a constraint."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Callable | None = None) -> Callable:
        """Set the factory for a constraint (or a class of constraints); also a decorator."""
        if factory is None:
            return lambda f: self.register(constraint, f)
        kind = constraint if isinstance(constraint, type) else type(constraint)
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(constraint: Any, factory: Callable) -> None:
    biject_to.register(constraint, factory)
    transform_to.register(constraint, factory)


def _above(c: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(c.lower_bound, 1)]
    )


def _below(c: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(c.upper_bound, -1)]
    )


def _between(c: Any) -> Any:
    if isinstance(c.lower_bound, (int, float)) and (c.lower_bound, c.upper_bound) == (0, 1):
        return transforms.SigmoidTransform()
    width = c.upper_bound - c.lower_bound
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(c.lower_bound, width)]
    )


def _positive_or_above(c: Any) -> Any:
    if isinstance(c.lower_bound, (int, float)) and c.lower_bound == 0:
        return transforms.ExpTransform()
    return _above(c)


_both(constraints.real, lambda c: transforms.identity_transform)
_both(constraints.positive, _positive_or_above)
_both(constraints.nonnegative, _positive_or_above)
_both(constraints.less_than, _below)
_both(constraints.interval, _between)
_both(constraints.half_open_interval, _between)
_both(constraints.corr_cholesky, lambda c: transforms.CorrCholeskyTransform())
_both(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
transform_to.register(
    constraints.positive_definite, lambda c: transforms.PositiveDefiniteTransform()
)
biject_to.register(constraints.positive_definite, lambda c: transforms.PositiveDefiniteTransform())
biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
biject_to.register(
    constraints.independent,
    lambda c: transforms.IndependentTransform(
        biject_to(c.base_constraint), c.reinterpreted_batch_ndims
    ),
)
transform_to.register(
    constraints.independent,
    lambda c: transforms.IndependentTransform(
        transform_to(c.base_constraint), c.reinterpreted_batch_ndims
    ),
)


@biject_to.register(constraints.cat)
def _biject_to_cat(c: Any) -> Any:
    return transforms.CatTransform([biject_to(p) for p in c.cseq], c.dim, c.lengths)


@transform_to.register(constraints.cat)
def _transform_to_cat(c: Any) -> Any:
    return transforms.CatTransform([transform_to(p) for p in c.cseq], c.dim, c.lengths)


@biject_to.register(constraints.stack)
def _biject_to_stack(c: Any) -> Any:
    return transforms.StackTransform([biject_to(p) for p in c.cseq], c.dim)


@transform_to.register(constraints.stack)
def _transform_to_stack(c: Any) -> Any:
    return transforms.StackTransform([transform_to(p) for p in c.cseq], c.dim)
