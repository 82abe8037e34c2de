"""Nested tuples, lists and dicts as flat lists of leaves."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = [
    "PyTree",
    "TreeSpec",
    "register_pytree_node",
    "tree_all",
    "tree_any",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any


class _Kind(NamedTuple):
    flatten: Callable[[Any], tuple[list, Any]]
    unflatten: Callable[[Iterable, Any], Any]


def _flat_dict(d: dict) -> tuple[list, Any]:
    return list(d.values()), list(d)


def _flat_default(d: defaultdict) -> tuple[list, Any]:
    return list(d.values()), (d.default_factory, list(d))


_KINDS: dict[type, _Kind] = {
    tuple: _Kind(lambda t: (list(t), None), lambda values, _: tuple(values)),
    list: _Kind(lambda t: (list(t), None), lambda values, _: list(values)),
    dict: _Kind(_flat_dict, lambda values, keys: dict(zip(keys, values, strict=True))),
    OrderedDict: _Kind(
        _flat_dict, lambda values, keys: OrderedDict(zip(keys, values, strict=True))
    ),
    defaultdict: _Kind(
        _flat_default, lambda values, c: defaultdict(c[0], zip(c[1], values, strict=True))
    ),
    namedtuple: _Kind(lambda t: (list(t), type(t)), lambda values, kind: kind(*values)),  # type: ignore[dict-item]
}


def register_pytree_node(
    cls: type, flatten_fn: Callable, unflatten_fn: Callable, **unused: Any
) -> None:
    """Let trees contain objects of a class.

    Args:
        cls: the class.
        flatten_fn: object -> (children, context).
        unflatten_fn: (children, context) -> object.
    """
    if cls in _KINDS:
        raise ValueError(f"{cls} is already registered as pytree node.")
    _KINDS[cls] = _Kind(flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _kind(tree: Any) -> Any:
    if type(tree) in _KINDS:
        return type(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return namedtuple
    return None


class TreeSpec:
    """The shape of a tree, without its leaves."""

    __slots__ = ("children_specs", "context", "num_leaves", "type")

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves = 1 if type is None else sum(c.num_leaves for c in children_specs)

    def is_leaf(self) -> bool:
        """Whether this is a single leaf."""
        return self.type is None

    def unflatten(self, leaves: Iterable) -> Any:
        """The tree of this shape with these leaves."""
        return tree_unflatten(leaves, self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (self.type, self.context, self.children_specs) == (
            other.type,
            other.context,
            other.children_specs,
        )

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves))

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


LeafSpec = TreeSpec


def tree_flatten(tree: Any, is_leaf: Callable | None = None) -> tuple[list, TreeSpec]:
    """The leaves of a tree, in order, and its shape.

    Args:
        tree: nested tuples, lists, dicts.
        is_leaf: stop where this is true.

    Returns:
        (leaves, spec).

    Example:
        >>> from rushlight.utils._pytree import tree_flatten
        >>> tree_flatten({"a": 1, "b": [2, 3]})[0]
        [1, 2, 3]
    """
    leaves: list = []
    return leaves, _flatten_into(tree, leaves, is_leaf)


def _flatten_into(tree: Any, leaves: list, is_leaf: Callable | None) -> TreeSpec:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        leaves.append(tree)
        return TreeSpec(None, None, [])
    children, context = _KINDS[kind].flatten(tree)
    return TreeSpec(kind, context, [_flatten_into(c, leaves, is_leaf) for c in children])


def tree_unflatten(leaves: Iterable, treespec: TreeSpec) -> Any:
    """The tree of this shape with these leaves.

    Raises:
        ValueError: the number of leaves does not fit.
    """
    values = list(leaves)
    if len(values) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(values)} but the spec refers to a pytree "
            f"that holds {treespec.num_leaves} items ({treespec})."
        )
    source = iter(values)

    def build(spec: TreeSpec) -> Any:
        if spec.type is None:
            return next(source)
        children = [build(c) for c in spec.children_specs]
        return _KINDS[spec.type].unflatten(children, spec.context)

    return build(treespec)


def tree_leaves(tree: Any, is_leaf: Callable | None = None) -> list:
    """The leaves of a tree, in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable | None = None) -> TreeSpec:
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable, tree: Any, *rests: Any, is_leaf: Callable | None = None) -> Any:
    """A tree of the same shape with `func` of every leaf (of several trees: of all leaves at a place)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_leaves(r, is_leaf) for r in rests]
    return tree_unflatten(map(func, leaves, *others), spec)


def tree_map_(func: Callable, tree: Any, *rests: Any, is_leaf: Callable | None = None) -> Any:
    """Call `func` for every leaf and return the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(kind: Any, func: Callable, tree: Any, is_leaf: Callable | None = None) -> Any:
    """`tree_map` for leaves of a type; other leaves stay."""
    if not isinstance(kind, (type, tuple)):
        return tree_map(lambda x: func(x) if kind(x) else x, tree, is_leaf=is_leaf)
    return tree_map(lambda x: func(x) if isinstance(x, kind) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable, tree: Any, is_leaf: Callable | None = None) -> bool:
    """Whether all leaves satisfy `pred`."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable, tree: Any, is_leaf: Callable | None = None) -> bool:
    """Whether any leaf satisfies `pred`."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
