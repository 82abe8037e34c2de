"""Activation checkpointing: compute parts of forward again in backward instead of keeping their results."""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from .. import _C
from ..autograd import Function, backward, graph
from ..autograd.grad_mode import enable_grad, no_grad

__all__ = [
    "checkpoint",
    "checkpoint_sequential",
    "CheckpointError",
    "CheckpointFunction",
    "check_backward_validity",
    "detach_variable",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
]

Tensor = _C.Tensor


class CheckpointError(RuntimeError):
    """The recomputation did not do what forward did."""


def noop_context_fn():
    """Context managers that do nothing, for forward and recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None):
    """Accepted; errors always carry what is known."""
    yield


def detach_variable(inputs: tuple) -> tuple:
    """Copies without history that require grad where the originals do."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type:  {type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs
    )


def check_backward_validity(inputs) -> None:
    """Warn if nothing can flow through a reentrant checkpoint."""
    if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


def get_device_states(*args) -> tuple[list[int], list[Tensor]]:
    """The devices of tensors and the states of their generators: those of accelerators, of which there are none."""
    return [], []


def set_device_states(devices, states, *, device_type: str | None = None) -> None:
    """Give the generators of devices back what `get_device_states` returned.

    Raises:
        RuntimeError: a device is named; this build has none beside the CPU.
    """
    if list(devices):
        raise RuntimeError(
            "Cannot access accelerator device when none is available.\n"
            f"set_device_states: got states of the devices {list(devices)}"
        )


def _random_state():
    from .. import random

    return random.get_rng_state()


@contextlib.contextmanager
def _with_random_state(state):
    """Run with the random numbers of forward, then go on where the program was."""
    if state is None:
        yield
        return
    from .. import random

    now = random.get_rng_state()
    random.set_rng_state(state)
    try:
        yield
    finally:
        random.set_rng_state(now)


class CheckpointFunction(Function):
    """The reentrant form: forward without a graph, and a backward inside backward."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.state = _random_state() if preserve_rng_state else None
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.inputs = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        inputs = list(ctx.inputs)
        for i, t in zip(ctx.places, ctx.saved_tensors):
            inputs[i] = t
        detached = detach_variable(tuple(inputs))
        with _with_random_state(ctx.state), enable_grad():
            outputs = ctx.run_function(*detached)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        pairs = [
            (o, g) for o, g in zip(outputs, grads) if isinstance(o, Tensor) and o.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in detached))


class _EnoughRecomputed(Exception):
    pass


class _Place:
    """Stands in the graph for a tensor that was not kept; the recomputation puts it here.

    It goes, with the tensor, when the graph drops it.
    """

    __slots__ = ("value", "__weakref__")

    def __init__(self) -> None:
        self.value: Any = None


def _describe(tensor: Tensor) -> tuple:
    return tuple(tensor.shape), tensor.dtype, tensor.device


class _Frame:
    """One checkpointed call: what forward would have saved, and what recomputation brings back."""

    def __init__(self, run: Callable, early_stop: bool, check: str) -> None:
        self.run, self.early_stop, self.check = run, early_stop, check
        self.places: list = []  # (weak reference to the place, description) in order of saving

    def pack(self, tensor: Tensor) -> _Place:
        place = _Place()
        self.places.append((weakref.ref(place), _describe(tensor)))
        return place

    def unpack(self, place: _Place) -> Tensor:
        if place.value is None:
            self._recompute()
        return place.value

    def _recompute(self) -> None:
        found: list = []

        def keep(tensor: Tensor) -> Tensor:
            found.append(tensor.detach())
            if self.early_stop and len(found) == len(self.places):
                raise _EnoughRecomputed
            return found[-1]

        with enable_grad(), contextlib.suppress(_EnoughRecomputed):
            with graph.saved_tensors_hooks(keep, lambda kept: kept):
                self.run()
        if len(found) != len(self.places):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.places)}\n"
                f"Number of tensors saved during recomputation: {len(found)}"
            )
        for index, (reference, before) in enumerate(self.places):
            now = _describe(found[index])
            if self.check != "none" and now != before:
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                    f"during the forward pass.\ntensor at position {index}:\nsaved metadata: {before}\n"
                    f"recomputed metadata: {now}"
                )
            place = reference()
            if place is not None:
                place.value = found[index]


def _without_reentry(function, args, kwargs, preserve, context_fn, early_stop, check):
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    around_forward, around_again = context_fn()
    state = _random_state() if preserve else None

    def again() -> None:
        with _with_random_state(state), around_again:
            function(*args, **kwargs)

    frame = _Frame(again, early_stop, check)
    with graph.saved_tensors_hooks(frame.pack, frame.unpack), around_forward:
        return function(*args, **kwargs)


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
):
    """Call `function(*args)` without keeping what its backward needs; backward calls it again.

    Args:
        function: what to call.
        args: its arguments.
        use_reentrant: True runs a backward inside backward (then gradients flow through tensor arguments only);
            False uses saved-tensor hooks and is the better choice. Default: False, with a warning.
        context_fn: returns two context managers, for forward and recomputation. Only with use_reentrant=False.
        determinism_check: "default" compares the recomputed tensors' shapes and dtypes, "none" does not.
        debug: accepted.
        early_stop: end the recomputation once everything needed is there. Default: True.
        kwargs: preserve_rng_state (default True: the recomputation sees forward's random numbers); others go to
            `function`, only with use_reentrant=False.

    Returns:
        What `function` returns.

    Example:
        >>> import rushlight as torch
        >>> from rushlight.utils.checkpoint import checkpoint
        >>> x = torch.ones(2, requires_grad=True)
        >>> checkpoint(torch.exp, x, use_reentrant=False).sum().backward()
        >>> x.grad
        tensor([2.7183, 2.7183])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
            "recommended, and used here.",
            stacklevel=2,
        )
        use_reentrant = False
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return _without_reentry(
            function, args, kwargs, preserve, context_fn, early_stop, determinism_check
        )
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve, *args)


def checkpoint_sequential(functions, segments: int, input, use_reentrant=None, **kwargs):
    """Checkpoint a sequential model in `segments` parts; the last part runs as usual.

    Args:
        functions: a Sequential or a list of modules or functions.
        segments: number of parts.
        input: input of the first one.
        use_reentrant: see `checkpoint`.
        kwargs: preserve_rng_state.

    Returns:
        Output of the last one.
    """
    if use_reentrant is None:
        use_reentrant = False
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def part(start: int, end: int) -> Callable:
        def run(x):
            for step in steps[start:end]:
                x = step(x)
            return x

        return run

    size = len(steps) // segments
    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(
            part(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return part(end, len(steps))(input)
