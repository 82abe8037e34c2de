"""Limits of numeric types, and the alternative names of dtypes."""

from __future__ import annotations

from . import _C

ALIASES = {
    "half": _C.float16,
    "float": _C.float32,
    "double": _C.float64,
    "short": _C.int16,
    "int": _C.int32,
    "long": _C.int64,
    "cfloat": _C.complex64,
    "cdouble": _C.complex128,
}

_FLOATS = {
    _C.float16: (16, 2.0**-10, 65504.0, 2.0**-14, 2.0**-24, 0.001),
    _C.bfloat16: (16, 2.0**-7, 3.3895313892515355e38, 2.0**-126, 2.0**-133, 0.01),
    _C.float32: (32, 2.0**-23, 3.4028234663852886e38, 2.0**-126, 2.0**-149, 1e-06),
    _C.float64: (64, 2.0**-52, 1.7976931348623157e308, 2.0**-1022, 5e-324, 1e-15),
}
_INTS = {
    _C.uint8: (8, 0, 255),
    _C.int8: (8, -128, 127),
    _C.int16: (16, -(2**15), 2**15 - 1),
    _C.int32: (32, -(2**31), 2**31 - 1),
    _C.int64: (64, -(2**63), 2**63 - 1),
    _C.uint16: (16, 0, 2**16 - 1),
    _C.uint32: (32, 0, 2**32 - 1),
    _C.uint64: (64, 0, 2**64 - 1),
}


class finfo:
    """Limits of a floating-point dtype.

    Args:
        type: floating or complex dtype; default: the default dtype.

    Raises:
        TypeError: the dtype is not floating-point.

    Example:
        >>> import rushlight as torch
        >>> torch.finfo(torch.float32).eps
        1.1920928955078125e-07
    """

    __slots__ = (
        "bits",
        "eps",
        "max",
        "min",
        "tiny",
        "smallest_normal",
        "smallest_subnormal",
        "resolution",
        "dtype",
    )

    def __init__(self, type=None) -> None:
        dtype = type if type is not None else _C.get_default_dtype()
        real = dtype.to_real() if isinstance(dtype, _C.dtype) else None
        if real not in _FLOATS:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{dtype}'"
            )
        self.bits, self.eps, self.max, self.tiny, self.smallest_subnormal, self.resolution = (
            _FLOATS[real]
        )
        self.min = -self.max
        self.smallest_normal = self.tiny
        self.dtype = str(real).split(".")[1]

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class iinfo:
    """Limits of an integer dtype.

    Args:
        type: integer dtype.

    Raises:
        TypeError: the dtype is not an integer type.

    Example:
        >>> import rushlight as torch
        >>> torch.iinfo(torch.int8).max
        127
    """

    __slots__ = ("bits", "min", "max", "dtype")

    def __init__(self, type) -> None:
        if type not in _INTS:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'"
            )
        self.bits, self.min, self.max = _INTS[type]
        self.dtype = str(type).split(".")[1]

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)
