"""vmap: a function of one example as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import _C
from ..utils._pytree import TreeSpec, tree_flatten, tree_unflatten

Tensor = _C.Tensor


def _spread(dims: Any, tree: Any, spec: TreeSpec, what: str) -> list:
    """One entry of `dims` for every leaf of `tree`; an int or None stands for all below it."""
    out: list = []

    def walk(d: Any, part: Any, shape: TreeSpec) -> None:
        if shape.is_leaf():
            out.append(d)
        elif d is None or isinstance(d, int):
            out.extend([d] * shape.num_leaves)
        else:
            if isinstance(d, dict):
                if not isinstance(part, dict) or set(d) != set(part):
                    raise ValueError(
                        f"vmap: {what} is not compatible with the structure of the values"
                    )
                below = [d[key] for key in part]
            else:
                below = list(d)
            if len(below) != len(shape.children_specs):
                raise ValueError(
                    f"vmap: {what} is not compatible with the structure of the values: "
                    f"got {len(below)} entries for {len(shape.children_specs)} values"
                )
            parts = list(part.values()) if isinstance(part, dict) else list(part)
            for x, y, z in zip(below, parts, shape.children_specs, strict=True):
                walk(x, y, z)

    walk(dims, tree, spec)
    return out


def _batch_size(leaves: list, dims: list, name: str) -> int:
    sizes = set()
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"vmap({name}, in_dims=...)(<inputs>): Got in_dim={dim} for an input but the input is of type "
                f"{type(leaf)}. We cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -leaf.dim() <= dim < leaf.dim():
            raise ValueError(
                f"vmap({name}, in_dims=...)(<inputs>): Got in_dim={dim} for some input, but that input is a Tensor "
                f"of dimensionality {leaf.dim()} so expected in_dim to satisfy "
                f"-{leaf.dim()} <= in_dim < {leaf.dim()}."
            )
        sizes.add(leaf.size(dim))
    if not sizes:
        raise ValueError(f"vmap({name})(<inputs>): got no inputs to map over: all in_dims are None")
    if len(sizes) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sorted(sizes)} for the mapped dimension"
        )
    return sizes.pop()


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """Map a function over a dimension of its tensor arguments.

    The function runs once per element and its results are stacked.

    Args:
        func: function of tensors (nested containers are allowed).
        in_dims: the dimension to map over for each argument; None passes an argument whole. Default: 0.
        out_dims: where results get the new dimension. Default: 0.
        randomness: accepted: "error", "different" or "same".
        chunk_size: accepted; elements are processed one by one anyway.

    Returns:
        The mapped function; keyword arguments are mapped over their first dimension.

    Example:
        >>> import rushlight as torch
        >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
        tensor([3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise ValueError(
                f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap "
                "over a function with no inputs. The latter is unsupported."
            )
        leaves, spec = tree_flatten((args, kwargs))
        first, first_spec = tree_flatten(args)
        if not (in_dims is None or isinstance(in_dims, (int, tuple, list, dict))):
            raise ValueError(
                f"vmap({name}, in_dims={in_dims}): expected in_dims to be int or a tuple"
            )
        dims = _spread(in_dims, args, first_spec, f"in_dims={in_dims}")
        dims += [0 if isinstance(leaf, Tensor) else None for leaf in leaves[len(first) :]]
        count = _batch_size(leaves, dims, name)
        results, out_spec = [], None
        for i in range(count):
            picked = [
                leaf if d is None else leaf.select(d, i)
                for leaf, d in zip(leaves, dims, strict=True)
            ]
            one_args, one_kwargs = tree_unflatten(picked, spec)
            values, out_spec = tree_flatten(func(*one_args, **one_kwargs))
            results.append(values)
        if out_spec is None:
            raise ValueError(
                f"vmap({name}): the mapped dimension has size 0; there is nothing to call"
            )
        example = tree_unflatten(results[0], out_spec)
        where = _spread(out_dims, example, out_spec, f"out_dims={out_dims}")
        return tree_unflatten(
            [_stacked([r[k] for r in results], d, name) for k, d in enumerate(where)], out_spec
        )

    return mapped


def _stacked(values: list, dim: int | None, name: str) -> Any:
    if not isinstance(values[0], Tensor):
        if dim is None or values[0] is None:
            return values[0]
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(values[0])} as a return."
        )
    if dim is None:
        return values[0]
    return _C.ops.stack(values, dim)
