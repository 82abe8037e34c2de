"""The three kinds of transforms and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _C
from ..autograd.function import Function
from ..linalg._arrays import _WORDS, array, into, tensor

Tensor = _C.Tensor
__all__ = ["Tensor", "complex_to_complex", "complex_to_real", "into", "real_to_complex"]

# The adjoint of a transform is the opposite transform with the other scale.
_ADJOINT = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _kept(values: Any, like: Tensor, real: bool = False) -> Tensor:
    """A result in the input's precision (older numpy computes in float64 only)."""
    double = like.dtype in (_C.float64, _C.complex128)
    if real:
        dtype = _C.float64 if double else _C.float32
    else:
        dtype = _C.complex128 if double else _C.complex64
    return tensor(values, dtype)


class _ComplexToComplex(Function):
    @staticmethod
    def forward(ctx, x: Tensor, dims: tuple, norm: Any, forwards: bool):
        from numpy import fft

        ctx.rest = dims, norm, forwards
        run = fft.fftn if forwards else fft.ifftn
        return _kept(run(array(x), axes=dims, norm=norm), x)

    @staticmethod
    def backward(ctx, grad: Tensor):
        dims, norm, forwards = ctx.rest
        return _ComplexToComplex.apply(grad, dims, _ADJOINT[norm], not forwards), None, None, None


class _RealToComplex(Function):
    @staticmethod
    def forward(ctx, x: Tensor, dims: tuple, norm: Any):
        from numpy import fft

        ctx.rest = dims, norm, x.size(dims[-1])
        return _kept(fft.rfftn(array(x), axes=dims, norm=norm), x)

    @staticmethod
    def backward(ctx, grad: Tensor):
        dims, norm, n = ctx.rest
        whole = _resized(grad, dims[-1], n)
        return _ComplexToComplex.apply(whole, dims, _ADJOINT[norm], False).real, None, None


class _ComplexToReal(Function):
    @staticmethod
    def forward(ctx, x: Tensor, dims: tuple, norm: Any, n: int):
        from numpy import fft

        ctx.rest = dims, norm, n
        values = array(x)
        if len(dims) > 1:
            values = fft.ifftn(values, axes=dims[:-1], norm=norm)
        return _kept(fft.irfft(values, n, axis=dims[-1], norm=norm), x, real=True)

    @staticmethod
    def backward(ctx, grad: Tensor):
        dims, norm, n = ctx.rest
        half = _RealToComplex.apply(grad, dims, _ADJOINT[norm])
        last, twice = dims[-1], (n - 1) // 2
        if twice:  # elements that stand for themselves and for their mirror image
            count = half.size(last)
            index = _C.ops.arange(count)
            weight = ((index > 0) & (index <= twice)).to(grad.dtype) + 1
            shape = [1] * half.dim()
            shape[last] = count
            half = half * weight.reshape(shape)
        return half, None, None, None


def _resized(x: Tensor, dim: int, n: int) -> Tensor:
    size = x.size(dim)
    if n == size:
        return x
    if n < size:
        return x.narrow(dim, 0, n)
    shape = list(x.shape)
    shape[dim] = n - size
    return _C.ops.cat([x, _C.ops.zeros(tuple(shape), dtype=x.dtype)], dim)


def _check_kind(name: str, x: Tensor, complex_allowed: bool) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(
            f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}"
        )
    if x.dtype.is_complex:
        if not complex_allowed:
            raise RuntimeError(f"{name} expects a real input tensor, but got {_WORDS[x.dtype]}")
        return x
    if x.dtype in (_C.float16, _C.bfloat16):
        raise RuntimeError(f"Unsupported dtype {_WORDS[x.dtype]}")
    return x if x.dtype.is_floating_point else x.to(_C.get_default_dtype())


def _plan(x: Tensor, s: Any, dims: Any) -> tuple[tuple[int, ...], list[int | None]]:
    """Dimensions (from the front) and wanted lengths (None: as they are)."""
    if isinstance(s, int):
        s = [s]
    if isinstance(dims, int):
        dims = [dims]
    count = x.dim()
    if s is not None and dims is not None and len(s) != len(dims):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    if dims is None:
        if s is not None and len(s) > count:
            raise RuntimeError(
                f"Got shape with {len(s)} values but input tensor only has {count} dimensions."
            )
        dims = range(count) if s is None else range(count - len(s), count)
    wanted: list[int | None] = []
    for n in s if s is not None else [None] * len(dims):
        if n is not None and n != -1 and n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
        wanted.append(None if n == -1 else n)
    return _from_front(x, dims), wanted


def _from_front(x: Tensor, dims: Sequence[int]) -> tuple[int, ...]:
    count = x.dim()
    found = []
    for d in dims:
        if not -count <= d < count:
            low, high = (-count, count - 1) if count else (-1, 0)
            if count:
                raise IndexError(
                    f"Dimension out of range (expected to be in range of [{low}, {high}], but got {d})"
                )
            raise IndexError(f"Dimension specified as {d} but tensor has no dimensions")
        found.append(d % count)
    if len(set(found)) != len(found):
        raise RuntimeError("FFT dims must be unique")
    return tuple(found)


def _scale(norm: str | None) -> str:
    if norm is None:
        return "backward"
    if norm not in _ADJOINT:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return norm


def _prepared(x: Tensor, dims: tuple[int, ...], wanted: list[int | None]) -> Tensor:
    for d, n in zip(dims, wanted, strict=True):
        if n is not None:
            x = _resized(x, d, n)
        if x.size(d) < 1:
            raise RuntimeError(f"Invalid number of data points ({x.size(d)}) specified")
    return x


def complex_to_complex(
    name: str, x: Tensor, s: Any, dims: Any, norm: Any, forwards: bool
) -> Tensor:
    """fft, ifft and their relatives."""
    x = _check_kind(name, x, True)
    if not x.dtype.is_complex:
        x = x.to(x.dtype.to_complex())
    scale = _scale(norm)
    where, wanted = _plan(x, s, dims)
    if not where:
        return x.clone()
    return _ComplexToComplex.apply(_prepared(x, where, wanted), where, scale, forwards)


def real_to_complex(name: str, x: Tensor, s: Any, dims: Any, norm: Any) -> Tensor:
    """rfft and its relatives."""
    x = _check_kind(name, x, False)
    scale = _scale(norm)
    where, wanted = _plan(x, s, dims)
    if not where:
        raise RuntimeError(f"{name} must transform at least one axis")
    return _RealToComplex.apply(_prepared(x, where, wanted), where, scale)


def complex_to_real(name: str, x: Tensor, s: Any, dims: Any, norm: Any) -> Tensor:
    """irfft and its relatives."""
    x = _check_kind(name, x, True)
    if not x.dtype.is_complex:
        x = x.to(x.dtype.to_complex())
    scale = _scale(norm)
    where, wanted = _plan(x, s, dims)
    if not where:
        raise RuntimeError(f"{name} must transform at least one axis")
    n = wanted[-1] if wanted[-1] is not None else 2 * (x.size(where[-1]) - 1)
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    x = _prepared(x, where, [*wanted[:-1], n // 2 + 1])
    return _ComplexToReal.apply(x, where, scale, n)
