"""Products over named or listed dimensions: einsum, tensordot, inner, bilinear, chain_matmul."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

from .. import _C
from ._registry import function, method

Tensor = _C.Tensor
_matmul = _C.ops.matmul


# ------------------------------------------------------------------------------------- einsum


def _letter(index: int) -> str:
    if not 0 <= index < 52:
        raise RuntimeError(
            f"einsum(): subscript {index} in the subscript list is not within the valid range [0, 52)"
        )
    return (string.ascii_uppercase + string.ascii_lowercase)[index]


def _as_equation(args: Sequence[Any]) -> tuple[str, list[Tensor]]:
    """Turn `a, [0, 1], b, [1, 2], [0, 2]` into an equation and its operands."""

    def subscripts(entries: Sequence[Any]) -> str:
        return "".join("..." if e is Ellipsis else _letter(e) for e in entries)

    operands = list(args[: len(args) // 2 * 2 : 2])
    equation = ",".join(subscripts(s) for s in args[1 : len(args) // 2 * 2 : 2])
    if len(args) % 2:
        equation += "->" + subscripts(args[-1])
    return equation, operands


def _labels(text: str, where: str) -> list[str]:
    """Split one term into letters and at most one "..."."""
    labels, i = [], 0
    while i < len(text):
        char = text[i]
        if char == ".":
            if text[i : i + 3] != "...":
                raise RuntimeError(
                    f"einsum(): found '.' for {where} that is not part of any ellipsis"
                )
            if "..." in labels:
                raise RuntimeError(
                    f"einsum(): found '.' for {where} for which an ellipsis was already found"
                )
            labels.append("...")
            i += 3
            continue
        if char not in string.ascii_letters:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {i} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
        labels.append(char)
        i += 1
    return labels


def _spelled_out(
    terms: list[list[str]], operands: list[Tensor]
) -> tuple[list[list[str]], list[str]]:
    """Replace each ellipsis by labels of its own; return the terms and those labels."""
    width = 0
    for k, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        covered = operand.dim() - len([label for label in term if label != "..."])
        if covered < 0 or (covered and "..." not in term):
            what = (
                "and no ellipsis was given"
                if "..." not in term
                else "even though an ellipsis was given"
            )
            count = len(term) - ("..." in term)
            verb = "does not match" if "..." not in term else "is greater than"
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({count}) {verb} the number of "
                f"dimensions ({operand.dim()}) for operand {k} {what}"
            )
        if "..." in term:
            width = max(width, covered)
    names = [f"...{i}" for i in range(width)]
    out = []
    for term, operand in zip(terms, operands, strict=True):
        covered = operand.dim() - (len(term) - 1)
        at = term.index("...") if "..." in term else None
        out.append(term if at is None else term[:at] + names[width - covered :] + term[at + 1 :])
    return out, names


def _result_labels(terms: list[list[str]], text: str | None, covered: list[str]) -> list[str]:
    used = [label for term in terms for label in term]
    if text is None:
        single = sorted(x for x in set(used) if used.count(x) == 1 and not x.startswith("..."))
        return covered + single
    labels = _labels(text, "output")
    for label in labels:
        if label == "...":
            continue
        if labels.count(label) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {label} appears more than once in the output"
            )
        if label not in used:
            raise RuntimeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input operand"
            )
    at = labels.index("...") if "..." in labels else None
    return labels if at is None else labels[:at] + covered + labels[at + 1 :]


def _without_repeats(operand: Tensor, term: list[str], k: int) -> tuple[Tensor, list[str]]:
    """Take the diagonal of labels that one operand names twice."""
    term = list(term)
    for label in dict.fromkeys(term):
        while term.count(label) > 1:
            first = term.index(label)
            second = term.index(label, first + 1)
            if operand.size(first) != operand.size(second):
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {k} but the sizes don't match, "
                    f"{operand.size(second)} != {operand.size(first)}"
                )
            operand = operand.diagonal(0, first, second)
            del term[second], term[first]
            term.append(label)
    return operand, term


def _aligned(operand: Tensor, term: list[str], order: list[str]) -> Tensor:
    """Permute an operand into the common order of labels, with size 1 where it has none."""
    present = [label for label in order if label in term]
    operand = operand.permute([term.index(label) for label in present])
    for dim, label in enumerate(order):
        if label not in term:
            operand = operand.unsqueeze(dim)
    return operand


def _contract(a: Tensor, b: Tensor, sums: list[int]) -> Tensor:
    """Multiply two aligned operands and sum over `sums`, keeping those dimensions with size 1."""
    batch, left, right, both = [], [], [], []
    for d in range(a.dim()):
        in_a, in_b = a.size(d) != 1, b.size(d) != 1
        if d in sums:
            if in_a and in_b:
                both.append(d)
            elif in_a:
                a = a.sum(d, keepdim=True)
            elif in_b:
                b = b.sum(d, keepdim=True)
        elif in_a and in_b:
            batch.append(d)
        elif in_a:
            left.append(d)
        elif in_b:
            right.append(d)
    ones = [d for d in range(a.dim()) if d not in (*batch, *left, *right)]
    if not both:
        return a * b

    def matrix(t: Tensor, *groups: list[int]) -> Tensor:
        rest = [d for d in range(t.dim()) if all(d not in group for group in groups)]
        sizes = [prod(t.size(d) for d in group) for group in groups]
        return t.permute([d for group in groups for d in group] + rest).reshape(sizes)

    sizes = (
        [a.size(d) for d in batch]
        + [a.size(d) for d in left]
        + [b.size(d) for d in right]
        + [1] * len(ones)
    )
    order = [*batch, *left, *right, *ones]
    product = _C.ops.bmm(matrix(a, batch, left, both), matrix(b, batch, both, right)).view(sizes)
    return product.permute([order.index(d) for d in range(len(order))])


def _check_sizes(terms: list[list[str]], operands: list[Tensor]) -> None:
    seen: dict[str, int] = {}
    for k, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        for label, size in zip(term, operand.shape, strict=True):
            known = seen.setdefault(label, size)
            if size != known and size != 1 and known != 1:
                name = "..." if label.startswith("...") else label
                raise RuntimeError(
                    f"einsum(): subscript {name} has size {size} for operand {k} which does not "
                    f"broadcast with previously seen size {known}"
                )
            if known == 1:
                seen[label] = size


@lru_cache(maxsize=512)
def _pair_plan(equation: str) -> tuple | None:
    """How an equation of two operands is one matrix product, or None.

    Returns the permutations of the operands to (batch, left, summed) and (batch, summed, right), the counts of
    these groups, the pairs of dimensions that must agree, and the permutation of the result.
    """
    left, arrow, result = equation.replace(" ", "").partition("->")
    a, comma, b = left.partition(",")
    if not arrow or not comma or not (a + b.replace(",", "1") + result).isalpha():
        return None
    if any(len(set(term)) < len(term) for term in (a, b, result)) or set(result) - set(a + b):
        return None
    batch = [x for x in a if x in b and x in result]
    summed = [x for x in a if x in b and x not in result]
    rows, columns = [x for x in a if x not in b], [x for x in b if x not in a]
    if not summed or set(rows + columns) - set(result):
        return None
    counts = len(batch), len(rows), len(summed), len(columns)
    made = batch + rows + columns
    return (
        [a.index(x) for x in batch + rows + summed],
        [b.index(x) for x in batch + summed + columns],
        counts,
        [(a.index(x), b.index(x)) for x in batch + summed],
        [made.index(x) for x in result],
    )


def _pair_product(plan: tuple, a: Tensor, b: Tensor) -> Tensor | None:
    """einsum by a plan, or None where sizes differ: these broadcast, or are errors."""
    order_a, order_b, (batch, rows, summed, columns), pairs, order = plan
    shape_a, shape_b = a.shape, b.shape
    if len(shape_a) != len(order_a) or len(shape_b) != len(order_b):
        return None
    if any(shape_a[i] != shape_b[j] for i, j in pairs):
        return None
    if order_a != sorted(order_a):
        a = a.permute(order_a)
    if order_b != sorted(order_b):
        b = b.permute(order_b)
    if (rows, summed, columns) == (1, 1, 1) and batch <= 1:
        out = _C.ops.bmm(a, b) if batch else _C.ops.mm(a, b)
    else:
        sizes, others = list(a.shape), list(b.shape)
        inner = prod(sizes[batch + rows :])
        lead = [prod(sizes[:batch])]
        x = a.reshape([*lead, prod(sizes[batch : batch + rows]), inner])
        y = b.reshape([*lead, inner, prod(others[batch + summed :])])
        out = _C.ops.bmm(x, y).view(sizes[: batch + rows] + others[batch + summed :])
    return out if order == sorted(order) else out.permute(order)


@function
def einsum(*args: Any) -> Tensor:
    """Sum products of operands over the labels that the result does not name.

    Args:
        args: An equation such as `"ij,jk->ik"` and its operands, or operands each followed by a list
            of integer labels and at the end, optionally, the labels of the result.

    Returns:
        The contraction, with dimensions in the order of the result's labels.

    Raises:
        RuntimeError: If the equation does not fit the operands.

    Example:
        >>> import rushlight as torch
        >>> torch.einsum("ij,j->i", torch.eye(2), torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, "
            "or at least one operand and its subscripts list"
        )
    if isinstance(args[0], str):
        equation, operands = args[0], list(args[1:])
        plan = _pair_plan(equation) if len(operands) == 2 else None
        if plan and isinstance(operands[0], Tensor) and isinstance(operands[1], Tensor):
            out = _pair_product(plan, operands[0], operands[1])
            if out is not None:
                return out
    else:
        equation, operands = _as_equation(args)
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(operands):
        more = "fewer" if len(operands) < len(texts) else "more"
        raise RuntimeError(
            f"einsum(): {more} operands were provided than specified in the equation"
        )
    terms = [_labels(text, f"operand {k}") for k, text in enumerate(texts)]
    terms, covered = _spelled_out(terms, operands)
    result = _result_labels(terms, right if arrow else None, covered)
    pairs = [
        _without_repeats(o, t, k) for k, (o, t) in enumerate(zip(operands, terms, strict=True))
    ]
    operands, terms = [p[0] for p in pairs], [p[1] for p in pairs]
    _check_sizes(terms, operands)
    summed = [x for x in dict.fromkeys(x for t in terms for x in t) if x not in result]
    order = result + summed
    aligned = [_aligned(o, t, order) for o, t in zip(operands, terms, strict=True)]
    dims = range(len(result), len(order))
    out = aligned[0]
    if len(aligned) == 1 and summed:
        return out.sum(list(dims))
    for k, operand in enumerate(aligned[1:], 1):
        later = aligned[k + 1 :]
        last_use = [d for d in dims if all(t.size(d) == 1 for t in later)]
        out = _contract(out, operand, last_use)
    for d in reversed(dims):
        out = out.squeeze(d)
    return out


# ---------------------------------------------------------------------------------- the others


@function
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sum products of two tensors over pairs of dimensions.

    Args:
        a: Left operand.
        b: Right operand.
        dims: A number n (the last n dimensions of `a` against the first n of `b`), or two lists of
            dimensions, one for each operand.
        out: Receives the result.

    Returns:
        The remaining dimensions of `a`, then those of `b`.

    Example:
        >>> import rushlight as torch
        >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), dims=1).shape
        torch.Size([2, 4])
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims_a, dims_b = list(range(-dims, 0)), list(range(dims))
    else:
        dims_a, dims_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(dims_a) != len(dims_b):
        raise RuntimeError("both dimension lists should have same length")
    for x, y in zip(dims_a, dims_b, strict=True):
        if a.size(x) != b.size(y) and a.size(x) != 1 and b.size(y) != 1:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.size(x)} in dim {x} "
                f"and second has size {b.size(y)} in dim {y}"
            )
    dims_a, dims_b = [d % max(a.dim(), 1) for d in dims_a], [d % max(b.dim(), 1) for d in dims_b]
    for x, y in zip(dims_a, dims_b, strict=True):
        if a.size(x) == 1 and b.size(y) != 1:
            b = b.sum(y, keepdim=True)
        elif b.size(y) == 1 and a.size(x) != 1:
            a = a.sum(x, keepdim=True)
    free_a = [d for d in range(a.dim()) if d not in dims_a]
    free_b = [d for d in range(b.dim()) if d not in dims_b]
    summed = prod(a.size(d) for d in dims_a)
    left = a.permute(free_a + dims_a).reshape(prod(a.size(d) for d in free_a), summed)
    right = b.permute(dims_b + free_b).reshape(summed, prod(b.size(d) for d in free_b))
    result = _C.ops.mm(left, right).reshape(
        [a.size(d) for d in free_a] + [b.size(d) for d in free_b]
    )
    return result if out is None else out.resize_(result.shape).copy_(result)


@function
@method
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Dot products along the last dimension of both operands.

    Args:
        input: `(..., n)`, or a scalar.
        other: `(..., n)`, or a scalar.

    Returns:
        The leading dimensions of `input`, then those of `other`.

    Example:
        >>> import rushlight as torch
        >>> torch.inner(torch.tensor([1, 2]), torch.tensor([3, 4]))
        tensor(11)
    """
    if input.dim() == 0 or other.dim() == 0:
        return input * other
    if input.size(-1) != other.size(-1):
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    if input.dim() == 1 and other.dim() == 1:
        return input.dot(other)
    return tensordot(input, other, dims=([-1], [-1]))


@function
def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """Multiply matrices in the order that needs the fewest multiplications.

    Args:
        matrices: Two-dimensional tensors.
        out: Receives the result.

    Returns:
        Their product.

    Example:
        >>> import rushlight as torch
        >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).shape
        torch.Size([2, 1])
    """
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for k, m in enumerate(matrices):
        if m.dim() != 2:
            raise RuntimeError(f"Tensor {k} must be 2-dimensional, but it has {m.dim()} dimensions")
    sizes = [matrices[0].size(0)] + [m.size(1) for m in matrices]
    count = len(matrices)
    cost = [[0] * count for _ in range(count)]
    cut = [[0] * count for _ in range(count)]
    for span in range(1, count):
        for i in range(count - span):
            j = i + span
            ways = (
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
            cost[i][j], cut[i][j] = min(ways)

    def multiply(i: int, j: int) -> Tensor:
        if i == j:
            return matrices[i]
        return _C.ops.mm(multiply(i, cut[i][j]), multiply(cut[i][j] + 1, j))

    result = multiply(0, count - 1)
    return result if out is None else out.resize_(result.shape).copy_(result)


@function
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply `y[o] = x1 @ weight[o] @ x2 + bias[o]` to every pair of rows.

    Args:
        input1: `(..., n)`.
        input2: `(..., m)`, with the leading dimensions of `input1`.
        weight: `(o, n, m)`.
        bias: `(o)`, or none.

    Returns:
        `(..., o)`.

    Example:
        >>> import rushlight as torch
        >>> torch.bilinear(torch.ones(2, 3), torch.ones(2, 4), torch.ones(5, 3, 4)).shape
        torch.Size([2, 5])
    """
    if input1.dim() != input2.dim():
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}"
        )
    for d in range(input1.dim() - 1):
        if input1.size(d) != input2.size(d):
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {d}: "
                f"got {input1.size(d)} and {input2.size(d)}"
            )
    for k, x in ((1, input1), (2, input2)):
        if x.size(-1) != weight.size(k):
            raise RuntimeError(
                f"bilinear(): input{k} size does not match weight size: "
                f"got {x.size(-1)} but expected {weight.size(k)}"
            )
    if bias is not None and bias.size(0) != weight.size(0):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.size(0)} "
            f"but expected {weight.size(0)}"
        )
    n, m = input1.size(-1), input2.size(-1)
    outputs = weight.size(0)
    rows = input1.reshape(-1, n) if n else input1.new_zeros([prod(input1.shape[:-1]), 0])
    # (rows, o, m): x1 against every weight matrix at once, then against x2.
    half = _matmul(rows, weight.permute(1, 0, 2).reshape(n, outputs * m)).view(-1, outputs, m)
    result = _matmul(half, input2.reshape(-1, m, 1)).reshape([*input1.shape[:-1], outputs])
    return result if bias is None else result + bias
