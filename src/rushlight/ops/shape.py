"""Joining, splitting and rearranging, written with views and native operators."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from .. import _C
from .._autocast import full_precision
from .._notes import noted
from ._registry import function, method

Tensor = _C.Tensor
_ops = _C.ops


def _tensors(args: tuple) -> list[Tensor]:
    return list(args[0]) if len(args) == 1 and isinstance(args[0], (list, tuple)) else list(args)


def _wrap(dim: int, ndim: int) -> int:
    span = max(ndim, 1)
    if not -span <= dim < span:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})"
        )
    return dim + span if dim < 0 else dim


# ---- broadcasting --------------------------------------------------------------------------------


@function
def broadcast_shapes(*shapes) -> _C.Size:
    """The shape that the given shapes broadcast to.

    Args:
        shapes: tuples of ints, or ints.

    Returns:
        torch.Size.

    Example:
        >>> import rushlight as torch
        >>> torch.broadcast_shapes((2, 1), (3,))
        torch.Size([2, 3])
    """
    rows = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    out = [1] * max((len(r) for r in rows), default=0)
    for at, row in enumerate(rows):
        for i in range(-1, -len(row) - 1, -1):
            if row[i] < 0:
                raise RuntimeError(
                    f"Trying to create tensor with negative dimension ({row[i]}): ({row[i]})"
                )
            if row[i] == 1 or row[i] == out[i]:
                continue
            if out[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {row[i]} at {i}! Mismatching argument at index {at} "
                    f"had {row}; but expected shape should be broadcastable to {out}"
                )
            out[i] = row[i]
    return _C.Size(out)


def _mismatch(a, b) -> RuntimeError:
    """The error for two shapes that do not broadcast, at their last difference."""
    width = max(len(a), len(b))
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            break
    error = RuntimeError(
        f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at non-singleton dimension {width - i}"
    )
    note = f"shapes {[*a]} and {[*b]} do not broadcast (dimension {width - i}: {a[-i]} vs {b[-i]})"
    return noted(error, note)


@function
def broadcast_tensors(*tensors) -> tuple:
    """All tensors expanded to their common shape (views)."""
    items = _tensors(tensors)
    shape = _C.Size(())
    for t in items:
        try:
            shape = broadcast_shapes(shape, t.shape)
        except RuntimeError:
            raise _mismatch(shape, t.shape) from None
    return tuple(t.expand(shape) for t in items)


@method
@function
def broadcast_to(input: Tensor, size) -> Tensor:
    """The tensor expanded to `size` (a view)."""
    return input.expand(size)


@function
def atleast_1d(*tensors):
    """The tensors with at least one dimension."""
    return _at_least(tensors, lambda t: t if t.dim() >= 1 else t.reshape(1))


@function
def atleast_2d(*tensors):
    """The tensors with at least two dimensions."""
    return _at_least(
        tensors, lambda t: t if t.dim() >= 2 else t.reshape(1, -1) if t.dim() else t.reshape(1, 1)
    )


@function
def atleast_3d(*tensors):
    """The tensors with at least three dimensions."""

    def grow(t: Tensor) -> Tensor:
        if t.dim() == 0:
            return t.reshape(1, 1, 1)
        if t.dim() == 1:
            return t.unsqueeze(0).unsqueeze(-1)
        return t.unsqueeze(-1) if t.dim() == 2 else t

    return _at_least(tensors, grow)


def _at_least(tensors: tuple, grow):
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return grow(tensors[0])
    return tuple(grow(t) for t in _tensors(tensors))


# ---- joining -------------------------------------------------------------------------------------


@function
def hstack(tensors: Sequence[Tensor], *, out=None) -> Tensor:
    """Join along the second dimension (the first of 1-D tensors)."""
    rows = [atleast_1d(t) for t in tensors]
    return _ops.cat(rows, 0 if rows[0].dim() == 1 else 1, out=out)


@function
def vstack(tensors: Sequence[Tensor], *, out=None) -> Tensor:
    """Join along the first dimension, rows being made of 1-D tensors."""
    return _ops.cat([atleast_2d(t) for t in tensors], 0, out=out)


@function
def dstack(tensors: Sequence[Tensor], *, out=None) -> Tensor:
    """Join along the third dimension."""
    return _ops.cat([atleast_3d(t) for t in tensors], 2, out=out)


@function
def column_stack(tensors: Sequence[Tensor], *, out=None) -> Tensor:
    """Join 1-D tensors as the columns of a matrix."""
    columns = [t.reshape(t.numel(), 1) if t.dim() <= 1 else t for t in tensors]
    return hstack(columns, out=out)


@function
def row_stack(tensors: Sequence[Tensor], *, out=None) -> Tensor:
    """vstack() under its old name."""
    return vstack(tensors, out=out)


@function
def concat(tensors: Sequence[Tensor], dim: int = 0, *, out=None) -> Tensor:
    """cat() under another name."""
    return _ops.cat(tensors, dim, out=out)


@function
def concatenate(
    tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None, out=None
) -> Tensor:
    """cat() under numpy's name."""
    return _ops.cat(tensors, dim if axis is None else axis, out=out)


@function
def block_diag(*tensors) -> Tensor:
    """A matrix with the given matrices along its diagonal.

    Args:
        tensors: 0-d, 1-d or 2-d tensors.

    Returns:
        Tensor of shape (sum of rows, sum of columns).

    Example:
        >>> import rushlight as torch
        >>> torch.block_diag(torch.ones(1, 2), torch.ones(1, 1))
        tensor([[1., 1., 0.],
                [0., 0., 1.]])
    """
    blocks = [atleast_2d(t) for t in tensors]
    for i, block in enumerate(blocks):
        if block.dim() != 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {block.dim()} dimensions"
            )
    if not blocks:
        return _ops.empty((1, 0))
    width = sum(b.shape[1] for b in blocks)
    dtype = blocks[0].dtype
    for b in blocks:
        dtype = _C.promote_types(dtype, b.dtype)
    rows, at = [], 0
    for b in blocks:
        left = _ops.zeros((b.shape[0], at), dtype=dtype, device=b.device)
        right = _ops.zeros((b.shape[0], width - at - b.shape[1]), dtype=dtype, device=b.device)
        rows.append(_ops.cat([left, b.to(dtype), right], 1))
        at += b.shape[1]
    return _ops.cat(rows, 0)


# ---- splitting -----------------------------------------------------------------------------------


@function
def split(tensor: Tensor, split_size_or_sections, dim: int = 0) -> tuple:
    """Views of `split_size_or_sections` elements along `dim`; a list gives each size."""
    return tensor.split(split_size_or_sections, dim)


@method
@function
def tensor_split(
    input: Tensor, indices_or_sections, dim: int = 0, *, indices=None, sections=None
) -> tuple:
    """Views split at the given indices, or into the given number of nearly equal parts.

    Args:
        input: tensor with at least one dimension.
        indices_or_sections: number of parts, or positions at which to cut (list, or 1-D int64 tensor).
        dim: dimension to split. Default: 0.

    Returns:
        Tuple of views.
    """
    where = (
        indices_or_sections
        if indices is None and sections is None
        else indices
        if indices is not None
        else sections
    )
    if input.dim() == 0:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    dim = _wrap(dim, input.dim())
    size = input.shape[dim]
    if isinstance(where, Tensor):
        where = where.tolist()
    if isinstance(where, int):
        if where <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {where}")
        each, extra = divmod(size, where)
        cuts = [i * each + min(i, extra) for i in range(1, where)]
    else:
        cuts = list(where)
    edges = [0, *cuts, size]
    parts = []
    for start, end in zip(edges[:-1], edges[1:]):
        parts.append(_ops.slice(input, dim, start, end, 1))
    return tuple(parts)


def _named_split(name: str, least: int, dim_of):
    def split_along(input: Tensor, indices_or_sections) -> tuple:
        if input.dim() < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension{'s' if least > 1 else ''}, but got a "
                f"tensor with {input.dim()} dimensions!"
            )
        dim = dim_of(input)
        if isinstance(indices_or_sections, int) and (
            indices_or_sections <= 0 or input.shape[dim] % indices_or_sections
        ):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
                f"{input.shape[dim]} is not divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, dim)

    split_along.__name__ = split_along.__qualname__ = name
    split_along.__doc__ = (
        f"Split along dimension {least - 1} into equal parts, or at the given indices."
    )
    return method(function(split_along))


hsplit = _named_split("hsplit", 1, lambda t: 0 if t.dim() == 1 else 1)
vsplit = _named_split("vsplit", 2, lambda t: 0)
dsplit = _named_split("dsplit", 3, lambda t: 2)


@method
@function
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple:
    """chunk(): the parts are views here too."""
    return input.chunk(chunks, dim)


@method
@function
def unsafe_split(input: Tensor, split_size, dim: int = 0) -> tuple:
    """split(): the parts are views here too."""
    return input.split(split_size, dim)


@function
def meshgrid(*tensors, indexing: str | None = None) -> tuple:
    """Grids of coordinates from 1-D tensors.

    Args:
        tensors: 0-D or 1-D tensors.
        indexing: "ij" (default, with a warning) or "xy".

    Returns:
        Tuple of tensors of shape (len(t0), len(t1), ...); with "xy" (len(t1), len(t0), ...).
    """
    items = _tensors(tensors)
    if indexing is None:
        import warnings

        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for t in items:
        if t.dim() > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t}"
            )
    if indexing == "xy" and len(items) >= 2:
        items[0], items[1] = items[1], items[0]
    shape = [max(t.numel(), 0) for t in items]
    grids = []
    for i, t in enumerate(items):
        view = [1] * len(items)
        view[i] = -1 if t.numel() else 0
        grids.append(t.reshape(view).expand(shape))
    if indexing == "xy" and len(items) >= 2:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@function
def cartesian_prod(*tensors) -> Tensor:
    """All combinations of the elements of 1-D tensors, one a row."""
    if len(tensors) == 1:
        return tensors[0]
    return _ops.stack([g.flatten() for g in meshgrid(*tensors, indexing="ij")], 1)


@function
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of r elements of a 1-D tensor, one a row."""
    if input.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return _ops.empty((0,), dtype=input.dtype, device=input.device)
    pick = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(pick(range(input.shape[0]), r))
    from .creation import tensor

    return input[tensor(rows) if rows else _ops.zeros((0, r), dtype=_C.int64, device=input.device)]


# ---- rearranging ---------------------------------------------------------------------------------


@method
@function
def fliplr(input: Tensor) -> Tensor:
    """Reverse the second dimension."""
    if input.dim() < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return input.flip(1)


@method
@function
def flipud(input: Tensor) -> Tensor:
    """Reverse the first dimension."""
    if input.dim() < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return input.flip(0)


@method
@function
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotate by k quarter turns in the plane of two dimensions."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.dim() < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.dim()}")
    a, b = (_wrap(d, input.dim()) for d in dims)
    if a == b:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    k %= 4
    if k == 1:
        return input.flip(b).transpose(a, b)
    if k == 2:
        return input.flip((a, b))
    return (
        input.flip(a).transpose(a, b) if k == 3 else input.clone(memory_format=_C.contiguous_format)
    )


@method
@function
def tile(input: Tensor, *dims) -> Tensor:
    """Repeat the tensor along its dimensions."""
    counts = tuple(dims[0]) if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return input.repeat((1,) * (input.dim() - len(counts)) + tuple(counts))


@method
@function
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Repeat each element (or slice along `dim`) next to itself.

    Args:
        input: tensor; with `repeats` left out, the counts themselves.
        repeats: how often: int, or 1-D tensor with one count for each slice.
        dim: dimension; default: the flattened tensor.
        output_size: accepted; the size follows from the counts.

    Returns:
        Tensor.

    Example:
        >>> import rushlight as torch
        >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
        tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return _repeated(input.tolist())
    x = input.flatten() if dim is None else input
    axis = 0 if dim is None else _wrap(dim, input.dim())
    size = x.shape[axis] if x.dim() else 1
    if isinstance(repeats, Tensor) and repeats.numel() != 1:
        counts = repeats.tolist()
        if len(counts) != size:
            raise RuntimeError(
                f"repeats must have the same size as input along dim, but got repeats.size(0) = {len(counts)} and input.size({axis}) = {size}"
            )
    else:
        counts = [int(repeats)] * size
    return (x if x.dim() else x.reshape(1)).index_select(axis, _repeated(counts))


def _repeated(counts: list[int]) -> Tensor:
    """Each position as often as its count says."""
    from .creation import _from_sequence

    if any(n < 0 for n in counts):
        raise RuntimeError("repeats can not be negative")
    total = sum(counts)
    if total >= 2**63:
        raise RuntimeError(f"repeat_interleave: the result would have {total} elements")
    ends = _from_sequence(list(itertools.accumulate(counts)), _C.int64)
    return _ops.searchsorted(ends, _ops.arange(total), right=True)


@method
def sum_to_size(self: Tensor, *size) -> Tensor:
    """Sum over broadcast dimensions until the tensor has the given size."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    if not shape:
        return self.sum()
    lead = self.dim() - len(shape)
    fits = lead >= 0 and all(n == 1 or n == m for n, m in zip(shape, self.shape[lead:]))
    if not fits:
        raise RuntimeError(
            f"size {{{list(shape)}}} is not expandable to size {{{list(self.shape)}}}."
        )
    dims = [
        *range(lead),
        *(i + lead for i, n in enumerate(shape) if n == 1 and self.shape[i + lead] != 1),
    ]
    out = self.sum(dims, keepdim=True) if dims else self
    return out.reshape(shape)


@method
@function
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """transpose() under numpy's name."""
    return input.transpose(axis0, axis1)


@method
@function
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """transpose() under another name."""
    return input.transpose(dim0, dim1)


@method
@function
def moveaxis(input: Tensor, source, destination) -> Tensor:
    """movedim() under numpy's name."""
    return input.movedim(source, destination)


@method
@function
def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
    return input.mH


@method
@function
def ravel(input: Tensor) -> Tensor:
    """The elements in one dimension."""
    return input.reshape(-1)


@function
def unflatten(input: Tensor, dim: int, sizes) -> Tensor:
    """Split one dimension into several."""
    return input.unflatten(dim, sizes)


@method
@function
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out=None) -> Tensor:
    """Elements of `input` at `indices` along `dim`, broadcasting the other dimensions."""
    if indices.dtype is not _C.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices.type().split('.')[1].removesuffix('Tensor')}"
        )
    if dim is None:
        flat = input.reshape(-1)
        return _ops.gather(flat, 0, _from_start(indices.reshape(-1), flat.shape[0]), out=out)
    if input.dim() != indices.dim():
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got {input.dim()} "
            f"dimensions for input, and {indices.dim()} dimensions for indices"
        )
    axis = _wrap(dim, input.dim())
    shape = list(
        broadcast_shapes(
            [1 if i == axis else s for i, s in enumerate(input.shape)],
            [1 if i == axis else s for i, s in enumerate(indices.shape)],
        )
    )
    a, b = list(shape), list(shape)
    a[axis], b[axis] = input.shape[axis], indices.shape[axis]
    indices = _from_start(indices, input.shape[axis])
    return _ops.gather(input.expand(a), axis, indices.expand(b), out=out)


def _from_start(indices: Tensor, size: int) -> Tensor:
    """Indices that count from the end as indices from the start."""
    return _ops.where(indices < 0, indices + size, indices)


@function
def unravel_index(indices: Tensor, shape) -> tuple:
    """Coordinates of flat positions in a tensor of the given shape."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    out = []
    for size in reversed(sizes):
        out.append(indices % size)
        indices = indices // size
    return tuple(reversed(out))


def _into(out: Tensor | None, result: Tensor) -> Tensor:
    if out is None:
        return result
    if out.shape != result.shape:
        _C._resize_(out, tuple(result.shape))
    return out.copy_(result)


# ---- copies named after their views --------------------------------------------------------------


def _copy_of(name: str):
    view = getattr(_ops, name)

    def copied(input: Tensor, *args, out=None, **kwargs):
        result = view(input, *args, **kwargs)
        if isinstance(result, tuple):
            copies = tuple(r.clone() for r in result)
            if out is not None:
                for o, c in zip(out, copies):
                    _into(o, c)
            return copies
        return _into(out, result.clone(memory_format=_C.contiguous_format))

    copied.__name__ = copied.__qualname__ = name + "_copy"
    copied.__doc__ = f"{name}() with a copy as its result."
    return function(copied)


for _name in (
    "alias as_strided detach diagonal expand permute select slice split_with_sizes squeeze t transpose unbind unfold "
    "unsqueeze view narrow"
).split():
    _copy_of(_name)


@method
@function
def as_strided_scatter(input: Tensor, src: Tensor, size, stride, storage_offset=None) -> Tensor:
    """A copy of `input` in which the given window holds `src`."""
    base = input.clone(memory_format=_C.preserve_format)
    base.as_strided(size, stride, storage_offset or 0).copy_(src)
    return base


def _nonzero(input: Tensor, *, out=None, as_tuple: bool = False):
    """Positions of the elements that are not zero.

    Args:
        input: tensor.
        as_tuple: one 1-D tensor for each dimension instead of an (n, ndim) tensor. Default: False.

    Returns:
        int64 tensor of shape (n, ndim), or a tuple.

    Example:
        >>> import rushlight as torch
        >>> torch.nonzero(torch.tensor([0, 1, 1]))
        tensor([[1],
                [2]])
    """
    found = _native_nonzero(input)
    if as_tuple:
        return tuple((found if input.dim() else found.new_zeros((found.shape[0], 1))).unbind(1))
    return _into(out, found)


_native_nonzero = _ops.nonzero
_nonzero.__name__ = _nonzero.__qualname__ = "nonzero"
nonzero = method(function(_nonzero))


@method
@function
def argwhere(input: Tensor) -> Tensor:
    """Positions of the elements that are not zero, one a row."""
    return _native_nonzero(input)


@function
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """nonzero() cut or padded to `size` rows."""
    found = _native_nonzero(input)[:size]
    if found.shape[0] == size:
        return found
    pad = _ops.full(
        (size - found.shape[0], found.shape[1]), fill_value, dtype=_C.int64, device=found.device
    )
    return _ops.cat([found, pad])


@function
def logspace(
    start,
    end,
    steps: int,
    base: float = 10.0,
    *,
    dtype=None,
    device=None,
    layout=None,
    requires_grad=False,
    out=None,
) -> Tensor:
    """`steps` numbers from base**start to base**end, evenly spaced in the exponent."""
    first = start.item() if isinstance(start, Tensor) else start
    last = end.item() if isinstance(end, Tensor) else end
    wanted = dtype or _C.get_default_dtype()
    values = _ops.linspace(first, last, steps, dtype=_C.float64, device=device)
    result = _ops.pow(float(base), values).to(wanted)
    return _into(out, result).requires_grad_(requires_grad)


@function
def complex(real: Tensor, imag: Tensor, *, out=None) -> Tensor:
    """A complex tensor from its real and imaginary parts (float32 or float64)."""
    if real.dtype != imag.dtype or real.dtype not in (_C.float32, _C.float64, _C.float16):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {real.dtype} and {imag.dtype}"
        )
    a, b = broadcast_tensors(real, imag)
    return _into(out, _ops.view_as_complex(_ops.stack([a, b], -1)))


@function
@full_precision
def polar(abs: Tensor, angle: Tensor, *, out=None) -> Tensor:
    """A complex tensor from absolute values and angles in radians."""
    return complex(abs * angle.cos(), abs * angle.sin(), out=out)


@function
def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out=None) -> Tensor:
    """Vector products along a dimension of size 3."""
    if dim is None:
        found = [i for i, n in enumerate(input.shape) if n == 3]
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found[0]
    dim = _wrap(dim, max(input.dim(), other.dim()))
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )
    a, b = broadcast_tensors(input, other)
    return _into(out, a.roll(-1, dim) * b.roll(-2, dim) - a.roll(-2, dim) * b.roll(-1, dim))


method(cross)


def _places(dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Numbers of slices as an index of every element of `source`."""
    shape = [1] * source.dim()
    if source.dim():
        shape[_wrap(dim, source.dim())] = -1
    where = index.reshape(shape).expand(source.shape) if source.dim() else index.reshape(())
    return where.to(_C.int64)


@method
@function
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Reduce the slices of `source` into the slices of `input` that `index` names: "prod", "mean", "amax", "amin"."""
    where = _places(dim, index, source)
    return _ops.scatter_reduce(input, dim, where, source, reduce, include_self=include_self)


@method
def index_reduce_(
    self: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """`index_reduce` in place."""
    where = _places(dim, index, source)
    return self.scatter_reduce_(dim, where, source, reduce, include_self=include_self)


@function
def isin(elements, test_elements, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among the test elements."""
    from .creation import tensor

    a = elements if isinstance(elements, Tensor) else tensor(elements)
    b = test_elements if isinstance(test_elements, Tensor) else tensor(test_elements)
    found = (a.unsqueeze(-1) == b.reshape(-1)).any(-1)
    return ~found if invert else found
