"""Causal masks for queries and keys of different numbers."""

from __future__ import annotations

from enum import IntEnum
from warnings import warn

from .._package import Tensor, rl

__all__ = ["causal_upper_left", "causal_lower_right", "CausalVariant", "CausalBias"]


class CausalVariant(IntEnum):
    """Which corner the diagonal starts from when the mask is not square."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A boolean causal mask (queries, keys) for ``scaled_dot_product_attention``.

    Args:
        variant (CausalVariant): where the diagonal lies.
        seq_len_q, seq_len_kv (int): numbers of queries and keys.
    """

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int):
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        offset = seq_len_kv - seq_len_q if variant == CausalVariant.LOWER_RIGHT else 0
        mask = rl.ones(seq_len_q, seq_len_kv, dtype=rl.bool).tril(offset)
        return mask.as_subclass(cls)

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        self.variant = variant
        self.seq_len_q = seq_len_q
        self.seq_len_kv = seq_len_kv
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > "
                "seq_len_kv!",
                stacklevel=2,
            )

    def _materialize(self, device=None) -> Tensor:
        mask = self.as_subclass(Tensor)
        return mask if device is None else mask.to(device)

    def __repr__(self, *, tensor_contents=None) -> str:
        return repr(self._materialize())


def _causal(name: str, variant: CausalVariant, size) -> CausalBias:
    if len(size) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    return CausalBias(variant, *size)


def causal_upper_left(*size: int) -> CausalBias:
    """The mask whose diagonal starts at the first query and the first key."""
    return _causal("causal_upper_left", CausalVariant.UPPER_LEFT, size)


def causal_lower_right(*size: int) -> CausalBias:
    """The mask whose diagonal ends at the last query and the last key."""
    return _causal("causal_lower_right", CausalVariant.LOWER_RIGHT, size)
