"""Gradients, products with Jacobians, Jacobians and Hessians of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import _C
from ..autograd import grad as _autograd_grad
from ..utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

Tensor = _C.Tensor


class _Recording:
    """Record operations, whatever the caller's mode."""

    def __enter__(self) -> None:
        self.before = _C.is_grad_enabled()
        _C.set_grad_enabled(True)

    def __exit__(self, *unused: Any) -> None:
        _C.set_grad_enabled(self.before)


def _as_variable(x: Any) -> Any:
    """A tensor to differentiate with respect to: tied to x if x has a history, else a new leaf."""
    if not isinstance(x, Tensor):
        return x
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(
            "grad: only Tensors of floating point dtype can require gradients: "
            f"got an argument of dtype {x.dtype}"
        )
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_(True)


def _depends_on_others(value: Tensor, own: set[int]) -> bool:
    """Whether the history of `value` reaches a leaf that is not one of `own` (ids)."""
    seen: dict[int, Any] = {}  # the nodes themselves too: an id is unique only among what lives
    waiting = [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen[id(node)] = node
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in own:
            return True
        waiting.extend(following for following, _ in node.next_functions)
    return False


def _released(tree: Any, variables: list) -> Any:
    """Results without the history that only the transform itself made."""
    own = {id(v) for v in variables if isinstance(v, Tensor) and v.is_leaf}

    def free(x: Any) -> Any:
        if not isinstance(x, Tensor) or not x.requires_grad:
            return x
        if x.is_leaf:
            return x.detach() if id(x) in own else x
        return x if _depends_on_others(x, own) else x.detach()

    return tree_map(free, tree)


def _zero_filled(grads: Any, variables: list) -> list:
    return [
        _C.ops.zeros_like(v.detach()) if g is None else g
        for g, v in zip(grads, variables, strict=True)
    ]


def _picked(args: tuple, argnums: Any, transform: str) -> tuple[int, ...]:
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for k in wanted:
        if not -len(args) <= k < len(args):
            raise RuntimeError(
                f"Got argnum={k}, but only {len(args)} positional inputs: {transform} cannot differentiate"
            )
    return tuple(k % len(args) for k in wanted)


def _with_variables(args: tuple, where: tuple[int, ...]) -> tuple[list, list, Any]:
    """Arguments with variables at `where`; the variables as leaves; their tree."""
    flat, spec = tree_flatten(tuple(args[k] for k in where))
    variables = [_as_variable(x) for x in flat]
    chosen = tree_unflatten(variables, spec)
    full = list(args)
    for k, value in zip(where, chosen, strict=True):
        full[k] = value
    return full, variables, spec


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient and the value of `func`.

    Args:
        func: function whose (first) result is a scalar tensor.
        argnums: argument or arguments to differentiate. Default: 0.
        has_aux: func returns (value, anything else). Default: False.

    Returns:
        Function with the arguments of `func` that returns (gradient, value) or (gradient, (value, aux)).

    Example:
        >>> import rushlight as torch
        >>> torch.func.grad_and_value(lambda x: (x * x).sum())(torch.tensor([3.0]))
        (tensor([6.]), tensor(9.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        where = _picked(args, argnums, "grad")
        with _Recording():
            full, variables, spec = _with_variables(args, where)
            output = func(*full, **kwargs)
            aux = None
            if has_aux:
                if not (isinstance(output, tuple) and len(output) == 2):
                    raise RuntimeError(
                        "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) "
                        "if has_aux is True"
                    )
                output, aux = output
            if not isinstance(output, Tensor):
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a single tensor, "
                    f"got object of type {type(output)}."
                )
            if output.dim() != 0:
                raise RuntimeError(
                    "Expected f(*args) to return a scalar tensor, got tensor with "
                    f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            grads = _gradients([output], variables, None)
        chosen = tree_unflatten(grads, spec)
        gradient = chosen[0] if isinstance(argnums, int) else chosen
        value = (output, aux) if has_aux else output
        return _released((gradient, value), variables)

    return wrapper


def _gradients(outputs: list, variables: list, cotangents: Any) -> list:
    real = [v for v in variables if isinstance(v, Tensor)]
    kept = [
        (o, c)
        for o, c in zip(outputs, cotangents or [None] * len(outputs), strict=True)
        if o.requires_grad
    ]
    if not kept:
        found: Any = [None] * len(real)
    else:
        found = _autograd_grad(
            [o for o, _ in kept],
            real,
            None if cotangents is None else [c for _, c in kept],
            create_graph=True,
            allow_unused=True,
        )
    found = iter(_zero_filled(found, real))
    return [next(found) if isinstance(v, Tensor) else v for v in variables]


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of `func`.

    Args:
        func: function whose (first) result is a scalar tensor.
        argnums: argument or arguments to differentiate. Default: 0.
        has_aux: func returns (value, anything else), which is handed on. Default: False.

    Returns:
        Function with the arguments of `func` that returns the gradient, or (gradient, aux).

    Example:
        >>> import rushlight as torch
        >>> torch.func.grad(torch.sin)(torch.tensor(0.0))
        tensor(1.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `func` and a function for products with its Jacobian from the left.

    Args:
        func: function of tensors.
        primals: where to evaluate it.
        has_aux: func returns (value, anything else). Default: False.

    Returns:
        (value, vjp_fn) or (value, vjp_fn, aux); vjp_fn takes cotangents in the shape of the value and returns
        a tuple with one entry per primal.

    Example:
        >>> import rushlight as torch
        >>> y, pull = torch.func.vjp(lambda x: 2 * x, torch.ones(2))
        >>> pull(torch.ones(2))
        (tensor([2., 2.]),)
    """
    with _Recording():
        full, variables, spec = _with_variables(primals, tuple(range(len(primals))))
        output = func(*full)
        aux = None
        if has_aux:
            output, aux = output
    outputs, out_spec = tree_flatten(output)

    def vjp_fn(*cotangents: Any, **unused: Any) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        flat, given_spec = tree_flatten(given)
        if len(flat) != len(outputs):
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {given_spec}, primal output: {out_spec}"
            )
        with _Recording():
            grads = _gradients(outputs, variables, flat)
        return _released(tree_unflatten(grads, spec), variables)

    value = _released(output, variables)
    return (value, vjp_fn, aux) if has_aux else (value, vjp_fn)


def jvp(
    func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """The value of `func` and the product of its Jacobian with tangents.

    Args:
        func: function of tensors.
        primals: tuple of arguments.
        tangents: tuple of directions, in the shapes of the primals.
        strict: accepted.
        has_aux: func returns (value, anything else). Default: False.

    Returns:
        (value, product) or (value, product, aux).

    Example:
        >>> import rushlight as torch
        >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
        (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to be tuples.")
    if len(primals) != len(tangents):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same number of elements."
        )
    with _Recording():
        full, variables, _ = _with_variables(primals, tuple(range(len(primals))))
        output = func(*full)
        aux = None
        if has_aux:
            output, aux = output
        outputs, out_spec = tree_flatten(output)
        # The gradient is linear in the cotangents: its own gradient along the tangents is the product wanted.
        dummies = [_C.ops.zeros_like(o.detach()).requires_grad_(True) for o in outputs]
        pulled = _gradients(outputs, variables, dummies)
        directions = [t.conj() if t.dtype.is_complex else t for t in tree_leaves(tangents)]
        products = _gradients(pulled, dummies, directions)
    result = _released((output, tree_unflatten(products, out_spec)), [*variables, *dummies])
    return (*result, aux) if has_aux else result


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """The value of `func` and a function for products of its Jacobian with tangents.

    Args:
        func: function of tensors.
        primals: where to evaluate it.

    Returns:
        (value, jvp_fn).

    Example:
        >>> import rushlight as torch
        >>> y, push = torch.func.linearize(torch.sin, torch.tensor(0.0))
        >>> push(torch.tensor(3.0))
        tensor(3.)
    """
    return func(*primals), lambda *tangents: jvp(func, primals, tangents)[1]


def jacrev(
    func: Callable,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """A function that gives the Jacobian of `func`, one row after the other.

    Args:
        func: function of tensors.
        argnums: argument or arguments to differentiate. Default: 0.
        has_aux: func returns (value, anything else), which is handed on. Default: False.
        chunk_size: accepted.

    Returns:
        Function that returns tensors of shape output.shape + argument.shape.

    Example:
        >>> import rushlight as torch
        >>> torch.func.jacrev(lambda x: x * x)(torch.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        where = _picked(args, argnums, "jacrev")
        with _Recording():
            full, variables, spec = _with_variables(args, where)
            output = func(*full, **kwargs)
            aux = None
            if has_aux:
                output, aux = output
            outputs, out_spec = tree_flatten(output)
            blocks = []
            for out in outputs:
                per_variable = _rows(out, variables)
                chosen = tree_unflatten(per_variable, spec)
                blocks.append(chosen[0] if isinstance(argnums, int) else chosen)
        result = _released(tree_unflatten(blocks, out_spec), variables)
        return (result, _released(aux, variables)) if has_aux else result

    return wrapper


def _rows(output: Tensor, variables: list) -> list:
    flat = output.reshape([-1])
    rows = [_gradients([flat[i]], variables, None) for i in range(flat.numel())]
    shape = list(output.shape)
    return [
        _C.ops.stack([r[k] for r in rows]).reshape(shape + list(v.shape))
        if rows
        else v.new_zeros(shape + list(v.shape))
        for k, v in enumerate(variables)
    ]


def jacfwd(
    func: Callable,
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable:
    """A function that gives the Jacobian of `func`; the values of `jacrev`.

    Args:
        func: function of tensors.
        argnums: argument or arguments to differentiate. Default: 0.
        has_aux: func returns (value, anything else), which is handed on. Default: False.
        chunk_size, randomness: accepted.

    Returns:
        Function that returns tensors of shape output.shape + argument.shape.

    Example:
        >>> import rushlight as torch
        >>> torch.func.jacfwd(torch.sin)(torch.tensor(0.0))
        tensor(1.)
    """
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable, argnums: Any = 0) -> Callable:
    """A function that gives the second derivatives of `func`.

    Args:
        func: function of tensors.
        argnums: argument or arguments to differentiate. Default: 0.

    Returns:
        Function that returns tensors of shape output.shape + argument.shape + argument.shape.

    Example:
        >>> import rushlight as torch
        >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
