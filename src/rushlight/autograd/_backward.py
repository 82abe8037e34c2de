"""backward() and grad(): running the graph."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .. import _C
from .._notes import noted

Tensor = _C.Tensor


def _as_tuple(value: Any) -> tuple:
    if value is None:
        return ()
    if isinstance(value, Tensor) or hasattr(value, "output_nr"):  # or a GradientEdge
        return (value,)
    return tuple(value)


def explain(error: RuntimeError, tensors: tuple) -> None:
    """Add a note to an error of the engine: what to do about it."""
    note = _explanation(error, tensors)
    if note:
        noted(error, note)


def _explanation(error: RuntimeError, tensors: tuple) -> str | None:
    text = str(error)
    if "does not require grad" in text and not all(t.requires_grad for t in tensors):
        if not _C.is_grad_enabled():
            return "backward: gradients are off here: leave the torch.no_grad() block"
        return (
            "backward: the output was not recorded: it was computed under torch.no_grad(), from detached tensors, "
            "or no input has requires_grad=True"
        )
    if "backward through the graph a second time" in text:
        return (
            "backward: compute the loss anew before each backward(); detach() a state carried over from an earlier step; "
            "to use one graph twice, pass retain_graph=True to the first call"
        )
    if "modified by an inplace operation" in text:
        return (
            "backward: a value that a derivative needs was overwritten: write y = y + 1 instead of y += 1 or y.add_(1), "
            "or change y.clone(); a parameter is overwritten by optimizer.step(), so call that after backward()"
        )
    return None


def _run(tensors, grads, keep_graph, create_graph, inputs, accumulate, allow_unused):
    try:
        return _C._run_backward(
            tensors, grads, keep_graph, create_graph, inputs, accumulate, allow_unused
        )
    except RuntimeError as error:
        explain(error, tensors)
        raise


def backward(
    tensors,
    grad_tensors=None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables=None,
    inputs=None,
) -> None:
    """Accumulate the gradients of `tensors` into the leaves they were computed from.

    Args:
        tensors: tensor or tensors to differentiate.
        grad_tensors: gradients with respect to them; may be left out for one-element tensors.
        retain_graph: keep what the graph saved, for another backward. Default: the value of create_graph.
        create_graph: record the backward itself, for higher derivatives. Default: False.
        grad_variables: old name of grad_tensors.
        inputs: leaves to accumulate into; default: all.

    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.autograd.backward(x * x)
        >>> x.grad
        tensor(6.)
    """
    if grad_variables is not None:
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is None:
            grad_tensors = grad_variables
        else:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
                "`grad_tensors`."
            )
    tensors = _as_tuple(tensors)
    grads = _as_tuple(grad_tensors) if grad_tensors is not None else (None,) * len(tensors)
    if len(grads) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grads)} gradients")
    targets = None
    if inputs is not None:
        targets = _as_tuple(inputs)
        if not targets:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    _run(tensors, grads, bool(keep), bool(create_graph), targets, targets is not None, True)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of `outputs` with respect to `inputs`, without touching `.grad`.

    Args:
        outputs: tensor or tensors to differentiate.
        inputs: tensor or tensors to differentiate by.
        grad_outputs: gradients with respect to the outputs; may be left out for one-element tensors.
        retain_graph: keep what the graph saved. Default: the value of create_graph.
        create_graph: record the computation, for higher derivatives. Default: False.
        only_inputs: accepted for old programs.
        allow_unused: None in the result for inputs that play no part, instead of an error.
        is_grads_batched: grad_outputs carry a leading batch dimension: one backward for each.
        materialize_grads: zeros instead of None for unused inputs.

    Returns:
        Tuple of tensors, one for each input.

    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> torch.autograd.grad(x ** 3, x)
        (tensor(12.),)
    """
    outputs_ = _as_tuple(outputs)
    inputs_ = _as_tuple(inputs)
    if not inputs_:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if materialize_grads:
        if allow_unused is False:
            raise ValueError(
                "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
            )
        allow_unused = True
    grads: Sequence = (
        _as_tuple(grad_outputs) if grad_outputs is not None else (None,) * len(outputs_)
    )
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        count = grads[0].shape[0]
        rows = [
            grad(
                outputs_,
                inputs_,
                [g[i] for g in grads],
                True if i + 1 < count else keep,
                create_graph,
                True,
                allow_unused,
            )
            for i in range(count)
        ]
        return tuple(
            None if column[0] is None else _C.ops.stack(list(column)) for column in zip(*rows)
        )
    result = _run(
        outputs_, tuple(grads), bool(keep), bool(create_graph), inputs_, False, bool(allow_unused)
    )
    if materialize_grads:
        result = tuple(
            _C.ops.zeros_like(
                x,
            )
            if g is None
            else g
            for g, x in zip(result, inputs_)
        )
    return result
