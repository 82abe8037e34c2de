"""Discrete Fourier transforms of one or more dimensions, with gradients.

The transforms are numpy's; every gradient is again a transform.
"""

from __future__ import annotations

from typing import Any

from .. import _C
from .._autocast import full_precision_functions
from .._offered import offer
from ._transforms import (
    Tensor,
    complex_to_complex,
    complex_to_real,
    into,
    real_to_complex,
)

__all__ = (
    "fft fft2 fftfreq fftn fftshift hfft hfft2 hfftn ifft ifft2 ifftn ifftshift ihfft ihfft2 ihfftn irfft irfft2 "
    "irfftn rfft rfft2 rfftfreq rfftn"
).split()

_OTHER_SCALE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _conj(x: Tensor) -> Tensor:
    return x.conj() if x.dtype.is_complex else x


def _other(norm: Any) -> str:
    if norm not in _OTHER_SCALE:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return _OTHER_SCALE[norm]


def _one(name: str, f: Any, x: Tensor, n: Any, dim: int, norm: Any, out: Any) -> Tensor:
    return into(out, f(name, x, None if n is None else [n], [dim], norm))


def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """Fourier transform along one dimension.

    Args:
        input: real or complex tensor.
        n: length of the transform; the input is cut or padded with zeros. Default: its size.
        dim: dimension to transform. Default: -1.
        norm: "backward" (no scale, the default), "ortho" (1/sqrt(n)) or "forward" (1/n).

    Returns:
        Complex tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.fft(torch.tensor([1.0, 0.0]))
        tensor([1.+0.j, 1.+0.j])
    """
    return _one("fft", _forward, input, n, dim, norm, out)


def _forward(name: str, x: Tensor, s: Any, dims: Any, norm: Any) -> Tensor:
    return complex_to_complex(name, x, s, dims, norm, True)


def _inverse(name: str, x: Tensor, s: Any, dims: Any, norm: Any) -> Tensor:
    return complex_to_complex(name, x, s, dims, norm, False)


def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """Inverse Fourier transform along one dimension.

    Args:
        input: real or complex tensor.
        n: length of the transform. Default: the size of the input.
        dim: dimension to transform. Default: -1.
        norm: "backward" (1/n, the default), "ortho" (1/sqrt(n)) or "forward" (no scale).

    Returns:
        Complex tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.ifft(torch.tensor([2.0, 0.0]))
        tensor([1.+0.j, 1.+0.j])
    """
    return _one("ifft", _inverse, input, n, dim, norm, out)


def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """Fourier transform of real data: the half that determines the rest.

    Args:
        input: real tensor.
        n: length of the transform. Default: the size of the input.
        dim: dimension to transform. Default: -1.
        norm: as for `fft`.

    Returns:
        Complex tensor with n // 2 + 1 elements along `dim`.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.rfft(torch.tensor([1.0, 0.0, 0.0])).shape
        torch.Size([2])
    """
    return _one("rfft", real_to_complex, input, n, dim, norm, out)


def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """Inverse of `rfft`.

    Args:
        input: half of a Hermitian signal.
        n: length of the result. Default: 2 * (size - 1).
        dim: dimension to transform. Default: -1.
        norm: as for `ifft`.

    Returns:
        Real tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.irfft(torch.fft.rfft(torch.tensor([1.0, 2.0])))
        tensor([1., 2.])
    """
    return _one("irfft", complex_to_real, input, n, dim, norm, out)


def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """Fourier transform of a Hermitian signal, given by its half; the result is real.

    Args:
        input: half of a Hermitian signal.
        n: length of the result. Default: 2 * (size - 1).
        dim: dimension to transform. Default: -1.
        norm: as for `fft`.

    Returns:
        Real tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.hfft(torch.tensor([1.0, 1.0]))
        tensor([2., 0.])
    """
    return _one("hfft", complex_to_real, _conj(input), n, dim, _other(norm), out)


def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """Inverse of `hfft`.

    Args:
        input: real tensor.
        n: length of the transform. Default: the size of the input.
        dim: dimension to transform. Default: -1.
        norm: as for `ifft`.

    Returns:
        Complex tensor with n // 2 + 1 elements along `dim`.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.ihfft(torch.tensor([2.0, 0.0])).shape
        torch.Size([2])
    """
    return into(out, _one("ihfft", real_to_complex, input, n, dim, _other(norm), None).conj())


def _several(what: str, like: str) -> str:
    return f"""{what}

    Args:
        input: tensor.
        s: lengths of the transforms; -1 keeps a size. Default: the sizes of the input.
        dim: dimensions; the last one is halved by transforms of real data.
        norm: as for `{like}`.

    Returns:
        Tensor.
    """


def fftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: Any = None, *, out: Any = None
) -> Tensor:
    return into(out, _forward("fftn", input, s, dim, norm))


def ifftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: Any = None, *, out: Any = None
) -> Tensor:
    return into(out, _inverse("ifftn", input, s, dim, norm))


def rfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: Any = None, *, out: Any = None
) -> Tensor:
    return into(out, real_to_complex("rfftn", input, s, dim, norm))


def irfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: Any = None, *, out: Any = None
) -> Tensor:
    return into(out, complex_to_real("irfftn", input, s, dim, norm))


def hfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: Any = None, *, out: Any = None
) -> Tensor:
    return into(out, complex_to_real("hfftn", _conj(input), s, dim, _other(norm)))


def ihfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: Any = None, *, out: Any = None
) -> Tensor:
    return into(out, real_to_complex("ihfftn", input, s, dim, _other(norm)).conj())


def fft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: Any = None, *, out: Any = None
) -> Tensor:
    return fftn(input, s, dim, norm, out=out)


def ifft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: Any = None, *, out: Any = None
) -> Tensor:
    return ifftn(input, s, dim, norm, out=out)


def rfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: Any = None, *, out: Any = None
) -> Tensor:
    return rfftn(input, s, dim, norm, out=out)


def irfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: Any = None, *, out: Any = None
) -> Tensor:
    return irfftn(input, s, dim, norm, out=out)


def hfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: Any = None, *, out: Any = None
) -> Tensor:
    return hfftn(input, s, dim, norm, out=out)


def ihfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: Any = None, *, out: Any = None
) -> Tensor:
    return ihfftn(input, s, dim, norm, out=out)


for _f, _what, _like in (
    (fftn, "Fourier transform along several dimensions.", "fft"),
    (ifftn, "Inverse Fourier transform along several dimensions.", "ifft"),
    (rfftn, "Fourier transform of real data along several dimensions.", "rfft"),
    (irfftn, "Inverse of `rfftn`.", "irfft"),
    (hfftn, "Fourier transform of Hermitian signals along several dimensions.", "hfft"),
    (ihfftn, "Inverse of `hfftn`.", "ihfft"),
    (fft2, "Fourier transform along two dimensions.", "fft"),
    (ifft2, "Inverse Fourier transform along two dimensions.", "ifft"),
    (rfft2, "Fourier transform of real data along two dimensions.", "rfft"),
    (irfft2, "Inverse of `rfft2`.", "irfft"),
    (hfft2, "Fourier transform of Hermitian signals along two dimensions.", "hfft"),
    (ihfft2, "Inverse of `hfft2`.", "ihfft"),
):
    _f.__doc__ = _several(_what, _like)


def _frequencies(n: int, d: float, first: int, last: int, low: int, options: dict) -> Tensor:
    dtype = options.pop("dtype", None) or _C.get_default_dtype()
    out, grad = options.pop("out", None), options.pop("requires_grad", False)
    whole = _C.ops.arange(first, last, dtype=_C.float64)
    if low:
        whole = _C.ops.cat([whole, _C.ops.arange(-low, 0, dtype=_C.float64)])
    result = (whole * (1.0 / (n * d))).to(dtype)
    return into(out, result.requires_grad_(True) if grad else result)


def fftfreq(n: int, d: float = 1.0, **options: Any) -> Tensor:
    """Frequencies of the elements of `fft`: 0, 1, ..., then the negative ones, over n * d.

    Args:
        n: length of the transform.
        d: distance between samples. Default: 1.
        options: dtype, device, layout, requires_grad, out.

    Returns:
        Tensor (n,).

    Example:
        >>> import rushlight as torch
        >>> torch.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    options.pop("device", None), options.pop("layout", None)
    return _frequencies(n, d, 0, (n + 1) // 2, n // 2, options)


def rfftfreq(n: int, d: float = 1.0, **options: Any) -> Tensor:
    """Frequencies of the elements of `rfft`.

    Args:
        n: length of the transform.
        d: distance between samples. Default: 1.
        options: dtype, device, layout, requires_grad, out.

    Returns:
        Tensor (n // 2 + 1,).

    Example:
        >>> import rushlight as torch
        >>> torch.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    options.pop("device", None), options.pop("layout", None)
    return _frequencies(n, d, 0, n // 2 + 1, 0, options)


def _shift(input: Tensor, dim: Any, sign: int) -> Tensor:
    dims = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if not dims:
        return input.clone()
    halves = [input.size(d) // 2 if sign > 0 else (input.size(d) + 1) // 2 for d in dims]
    return input.roll(halves, dims)


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Move the zero frequency to the middle.

    Args:
        input: tensor in the order of `fft`.
        dim: dimension or dimensions. Default: all.

    Returns:
        Rolled tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.fftshift(torch.tensor([0, 1, -2, -1]))
        tensor([-2, -1,  0,  1])
    """
    return _shift(input, dim, 1)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Inverse of `fftshift`.

    Args:
        input: tensor with the zero frequency in the middle.
        dim: dimension or dimensions. Default: all.

    Returns:
        Rolled tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.fft.ifftshift(torch.tensor([-2, -1, 0, 1]))
        tensor([ 0,  1, -2, -1])
    """
    return _shift(input, dim, -1)


full_precision_functions(
    globals(), "fft fft2 fftn hfft ifft ifft2 ifftn ihfft irfft irfft2 irfftn rfft rfft2 rfftn"
)

offer(globals(), __all__)
