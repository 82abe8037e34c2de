"""Functions with a hand-written gradient."""

from __future__ import annotations

import warnings
from typing import Any

from .. import _C

__all__ = ["Function", "FunctionCtx", "NestedIOFunction", "once_differentiable", "InplaceFunction"]

Tensor = _C.Tensor


class FunctionCtx:
    """What `forward` and `backward` of a Function share."""

    def save_for_backward(self, *tensors) -> None:
        """Keep tensors for backward; they come back as `ctx.saved_tensors`."""
        self.to_save = tensors

    def save_for_forward(self, *tensors) -> None:
        self.saved_for_forward = tensors

    def mark_dirty(self, *args) -> None:
        """Say which inputs forward changed in place."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args) -> None:
        """Say which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients reach backward as zeros (default) or None."""
        self.materialize_grads = value


class _Recorded(_C._FunctionBase, FunctionCtx):
    """What a context is once it is a node, and what torch shows on the Function class too."""

    materialize_grads = True
    to_save: Any = None
    saved_for_forward: Any = None
    dirty_tensors: Any = None
    non_differentiable: Any = None
    # Which arguments required grad in forward. The backward under way plays no part, whatever its
    # `inputs` are; programs may assign it.
    needs_input_grad: Any = None

    @property
    def saved_tensors(self) -> tuple:
        saved = self._saved_tensors  # type: ignore[attr-defined]
        return tuple(self.to_save or ()) if saved is None else saved

    @property
    def saved_variables(self) -> tuple:
        warnings.warn(
            "'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2
        )
        return self.saved_tensors

    def register_hook(self, hook):
        from .._tensor import _HookHandle

        return _HookHandle(_C._add_node_hook(self, hook, True))

    def register_prehook(self, hook):
        from .._tensor import _HookHandle

        return _HookHandle(_C._add_node_hook(self, hook, False))


class BackwardCFunction(_Recorded):
    """Base of the context classes; instances are graph nodes."""

    _forward_cls: type
    _argument_count: int

    def apply(self, *grads):
        """Run the user's backward: one entry for each argument of forward."""
        cls = self._forward_cls
        backward_fn = cls.backward
        vjp = cls.vjp
        if backward_fn is not Function.backward and vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed."
            )
        user = backward_fn if backward_fn is not Function.backward else vjp
        result = user(self, *grads)
        if not isinstance(result, tuple):
            result = (result,)
        count = self._argument_count
        if len(result) > count and all(r is None for r in result[count:]):
            result = result[:count]
        if len(result) != count:
            raise RuntimeError(
                f"function {type(self).__name__} returned an incorrect number of gradients (expected {count}, got {len(result)})"
            )
        return result


class _FunctionMeta(type):
    def __init__(cls, name, bases, attrs) -> None:
        context = type(name + "Backward", (BackwardCFunction,), {"_forward_cls": cls})
        context.__module__ = __name__  # as torch, wherever the function was written
        cls._backward_cls = context
        super().__init__(name, bases, attrs)


class Function(_Recorded, metaclass=_FunctionMeta):
    """An operation with its own forward and backward.

    Subclass it, write the static methods `forward(ctx, *args)` and `backward(ctx, *grads)` (or `forward(*args)`
    and `setup_context(ctx, inputs, output)`), and call `.apply(*args)`.

    Example:
        >>> import rushlight as torch
        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         return grad * 2
        >>> x = torch.ones(1, requires_grad=True)
        >>> Double.apply(x).backward()
        >>> x.grad
        tensor([2.])
    """

    _backward_cls: type
    generate_vmap_rule = False

    def __init__(self, *args, **kwargs) -> None:
        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future version "
            "of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
            "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the result. Must be overridden."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Fill ctx when forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Compute the gradients of the inputs. Must be overridden (or vjp)."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info, in_dims, *args):
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record the function."""
        ctx = cls._backward_cls()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        ctx._argument_count = len(args)
        wanted = any(ctx.needs_input_grad)
        recording = _C.is_grad_enabled()
        separate = cls.setup_context is not Function.setup_context
        _C.set_grad_enabled(False)
        try:
            if separate:
                raw = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, raw)
            else:
                raw = cls.forward(ctx, *args, **kwargs)
        finally:
            _C.set_grad_enabled(recording)
        single = not isinstance(raw, tuple)
        flat = (raw,) if single else raw
        tensors = tuple(o if isinstance(o, Tensor) else None for o in flat)
        wrapped = _C._attach_function(
            ctx,
            cls._backward_cls.__name__,
            tuple(a if isinstance(a, Tensor) else None for a in args),
            tensors,
            tuple(ctx.dirty_tensors or ()),
            tuple(ctx.non_differentiable or ()),
            tuple(ctx.to_save or ()),
            ctx.materialize_grads,
        )
        if recording and wanted:
            ctx.to_save = None  # kept by the graph from here on
        result = tuple(o if t is None else w for o, t, w in zip(flat, tensors, wrapped))
        return result[0] if single else result


def once_differentiable(fn):
    """Decorate a backward that cannot itself be differentiated.

    Args:
        fn: the backward static method.

    Returns:
        A function that runs `fn` without recording; differentiating its result raises.
    """
    import functools

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        recording = _C.is_grad_enabled()
        _C.set_grad_enabled(False)
        try:
            outputs = fn(ctx, *args)
        finally:
            _C.set_grad_enabled(recording)
        if not recording or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        many = isinstance(outputs, tuple)
        values = outputs if many else (outputs,)
        marked = tuple(
            _NoSecondDerivative.apply(v, *[a for a in args if isinstance(a, Tensor)])
            if isinstance(v, Tensor)
            else v
            for v in values
        )
        return marked if many else marked[0]

    return wrapper


class _NoSecondDerivative(Function):
    @staticmethod
    def forward(ctx, value, *sources):
        return value.clone()

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


class InplaceFunction(Function):
    """Kept for old programs."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class NestedIOFunction(Function):
    """Kept for old programs."""
