"""The chi-squared distribution."""

from __future__ import annotations

from typing import Any

from .. import _C
from . import constraints
from .gamma import Gamma
from .utils import broadcast_all

__all__ = ["Chi2"]

Tensor = _C.Tensor


class Chi2(Gamma):
    """Sum of squares of `df` standard normal variables.

    Args:
        df: degrees of freedom.
    """

    arg_constraints = {"df": constraints.positive}  # type: ignore[assignment]

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = broadcast_all(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom."""
        return self.concentration * 2
