"""Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C
from ._backward import grad

__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]

Tensor = _C.Tensor


def _as_tuple(value: Any, what: str, fn: str) -> tuple[bool, tuple]:
    many = isinstance(value, tuple)
    values = value if many else (value,)
    for index, v in enumerate(values):
        if not isinstance(v, Tensor):
            if many:
                raise TypeError(
                    f"The {what} given to {fn} must be either a Tensor or a tuple of Tensors but the value at index "
                    f"{index} has type {type(v)}."
                )
            raise TypeError(
                f"The {what} given to {fn} must be either a Tensor or a tuple of Tensors but the given {what} has type "
                f"{type(v)}."
            )
    return many, values


def _fresh(inputs: tuple, create_graph: bool) -> tuple:
    """Inputs to differentiate by that are not the caller's own tensors."""
    if create_graph:
        return tuple(
            x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs
        )
    return tuple(x.detach().requires_grad_() for x in inputs)


def _call(func: Callable, inputs: tuple, fn: str) -> tuple[bool, tuple]:
    was_on = _C.is_grad_enabled()
    _C.set_grad_enabled(True)
    try:
        return _as_tuple(func(*inputs), "outputs of the user-provided function", fn)
    finally:
        _C.set_grad_enabled(was_on)


def _check_strict(outputs: tuple, strict: bool, what: str) -> None:
    if not strict:
        return
    for index, o in enumerate(outputs):
        if not o.requires_grad:
            raise RuntimeError(
                f"Output {index} of the user-provided function does not require gradients. The outputs must be "
                f"computed in a differentiable manner from the input when running in strict mode. ({what})"
            )


def _check_vector(v: Any, like: tuple, many: bool, fn: str) -> tuple:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
                if fn == "vjp"
                else "The vector v can only be None if the input to the user-provided function is a single Tensor with a "
                "single element."
            )
        return (_C.ops.ones_like(like[0]),)
    _, values = _as_tuple(v, "v", fn)
    if len(values) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(values)}."
        )
    for index, (a, b) in enumerate(zip(values, like)):
        if a.shape != b.shape:
            where = f"Entry {index} in v" if many else "v"
            raise RuntimeError(f"{where} has invalid size: should be {b.shape} but got {a.shape}.")
    return values


def _run(outputs, inputs, starts, create_graph, strict=False, keep=None) -> tuple:
    """Gradients with zeros where an input plays no part."""
    pairs = [(o, s) for o, s in zip(outputs, starts) if o.requires_grad]
    if not pairs:
        found: tuple = (None,) * len(inputs)
    else:
        was_on = _C.is_grad_enabled()
        _C.set_grad_enabled(True)
        try:
            found = grad(
                [o for o, _ in pairs],
                list(inputs),
                [s for _, s in pairs],
                retain_graph=keep,
                create_graph=create_graph,
                allow_unused=True,
            )
        finally:
            _C.set_grad_enabled(was_on)
    if strict:
        for index, g in enumerate(found):
            if g is None:
                raise RuntimeError(
                    f"The output of the user-provided function is independent of input {index}. This is not allowed in "
                    "strict mode."
                )
    return tuple(_C.ops.zeros_like(x) if g is None else g for g, x in zip(found, inputs))


def _finish(values: tuple, many: bool, create_graph: bool):
    if not create_graph:
        values = tuple(v.detach() for v in values)
    return values if many else values[0]


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
):
    """The outputs of `func` and the product of `v` with its Jacobian.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: tensor or tuple of tensors.
        v: shaped like the outputs; may be left out for one element.
        create_graph: make the results differentiable. Default: False.
        strict: raise where an output does not depend on an input. Default: False.

    Returns:
        (outputs, vjp), vjp shaped like the inputs.

    Example:
        >>> import rushlight as torch
        >>> torch.autograd.functional.vjp(lambda x: x * 3, torch.ones(2), torch.tensor([1.0, 2.0]))[1]
        tensor([3., 6.])
    """
    many_in, inputs = _as_tuple(inputs, "inputs", "vjp")
    inputs = _fresh(inputs, create_graph)
    many_out, outputs = _call(func, inputs, "vjp")
    _check_strict(outputs, strict, "vjp")
    starts = _check_vector(v, outputs, many_out, "vjp")
    found = _run(outputs, inputs, starts, create_graph, strict)
    return _finish(outputs, many_out, create_graph), _finish(found, many_in, create_graph)


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
):
    """The outputs of `func` and the product of its Jacobian with `v`, by differentiating twice.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: tensor or tuple of tensors.
        v: shaped like the inputs; may be left out for one element.
        create_graph: make the results differentiable. Default: False.
        strict: raise where an output does not depend on an input. Default: False.

    Returns:
        (outputs, jvp), jvp shaped like the outputs.

    Example:
        >>> import rushlight as torch
        >>> torch.autograd.functional.jvp(lambda x: x * 3, torch.ones(2), torch.tensor([1.0, 2.0]))[1]
        tensor([3., 6.])
    """
    many_in, inputs = _as_tuple(inputs, "inputs", "jvp")
    directions = _check_vector(v, inputs, many_in, "jvp")
    inputs = _fresh(inputs, create_graph)
    many_out, outputs = _call(func, inputs, "jvp")
    _check_strict(outputs, strict, "jvp")
    # The vjp is linear in its seed; its gradient with respect to the seed is the jvp.
    seeds = tuple(_C.ops.zeros_like(o).requires_grad_() for o in outputs)
    backward = _run(outputs, inputs, seeds, True, strict)
    found = _run(backward, seeds, directions, create_graph)
    return _finish(outputs, many_out, create_graph), _finish(found, many_out, create_graph)


def _jacobian_of(output: Tensor, inputs: tuple, create_graph: bool, strict: bool) -> tuple:
    rows = []
    eye = _C.ops.zeros((output.numel(),), dtype=output.dtype)
    for j in range(output.numel()):
        start = eye.clone()
        start[j] = 1
        rows.append(
            _run((output,), inputs, (start.reshape(output.shape),), create_graph, strict, True)
        )
    if not rows:
        return tuple(_C.ops.zeros((*output.shape, *x.shape), dtype=x.dtype) for x in inputs)
    return tuple(
        _C.ops.stack([row[i] for row in rows]).reshape((*output.shape, *x.shape))
        for i, x in enumerate(inputs)
    )


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
):
    """The Jacobian of `func`: one block for every output and input.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: tensor or tuple of tensors.
        create_graph: make the result differentiable. Default: False.
        strict: raise where an output does not depend on an input. Default: False.
        vectorize: accepted; makes no difference.
        strategy: "reverse-mode" or "forward-mode" (which computes the same). Default: "reverse-mode".

    Returns:
        Block [i][j] of shape output_i.shape + input_j.shape; outer tuples only where the function returns or takes one.

    Example:
        >>> import rushlight as torch
        >>> torch.autograd.functional.jacobian(lambda x: x ** 2, torch.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
            'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    many_in, inputs = _as_tuple(inputs, "inputs", "jacobian")
    inputs = _fresh(inputs, create_graph)
    many_out, outputs = _call(func, inputs, "jacobian")
    _check_strict(outputs, strict, "jacobian")
    blocks = tuple(
        _finish(_jacobian_of(o, inputs, create_graph, strict), many_in, create_graph)
        for o in outputs
    )
    return blocks if many_out else blocks[0]


def _scalar_output(func: Callable, fn: str) -> Callable:
    def checked(*args):
        out = func(*args)
        many, values = _as_tuple(out, "outputs of the user-provided function", fn)
        if many or values[0].numel() != 1:
            raise RuntimeError(
                f"The function given to {fn} should return a single Tensor"
                if many
                else f"The Tensor returned by the function given to {fn} should contain a single element"
            )
        return values[0].reshape(())

    return checked


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
):
    """The matrix of second derivatives of a scalar function.

    Args:
        func: takes tensors, returns a tensor with one element.
        inputs: tensor or tuple of tensors.
        create_graph: make the result differentiable. Default: False.
        strict: raise where the output does not depend on an input. Default: False.
        vectorize, outer_jacobian_strategy: accepted; make no difference.

    Returns:
        Block [i][j] of shape input_i.shape + input_j.shape; a tensor if inputs is one.

    Example:
        >>> import rushlight as torch
        >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    many, _ = _as_tuple(inputs, "inputs", "hessian")
    scalar = _scalar_output(func, "hessian")

    def first(*args):
        return _run(
            (scalar(*args),), args, (_C.ops.ones_like(args[0].new_empty(())),), True, strict
        )

    blocks = jacobian(first, inputs, create_graph, strict)
    return blocks if many else blocks[0]


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
):
    """The value of a scalar function and the product of `v` with its Hessian.

    Args:
        func: takes tensors, returns a tensor with one element.
        inputs: tensor or tuple of tensors.
        v: shaped like the inputs; may be left out for one element.
        create_graph: make the results differentiable. Default: False.
        strict: raise where the output does not depend on an input. Default: False.

    Returns:
        (output, vhp), vhp shaped like the inputs.

    Example:
        >>> import rushlight as torch
        >>> torch.autograd.functional.vhp(lambda x: (x ** 3).sum(), torch.ones(2), torch.ones(2))[1]
        tensor([6., 6.])
    """
    many, inputs = _as_tuple(inputs, "inputs", "vhp")
    vector = _check_vector(v, inputs, many, "vhp")
    inputs = _fresh(inputs, create_graph)
    _, (output,) = _call(_scalar_output(func, "vhp"), inputs, "vhp")
    _check_strict((output,), strict, "vhp")
    first = _run((output,), inputs, (_C.ops.ones_like(output),), True, strict)
    found = _run(first, inputs, vector, create_graph, strict)
    return _finish((output,), False, create_graph), _finish(found, many, create_graph)


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
):
    """The value of a scalar function and the product of its Hessian with `v`; see `vhp`, which is cheaper.

    Args:
        func: takes tensors, returns a tensor with one element.
        inputs: tensor or tuple of tensors.
        v: shaped like the inputs; may be left out for one element.
        create_graph: make the results differentiable. Default: False.
        strict: raise where the output does not depend on an input. Default: False.

    Returns:
        (output, hvp), hvp shaped like the inputs.

    Example:
        >>> import rushlight as torch
        >>> torch.autograd.functional.hvp(lambda x: (x ** 3).sum(), torch.ones(2), torch.ones(2))[1]
        tensor([6., 6.])
    """
    # The Hessian is symmetric wherever autograd can compute it.
    return vhp(func, inputs, v, create_graph, strict)
