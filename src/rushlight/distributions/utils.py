"""Small pieces that distributions share."""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

from .. import _C

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "euler_constant",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060
Tensor = _C.Tensor


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape.

    Args:
        values: numbers or tensors.

    Returns:
        Tuple of tensors; numbers take the dtype of the tensors.

    Raises:
        ValueError: a value is neither.
    """
    from numbers import Number

    from .. import broadcast_tensors, tensor

    if not all(isinstance(v, (Tensor, Number)) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), _C.get_default_dtype())
    made = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values]
    return tuple(broadcast_tensors(*made))


def standard_normal(shape: Any, dtype: Any) -> Tensor:
    """Samples of the standard normal distribution, drawn as `normal` draws them."""
    from .. import normal, ones, zeros

    return normal(zeros(tuple(shape), dtype=dtype), ones(tuple(shape), dtype=dtype))


def sum_rightmost(value: Any, dim: int) -> Any:
    """Sum over the last `dim` dimensions."""
    if dim == 0:
        return value
    kept = list(value.shape[: value.dim() - dim])
    return value.reshape([*kept, -1]).sum(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1 by the dtype's epsilon."""
    from .._dtypes import finfo

    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities from logits (binary) or unnormalised log probabilities along the last dimension."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The inverse of `logits_to_probs`."""
    kept = clamp_probs(probs)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Vectors as the entries, row by row, of square matrices below and on a diagonal.

    Args:
        vec: (..., count).
        diag: number of the diagonal. Default: 0.

    Returns:
        Tensor (..., n, n), zero elsewhere.

    Raises:
        ValueError: no matrix has that many entries there.
    """
    count = vec.shape[-1]
    n = round(
        (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5)
        / 2
    )
    from .. import tril_indices

    rows, columns = tril_indices(n, n, diag).unbind()
    if len(rows) != count:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part of a square D x D matrix."
        )
    out = vec.new_zeros((*vec.shape[:-1], n, n))
    out[..., rows, columns] = vec
    return out


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `vec_to_tril_matrix`: the entries below and on a diagonal, row by row.

    Raises:
        ValueError: there is no such diagonal.
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    from .. import tril_indices

    rows, columns = tril_indices(n, n, diag).unbind()
    return mat[..., rows, columns]


class lazy_property:
    """A property that is computed once per object, with gradients recorded."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return self
        recording = _C.is_grad_enabled()
        _C.set_grad_enabled(True)
        try:
            value = self.wrapped(instance)
        finally:
            _C.set_grad_enabled(recording)
        setattr(instance, self.wrapped.__name__, value)
        return value


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that shapes broadcast to.

    Raises:
        ValueError: they do not fit.
    """
    width = max(map(len, shapes), default=0)
    out = [1] * width
    for shape in shapes:
        for i, n in enumerate(shape, width - len(shape)):
            if n != 1 and out[i] not in (1, n):
                raise ValueError(f"shapes {shapes} cannot be broadcast")
            out[i] = n if n != 1 else out[i]
    return tuple(out)
