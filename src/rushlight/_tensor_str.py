"""Text of tensors: ``repr(tensor)``, ``format(tensor, spec)`` and the print options.

The values shown are taken from the tensor as Python numbers (``tolist`` of the corners that will
be shown), everything after that is list work. Widths are measured over exactly those values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


class _Options:
    """The print options in force (one set per process)."""

    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(self) -> None:
        self.precision: int = 4
        self.threshold: float = 1000
        self.edgeitems: int = 3
        self.linewidth: int = 80
        self.sci_mode: bool | None = None


PRINT_OPTS = _Options()

# precision, threshold, edgeitems, linewidth
_PROFILES: dict[str, tuple[int, float, int, int]] = {
    "default": (4, 1000, 3, 80),
    "short": (2, 1000, 2, 80),
    "full": (4, math.inf, 3, 80),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed. Arguments left at None keep their value, except ``sci_mode``.

    Args:
        precision: digits after the point of floating values (4 at start).
        threshold: number of elements above which only the edges are shown (1000 at start).
        edgeitems: elements shown at each end of a summarised dimension (3 at start).
        linewidth: columns per line (80 at start).
        profile: a set of the four values above: ``"default"``, ``"short"`` or ``"full"``;
            the other arguments win over it.
        sci_mode: True or False to always or never use the scientific notation, None to choose
            by the values.

    Example:
        >>> import rushlight as torch
        >>> torch.set_printoptions(precision=2)
        >>> torch.tensor([1.12345])
        tensor([1.12])
        >>> torch.set_printoptions(profile="default")
    """
    if profile in _PROFILES:
        opts = _PROFILES[profile]
        PRINT_OPTS.precision, PRINT_OPTS.threshold = opts[0], opts[1]
        PRINT_OPTS.edgeitems, PRINT_OPTS.linewidth = opts[2], opts[3]
    if precision is not None:
        PRINT_OPTS.precision = precision
    if threshold is not None:
        PRINT_OPTS.threshold = threshold
    if edgeitems is not None:
        PRINT_OPTS.edgeitems = edgeitems
    if linewidth is not None:
        PRINT_OPTS.linewidth = linewidth
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """Return the print options as a dict that ``set_printoptions(**options)`` accepts.

    Example:
        >>> import rushlight as torch
        >>> torch._tensor_str.get_printoptions()["precision"]
        4
    """
    names = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    return {name: getattr(PRINT_OPTS, name) for name in names}


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Print with other options inside a ``with`` block; arguments as for ``set_printoptions``.

    Example:
        >>> import rushlight as torch
        >>> with torch._tensor_str.printoptions(precision=1):
        ...     print(torch.tensor([0.25]))
        tensor([0.2])
    """
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)


# --- Values shown -------------------------------------------------------------------------------


def _join(left: Any, right: Any, depth: int) -> Any:
    """Concatenate two nested lists along nesting level ``depth``."""
    if depth == 0:
        return left + right
    return [_join(a, b, depth - 1) for a, b in zip(left, right)]


def _shown_values(tensor: Any, edge: int, dim: int = 0) -> Any:
    """Nested list of the values left when every long dimension keeps ``edge`` items at each end."""
    for d in range(dim, tensor.dim()):
        n = tensor.size(d)
        if n > 2 * edge:
            head = _shown_values(tensor.narrow(d, 0, edge), edge, d + 1)
            tail = _shown_values(tensor.narrow(d, n - edge, edge), edge, d + 1)
            return _join(head, tail, d)
    return tensor.tolist()


def _flatten(values: Any, out: list[Any]) -> list[Any]:
    if isinstance(values, list):
        if values and isinstance(values[0], list):
            for item in values:
                _flatten(item, out)
        else:
            out.extend(values)
    else:
        out.append(values)
    return out


# --- One number ---------------------------------------------------------------------------------


class _PlainFormat:
    """Integers and booleans: right-aligned ``str``."""

    def __init__(self, values: list[Any]) -> None:
        self.width = max((len(str(v)) for v in values), default=1)

    def __call__(self, value: Any) -> str:
        return str(value).rjust(self.width)


class _FloatFormat:
    """Floating values: whole numbers, fixed point, or scientific when the range asks for it."""

    def __init__(self, values: list[float]) -> None:
        precision = PRINT_OPTS.precision
        finite = [v for v in values if v and math.isfinite(v)]
        self.width = 1
        self.spec = ".0f"
        self.suffix = "."
        if not finite:
            return
        magnitudes = [abs(v) for v in finite]
        low, high = min(magnitudes), max(magnitudes)
        whole = all(v.is_integer() for v in finite)
        sci = PRINT_OPTS.sci_mode
        if sci is None:
            # high / low in doubles: a float64 denormal `low` may give inf, which is > 1000 too
            sci = low < 1.0e-4 or high > 1.0e8 or high / low > 1000.0
        if sci or not whole:
            self.spec = f".{precision}e" if sci else f".{precision}f"
            self.suffix = ""
        self.width = max(len(format(v, self.spec)) for v in finite) + len(self.suffix)
        self.width = max(self.width, 1)

    def __call__(self, value: float) -> str:
        text = format(value, self.spec)
        if self.suffix and math.isfinite(value):
            text += self.suffix
        return text.rjust(self.width)


class _ComplexFormat:
    """Complex values: real and imaginary parts are measured and formatted apart."""

    def __init__(self, values: list[complex]) -> None:
        self.real = _FloatFormat([v.real for v in values])
        self.imag = _FloatFormat([v.imag for v in values])
        self.width = self.real.width + self.imag.width + 1  # the j; the sign is not counted

    def __call__(self, value: complex) -> str:
        imag = self.imag(value.imag).lstrip() + "j"
        if imag[0] not in "+-":
            imag = "+" + imag
        return self.real(value.real) + imag


# --- Layout -------------------------------------------------------------------------------------


class _Layout:
    """Turns the nested list of shown values into the bracketed text."""

    def __init__(self, number: Any, sizes: list[int], edge: int | None) -> None:
        self.number = number
        self.sizes = sizes
        self.edge = edge  # items kept at each end of a long dimension; None: nothing is left out

    def text(self, values: Any, indent: int, dim: int = 0) -> str:
        last = dim == len(self.sizes) - 1
        if dim == len(self.sizes):
            return self.number(values)
        if last:
            items = [self.number(v) for v in values]
        else:
            items = [self.text(v, indent + 1, dim + 1) for v in values]
        if self.edge is not None and self.sizes[dim] > 2 * self.edge:
            # inside a row the mark takes the place of one blank-separated number
            mark = " ..." if last and self.edge else "..."
            items[self.edge : self.edge] = [mark]
        if last:
            per_line = max(1, (PRINT_OPTS.linewidth - indent) // (self.number.width + 2))
            rows = [items[i : i + per_line] for i in range(0, len(items), per_line)]
            lines = [", ".join(row) for row in rows]
            return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
        blank = "\n" * (len(self.sizes) - dim - 1)
        return "[" + ("," + blank + " " * (indent + 1)).join(items) + "]"


def _contents(tensor: Any, indent: int) -> str:
    """Bracketed text of a tensor with at least one element; ``indent`` columns stand before it."""
    edge = None
    if tensor.numel() > PRINT_OPTS.threshold:
        edge = PRINT_OPTS.edgeitems
        if not edge and tensor.dim():
            return "[...]"
    values = tensor.tolist() if edge is None else _shown_values(tensor, edge)
    flat = _flatten(values, [])
    if tensor.dtype.is_complex:
        number: Any = _ComplexFormat(flat)
    elif tensor.dtype.is_floating_point:
        number = _FloatFormat(flat)
    else:
        number = _PlainFormat(flat)
    return _Layout(number, list(tensor.shape), edge).text(values, indent)


# --- Suffixes -----------------------------------------------------------------------------------


def _device_suffix(device: Any) -> str | None:
    if device.type == "cpu":
        return None
    return f"device='{device}'"


def _grad_suffix(tensor: Any) -> str | None:
    try:
        node = tensor.grad_fn
    except RuntimeError:
        # a view whose history became invalid by an in-place change made under no_grad
        return "grad_fn=<Invalid>"
    if node is not None:
        name = type(node).__name__
        if name in ("Node", "CppFunction"):
            name = node.name().rsplit("::", 1)[-1]
        return f"grad_fn=<{name}>"
    return "requires_grad=True" if tensor.requires_grad else None


def _dtype_is_implied(tensor: Any) -> bool:
    """Whether reading the printed values back would give this dtype."""
    from . import bool as bool_
    from . import complex64, complex128, float64, get_default_dtype, int64

    default = get_default_dtype()
    default_complex = complex128 if default == float64 else complex64
    return tensor.dtype in (default, default_complex, int64, bool_)


def _body(tensor: Any, indent: int, contents: str | None) -> tuple[str, list[str]]:
    """Text of the values, and the ``name=value`` parts that describe them."""
    from . import get_default_dtype

    size = "size=" + str(tuple(tensor.shape))
    dtype = "dtype=" + str(tensor.dtype)
    parts = []
    if tensor.is_meta or tensor.numel() == 0:
        if tensor.is_meta or tensor.dim() != 1:
            parts.append(size)
        if tensor.dtype != get_default_dtype():
            parts.append(dtype)
        return ("..." if tensor.is_meta else "[]") if contents is None else contents, parts
    if not PRINT_OPTS.edgeitems:
        parts.append(size)
    if not _dtype_is_implied(tensor):
        parts.append(dtype)
    return _contents(tensor, indent) if contents is None else contents, parts


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Append the suffixes, each on the current line if it fits, else on a line of its own."""
    out = [text]
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > PRINT_OPTS.linewidth:
            out.append(",\n" + " " * indent + suffix)
            column = indent + len(suffix)
        else:
            out.append(", " + suffix)
            column += len(suffix) + 2
    return "".join(out) + ")"


def _str(self: Any, *, tensor_contents: str | None = None) -> str:
    """Text of a tensor, as ``repr`` and ``str`` give it.

    Args:
        self: the tensor; subclasses print under their own class name.
        tensor_contents: text to show in place of the values.
    """
    from . import Tensor
    from .nn.parameter import Parameter

    plain = type(self) is Tensor or type(self) is Parameter
    prefix = "tensor(" if plain else type(self).__name__ + "("
    suffixes = []
    device = _device_suffix(self.device)
    if device is not None:
        suffixes.append(device)
    text, parts = _body(self.detach(), len(prefix), tensor_contents)
    suffixes += parts
    grad = _grad_suffix(self)
    if grad is not None:
        suffixes.append(grad)
    text = _with_suffixes(prefix + text, suffixes, len(prefix))
    if isinstance(self, Parameter) and not plain:
        text = f"Parameter({text})"
    return text
