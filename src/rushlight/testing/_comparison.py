"""assert_close and its messages."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence, ValuesView
from math import isnan
from typing import Any, NoReturn

from .. import _C

Tensor = _C.Tensor
# (rtol, atol) by dtype; whole numbers must be equal.
_TOLERANCES = {
    _C.float16: (1e-3, 1e-5),
    _C.bfloat16: (1.6e-2, 1e-5),
    _C.float32: (1.3e-6, 1e-5),
    _C.float64: (1e-7, 1e-7),
    _C.complex64: (1.3e-6, 1e-5),
    _C.complex128: (1e-7, 1e-7),
}


class _Options:
    """What `assert_close` was asked to check."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)
        if (self.rtol is None) != (self.atol is None):
            missing = "rtol" if self.rtol is None else "atol"
            raise ValueError(
                f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
            )

    rtol: Any
    atol: Any
    msg: Any
    equal_nan: bool
    check_dtype: bool
    check_device: bool
    check_layout: bool
    check_stride: bool
    allow_subclasses: bool

    def fail(self, text: str, where: tuple) -> NoReturn:
        """Raise with the item's place in containers, or with the caller's message."""
        if where:
            text += f"\n\nThe failure occurred for item {''.join(f'[{w!r}]' for w in where)}"
        if self.msg is not None:
            text = self.msg(text) if callable(self.msg) else self.msg
        raise AssertionError(text)

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        """The given tolerances, else the wider ones of the dtypes."""
        if self.rtol is not None:
            return self.rtol, self.atol
        known = [_TOLERANCES.get(d, (0.0, 0.0)) for d in dtypes]
        return max(k[0] for k in known), max(k[1] for k in known)


def _title(kind: str, rtol: float, atol: float) -> str:
    return f"{kind} are not {'equal' if rtol == 0 and atol == 0 else 'close'}!"


def _limit(value: float) -> str:
    return f" (up to {value} allowed)"


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array_interface__") and not isinstance(value, Tensor)


def _check_attributes(a: Tensor, b: Tensor, o: _Options, where: tuple) -> None:
    def differ(name: str, x: Any, y: Any) -> None:
        o.fail(f"The values for attribute '{name}' do not match: {x} != {y}.", where)

    if a.shape != b.shape:
        differ("shape", a.shape, b.shape)
    if o.check_device and a.device != b.device:
        differ("device", a.device, b.device)
    if o.check_dtype and a.dtype != b.dtype:
        differ("dtype", a.dtype, b.dtype)
    if o.check_layout and a.layout != b.layout:
        differ("layout", a.layout, b.layout)
    if o.check_stride and tuple(a.stride()) != tuple(b.stride()):
        differ("stride()", tuple(a.stride()), tuple(b.stride()))


def _wide(x: Tensor) -> Any:
    """Values as numpy, wide enough to subtract."""
    import numpy

    x = x.detach()
    if x.dtype.is_floating_point:
        return x.to(_C.float64).numpy()
    values = x.numpy()
    if x.dtype.is_complex:
        return values.astype(numpy.complex128)
    return values.astype(numpy.int64)


def _compare_tensors(a: Tensor, b: Tensor, o: _Options, where: tuple) -> None:
    import numpy

    _check_attributes(a, b, o, where)
    rtol, atol = o.tolerances(a.dtype, b.dtype)
    x, y = _wide(a), _wide(b)
    with numpy.errstate(all="ignore"):
        distance = abs(x - y)
        good = (x == y) | (numpy.isfinite(distance) & (distance <= atol + rtol * abs(y)))
        if o.equal_nan:
            good = good | (numpy.isnan(x) & numpy.isnan(y))
        if good.all():
            return
        if a.dim() == 0:
            _fail_scalars(x.item(), y.item(), rtol, atol, o, where)
        wrong, total = int((~good).sum()), good.size
        distance = numpy.where(good, 0, distance)
        relative = numpy.where(good, 0, distance / abs(y))
    lines = [
        _title("Tensor-likes", rtol, atol) + "\n",
        f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})",
    ]
    whole = distance.dtype.kind == "i"
    for kind, values, limit in (("absolute", distance, atol), ("relative", relative, rtol)):
        index = numpy.unravel_index(values.argmax(), values.shape)
        worst = int(values[index]) if whole and kind == "absolute" else float(values[index])
        place = tuple(map(int, index))
        allowed = "" if rtol == 0 and atol == 0 else _limit(limit)
        lines.append(f"Greatest {kind} difference: {worst} at index {place}{allowed}")
    o.fail("\n".join(lines), where)


def _fail_scalars(x: Any, y: Any, rtol: float, atol: float, o: _Options, where: tuple) -> NoReturn:
    distance = abs(x - y)
    relative = distance / abs(y) if y != 0 else float("inf")
    exact = rtol == 0 and atol == 0
    lines = [
        _title("Scalars", rtol, atol) + "\n",
        f"Expected {y} but got {x}.",
        f"Absolute difference: {distance}{'' if exact else _limit(atol)}",
        f"Relative difference: {relative}{'' if exact else _limit(rtol)}",
    ]
    o.fail("\n".join(lines), where)


def _compare_numbers(a: Any, b: Any, o: _Options, where: tuple) -> None:
    kinds = {int: _C.int64, float: _C.float64, complex: _C.complex128}
    if o.check_dtype and type(a) is not type(b):
        o.fail(f"The (d)types do not match: {type(a)} != {type(b)}.", where)
    rtol, atol = o.tolerances(kinds[type(a)], kinds[type(b)])
    if a == b:
        return
    nan = a != a and b != b
    if nan and o.equal_nan:
        return
    distance = abs(a - b)
    if not isnan(distance) and distance != float("inf") and distance <= atol + rtol * abs(b):
        return
    _fail_scalars(a, b, rtol, atol, o, where)


def _compare(a: Any, b: Any, o: _Options, where: tuple) -> None:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if not o.allow_subclasses and type(a) is not type(b):
            raise TypeError(
                f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}."
            )
        return _compare_tensors(a, b, o, where)
    if _is_array(a) and _is_array(b):
        from ..ops.creation import as_tensor

        return _compare_tensors(as_tensor(a), as_tensor(b), o, where)
    if isinstance(a, bool) and isinstance(b, bool):
        if a is not b:
            o.fail(f"Booleans mismatch: {a} is not {b}", where)
        return None
    numbers = (int, float, complex)
    if type(a) in numbers and type(b) in numbers:
        return _compare_numbers(a, b, o, where)
    if a is None or b is None:
        if a is not b:
            o.fail(f"None mismatch: {a} is not {b}", where)
        return None
    return _compare_containers(a, b, o, where)


def _compare_containers(a: Any, b: Any, o: _Options, where: tuple) -> None:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        missing, extra = b.keys() - a.keys(), a.keys() - b.keys()
        if missing or extra:
            o.fail(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(missing)}\n"
                f"Additional keys in the actual mapping: {sorted(extra)}",
                where,
            )
        for key in a:
            _compare(a[key], b[key], o, (*where, key))
        return
    if isinstance(a, ValuesView) and isinstance(b, ValuesView):
        a, b = list(a), list(b)
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, (str, bytes)):
        if len(a) != len(b):
            o.fail(f"The length of the sequences mismatch: {len(a)} != {len(b)}", where)
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            _compare(x, y, o, (*where, i))
        return
    raise TypeError(
        f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}."
    )


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Demand that results are equal within `atol + rtol * |expected|`.

    Args:
        actual: tensor, number, numpy array, or sequences and mappings of those.
        expected: what it should be.
        allow_subclasses: tensors may be of different classes. Default: True.
        rtol, atol: tolerances, both or none; default by dtype (1.3e-6 and 1e-5 for float32).
        equal_nan: NaN equals NaN. Default: False.
        check_device, check_dtype, check_layout: demand equal attributes. Default: True.
        check_stride: demand equal strides. Default: False.
        msg: text of the error, or a function of the standard text.

    Raises:
        AssertionError: they differ; the text says where and by how much.

    Example:
        >>> import rushlight as torch
        >>> torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    """
    options = _Options(
        allow_subclasses=allow_subclasses,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=check_device,
        check_dtype=check_dtype,
        check_layout=check_layout,
        check_stride=check_stride,
        msg=msg,
    )
    _compare(actual, expected, options, ())


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """Older form of `assert_close`, which does not compare dtypes; warns.

    Args:
        actual, expected, rtol, atol, equal_nan, msg: as there.
    """
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    from ..ops.creation import as_tensor

    actual = actual if isinstance(actual, Tensor) else as_tensor(actual)
    expected = expected if isinstance(expected, Tensor) else as_tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        known = [_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = max(k[0] for k in known), max(k[1] for k in known)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )
