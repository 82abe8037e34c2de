"""What the functions of linear algebra share: arrays, argument checks, small differentiable pieces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import _C, return_types

Tensor = _C.Tensor
_WORDS = {
    _C.bool: "Bool",
    _C.uint8: "Byte",
    _C.int8: "Char",
    _C.int16: "Short",
    _C.int32: "Int",
    _C.int64: "Long",
    _C.uint16: "UInt16",
    _C.uint32: "UInt32",
    _C.uint64: "UInt64",
    _C.float16: "Half",
    _C.bfloat16: "BFloat16",
    _C.float32: "Float",
    _C.float64: "Double",
    _C.complex64: "ComplexFloat",
    _C.complex128: "ComplexDouble",
}


class LinAlgError(RuntimeError):
    """A matrix has no inverse, no factorization, or an iteration did not converge."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"
if hasattr(_C, "_set_error_class"):
    _C._set_error_class(1, LinAlgError)


def array(x: Tensor) -> Any:
    """The values as a numpy array (shared memory)."""
    return x.detach().numpy()


def tensor(values: Any, dtype: Any = None) -> Tensor:
    """A numpy result as a tensor of its own memory."""
    import numpy

    from ..ops.creation import from_numpy

    values = numpy.asarray(values)
    if not values.flags.writeable or not values.flags.owndata or any(s < 0 for s in values.strides):
        values = values.copy()
    out = from_numpy(values)
    return out if dtype is None or out.dtype == dtype else out.to(dtype)


def named(name: str, values: Iterable) -> Any:
    """The results as `torch.return_types.<name>`."""
    return getattr(return_types, name)(values)


def into(out: Any, result: Any) -> Any:
    """Write results into what the caller passed as `out=`, if anything."""
    if out is None:
        return result
    if isinstance(result, Tensor):
        return out.resize_(result.shape).copy_(result)
    for target, value in zip(out, result, strict=True):
        target.resize_(value.shape).copy_(value)
    return type(result)(out)


def check_float(x: Any, name: str, low_precision: bool = False) -> None:
    """Demand float32, float64 or a complex dtype."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument 'A' must be Tensor, not {type(x).__name__}")
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {_WORDS[x.dtype]}"
        )
    if not low_precision and x.dtype in (_C.float16, _C.bfloat16):
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {_WORDS[x.dtype]}")


def check_matrix(x: Any, name: str, argument: str = "A") -> None:
    """Demand at least two dimensions of a floating dtype."""
    check_float(x, name)
    if x.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def check_square(x: Any, name: str, argument: str = "A") -> None:
    """Demand square matrices."""
    check_matrix(x, name, argument)
    if x.size(-1) != x.size(-2):
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, "
            f"but they are {x.size(-2)} by {x.size(-1)} matrices"
        )


def where_batch(index: int, batched: bool) -> str:
    """The part of a message that names the matrix of a batch."""
    return f"(Batch element {index}): " if batched else ""


def raise_first(info: Any, name: str, message: Any) -> None:
    """Raise LinAlgError for the first matrix whose `info` is not zero."""
    import numpy

    flat = numpy.asarray(info).reshape(-1)
    bad = numpy.flatnonzero(flat)
    if len(bad):
        which = where_batch(int(bad[0]), numpy.ndim(info) > 0)
        raise LinAlgError(f"{name}: {which}{message(int(flat[bad[0]]))}")


# ------------------------------------------------------------------- differentiable small pieces


def adjoint(x: Tensor) -> Tensor:
    """Conjugate transpose of matrices."""
    return x.transpose(-2, -1).conj() if x.dtype.is_complex else x.transpose(-2, -1)


def _band(x: Tensor, keep: Any) -> Tensor:
    rows, columns = x.size(-2), x.size(-1)
    i = _C.ops.arange(rows).unsqueeze(-1)
    j = _C.ops.arange(columns)
    return x.masked_fill(keep(i, j).logical_not(), 0)


def tril(x: Tensor, k: int = 0) -> Tensor:
    """Lower triangle up to diagonal k."""
    return _band(x, lambda i, j: j <= i + k)


def triu(x: Tensor, k: int = 0) -> Tensor:
    """Upper triangle from diagonal k on."""
    return _band(x, lambda i, j: j >= i + k)


def off_diagonal(x: Tensor) -> Tensor:
    """Matrices with zeros on the diagonal."""
    return _band(x, lambda i, j: j != i)


def as_diagonal(x: Tensor) -> Tensor:
    """Diagonal matrices (..., n, n) of vectors (..., n)."""
    n = x.size(-1)
    return _band(x.unsqueeze(-1).expand(*x.shape, n), lambda i, j: j == i)


def eye_like(x: Tensor, n: int | None = None) -> Tensor:
    """The identity in the dtype of x."""
    return _C.ops.eye(x.size(-1) if n is None else n, dtype=x.dtype)


def broadcast_batch(*tensors: Tensor) -> list[Tensor]:
    """Expand the batch dimensions of matrices to a common shape."""
    shapes = [tuple(t.shape[:-2]) for t in tensors]
    if all(s == shapes[0] for s in shapes):
        return list(tensors)
    width = max(map(len, shapes))
    common = [1] * width
    for shape in shapes:
        for i, n in enumerate((1,) * (width - len(shape)) + shape):
            if n != 1 and common[i] not in (1, n):
                raise RuntimeError(
                    f"The size of tensor a ({common[i]}) must match the size of tensor b ({n}) "
                    f"at non-singleton dimension {i}"
                )
            common[i] = n if n != 1 else common[i]
    return [t.expand(*common, *t.shape[-2:]) for t in tensors]
