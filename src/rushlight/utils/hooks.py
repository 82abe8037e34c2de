"""Handles that remove hooks, and the machinery of a module's full backward hooks."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict

from .. import _C

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks", "BackwardHook"]


class RemovableHandle:
    """Removes one hook from the dict it was registered in; also a context manager that does so.

    Args:
        hooks_dict (dict): where the hook is stored under ``handle.id``.
        extra_dict (dict or list of dicts, optional): further dicts keyed by the same id.
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict, *, extra_dict=None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        if extra_dict is None:
            extra_dict = ()
        elif isinstance(extra_dict, dict):
            extra_dict = (extra_dict,)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra_dict)

    def remove(self) -> None:
        """Forget the hook; a second call does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state) -> None:
        hooks, self.id, *extra = state
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        extra = extra[0] if extra and extra[0] is not None else ()
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra if d is not None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc) -> None:
        self.remove()


def unserializable_hook(f):
    """Mark a tensor hook as knowingly left out of pickles (no warning then)."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor) -> None:
    """Warn about each hook of a tensor that pickling it would lose."""
    for hook in (tensor._backward_hooks or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, "
                "you can decorate the function with @torch.utils.hooks.unserializable_hook to "
                "suppress this warning",
                stacklevel=2,
            )


def _spread(indices, values, size):
    full = [None] * size
    for index, value in zip(indices, values):
        full[index] = value
    return tuple(full)


class BackwardHook:
    """Runs a module's full backward (pre) hooks around the part of the graph its forward made.

    An identity node is put after the outputs (it sees grad_output first) and one before the
    inputs (it sees grad_input last); the hooks fire on these nodes.
    """

    def __init__(self, module, user_hooks, user_pre_hooks) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs = None
        self.n_inputs = self.n_outputs = -1
        self.input_tensors_index = self.output_tensors_index = None

    def setup_input_hook(self, args):
        """Pass the inputs through the identity node; returns the inputs to call forward with."""
        result, self.input_tensors_index = self._through_node(self._on_grad_input, args)
        self.n_inputs = len(args)
        return result

    def setup_output_hook(self, result):
        """Pass the outputs through the identity node; returns what the call gives back."""
        outputs = result if isinstance(result, tuple) else (result,)
        hooked, self.output_tensors_index = self._through_node(self._on_grad_output, outputs)
        self.n_outputs = len(outputs)
        return hooked if isinstance(result, tuple) else hooked[0]

    def _through_node(self, on_grad, args):
        from ..nn.modules._functions import BackwardHookFunction

        where = [i for i, arg in enumerate(args) if isinstance(arg, _C.Tensor)]
        if not (_C.is_grad_enabled() and any(args[i].requires_grad for i in where)):
            return args, None
        hooked = BackwardHookFunction.apply(*[args[i] for i in where])
        if not isinstance(hooked, tuple):
            hooked = (hooked,)
        node = next((t.grad_fn for t in hooked if t.grad_fn is not None), None)
        if node is None:
            raise RuntimeError(
                "Cannot set Module backward hook for a Module with no input Tensors."
            )
        node.register_hook(on_grad)
        replaced = list(args)
        for index, value in zip(where, hooked):
            replaced[index] = value
        # A namedtuple is rebuilt from positional fields.
        out = tuple(replaced) if type(args) is tuple else type(args)(*replaced)
        return out, where

    def _on_grad_input(self, grad_input, _):
        if self.grad_outputs is None:  # the outputs took no part in this backward pass
            return None
        grads = _spread(self.input_tensors_index, grad_input, self.n_inputs)
        for hook in self.user_hooks:
            new = hook(self.module, grads, self.grad_outputs)
            if new is None:
                continue
            if len(new) != len(grads):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, got "
                    f"{len(new)}, but expected {len(grads)}"
                )
            grads = new
        self.grad_outputs = None
        return tuple(grads[i] for i in self.input_tensors_index)

    def _on_grad_output(self, _, grad_output):
        grads = _spread(self.output_tensors_index, grad_output, self.n_outputs)
        for hook in self.user_pre_hooks:
            new = hook(self.module, grads)
            if new is None:
                continue
            if len(new) != len(grads):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, got "
                    f"{len(new)}, but expected {len(grads)}"
                )
            grads = new
        self.grad_outputs = grads
        if self.input_tensors_index is None:
            self._fire_without_inputs()
        return tuple(grads[i] for i in self.output_tensors_index)

    def _fire_without_inputs(self):
        """No input requires a gradient: the hooks run now and see None for every grad_input."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients. See "
            "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=5,
        )
        nothing = (None,) * self.n_inputs
        for hook in self.user_hooks:
            new = hook(self.module, nothing, self.grad_outputs)
            if new is not None and not (isinstance(new, tuple) and all(g is None for g in new)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None
