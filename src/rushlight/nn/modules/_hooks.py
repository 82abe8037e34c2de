"""Module hooks: the global registries, the per-module registration, and calls that run them."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict

from ...utils.hooks import BackwardHook, RemovableHandle
from .._package import Tensor

_global_buffer_registration_hooks: dict = OrderedDict()
_global_module_registration_hooks: dict = OrderedDict()
_global_parameter_registration_hooks: dict = OrderedDict()

_global_backward_pre_hooks: dict = OrderedDict()
_global_backward_hooks: dict = OrderedDict()
_global_is_full_backward_hook: bool | None = None
_global_forward_pre_hooks: dict = OrderedDict()
_global_forward_hooks: dict = OrderedDict()
_global_forward_hooks_always_called: dict = OrderedDict()
_global_forward_hooks_with_kwargs: dict = OrderedDict()

_MIXED = (
    "Cannot use both regular backward hooks and full backward hooks {}. "
    "Please use only one of them."
)


def _register(hooks, hook, extra=None, prepend=False, flags=()):
    """Store ``hook`` under a new handle; ``flags`` are dicts that get a True under its id."""
    handle = RemovableHandle(hooks, extra_dict=extra)
    hooks[handle.id] = hook
    for flag in flags:
        flag[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_buffer_registration_hook(hook) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` whenever any module registers a buffer."""
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` whenever any module registers a submodule."""
    return _register(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook) -> RemovableHandle:
    """Call ``hook(module, name, param)`` whenever any module registers a parameter."""
    return _register(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module."""
    return _register(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args[, kwargs], output)`` after the forward of every module."""
    always, kwargs = _global_forward_hooks_always_called, _global_forward_hooks_with_kwargs
    flags = [kwargs] * with_kwargs + [always] * always_call
    return _register(_global_forward_hooks, hook, [always, kwargs], flags=flags)


def _claim_global_kind(full: bool) -> None:
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is not None and _global_is_full_backward_hook is not full:
        raise RuntimeError(_MIXED.format("as a global Module hook"))
    _global_is_full_backward_hook = full


def register_module_backward_hook(hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` in every module's backward (old form)."""
    _claim_global_kind(False)
    return _register(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before every module's backward."""
    return _register(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` in every module's backward."""
    _claim_global_kind(True)
    return _register(_global_backward_hooks, hook)


def _has_any_global_hook():
    return (
        _global_backward_pre_hooks
        or _global_backward_hooks
        or _global_forward_pre_hooks
        or _global_forward_hooks
        or _global_forward_hooks_always_called
        or _global_forward_hooks_with_kwargs
    )


class _WrappedHook:
    """A hook together with a weak reference to the module it is to be given."""

    def __init__(self, hook, module=None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if self.with_module:
            self.module = weakref.ref(module)

    def __call__(self, *args, **kwargs):
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict:
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict) -> None:
        self.hook = state["hook"]
        self.with_module = state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


class HookMixin:
    """Registration of a module's own hooks and the call that runs them."""

    def register_forward_pre_hook(
        self, hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args)`` before ``forward``; what it returns replaces the arguments.

        Args:
            hook: with ``with_kwargs`` it is called ``hook(module, args, kwargs)`` and may return
                a new ``(args, kwargs)`` pair.
            prepend (bool): run it before the hooks already registered.
            with_kwargs (bool): also pass the keyword arguments.

        Returns:
            A handle whose ``remove()`` unregisters the hook.
        """
        extra = self._forward_pre_hooks_with_kwargs
        return _register(self._forward_pre_hooks, hook, extra, prepend, [extra] * with_kwargs)

    def register_forward_hook(
        self,
        hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Run ``hook(module, args, output)`` after ``forward``; what it returns replaces the output.

        Args:
            hook: with ``with_kwargs`` it is called ``hook(module, args, kwargs, output)``.
            prepend (bool): run it before the hooks already registered.
            with_kwargs (bool): also pass the keyword arguments.
            always_call (bool): run it even when ``forward`` raises.

        Returns:
            A handle whose ``remove()`` unregisters the hook.

        Example::

            >>> import rushlight as torch
            >>> layer = torch.nn.Linear(2, 3)
            >>> handle = layer.register_forward_hook(lambda m, args, out: print(out.shape))
            >>> y = layer(torch.ones(1, 2))
            torch.Size([1, 3])
            >>> handle.remove()
        """
        kwargs, always = self._forward_hooks_with_kwargs, self._forward_hooks_always_called
        flags = [kwargs] * with_kwargs + [always] * always_call
        return _register(self._forward_hooks, hook, [kwargs, always], prepend, flags)

    def register_full_backward_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_output)`` before the module's backward; a result replaces it."""
        return _register(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` once both are known; a result replaces grad_input."""
        self._claim_backward_kind(True)
        return _register(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook) -> RemovableHandle:
        """The old form of ``register_full_backward_hook``: sees the last operator of forward only."""
        self._claim_backward_kind(False)
        return _register(self._backward_hooks, hook)

    def _claim_backward_kind(self, full: bool) -> None:
        kind = self._is_full_backward_hook
        if kind is not None and kind is not full:
            raise RuntimeError(_MIXED.format("on a single Module"))
        self._is_full_backward_hook = full

    def _get_backward_hooks(self):
        full: list = []
        plain: list = []
        for kind, hooks in (
            (_global_is_full_backward_hook, _global_backward_hooks),
            (self._is_full_backward_hook, self._backward_hooks),
        ):
            if kind is not None:
                (full if kind else plain).extend(hooks.values())
        return full, plain

    def _get_backward_pre_hooks(self):
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _run_forward_pre_hooks(self, args, kwargs):
        hooks = (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items())
        for key, hook in hooks:
            if key in self._forward_pre_hooks_with_kwargs:
                result = hook(self, args, kwargs)
                if result is None:
                    continue
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {result}."
                    )
                args, kwargs = result
            else:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)
        return args, kwargs

    def _run_forward_hook(self, key, hook, args, kwargs, result):
        if key in self._forward_hooks_with_kwargs or key in _global_forward_hooks_with_kwargs:
            new = hook(self, args, kwargs, result)
        else:
            new = hook(self, args, result)
        return result if new is None else new

    def _call_with_hooks(self, args, kwargs):
        """``__call__`` of a module on which some hook (its own or a global one) is set."""
        seen = _HookedCall(self, args, kwargs)
        try:
            return seen.run()
        except Exception:
            seen.run_always_called()
            raise

    def _maybe_warn_non_full_backward_hook(self, inputs, result, grad_fn) -> None:
        text = _describe_partial_hook(inputs, result, grad_fn)
        if text is not None:
            warnings.warn(text, FutureWarning, stacklevel=2)


class _HookedCall:
    """One call of a hooked module; keeps what the always-called hooks need if it fails."""

    def __init__(self, module, args, kwargs) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result = None
        self.called: set = set()

    def run(self):
        module = self.module
        full: list = []
        plain: list = []
        pre = module._get_backward_pre_hooks()
        if module._backward_hooks or _global_backward_hooks:
            full, plain = module._get_backward_hooks()
        if _global_forward_pre_hooks or module._forward_pre_hooks:
            self.args, self.kwargs = module._run_forward_pre_hooks(self.args, self.kwargs)
        around = None
        if full or pre:
            around = BackwardHook(module, full, pre)
            self.args = around.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self._run_forward_hooks()
        if around is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    f"of Tensors but received {type(self.result)}",
                    stacklevel=2,
                )
            self.result = around.setup_output_hook(self.result)
        if plain:
            self._hang_plain_backward_hooks(plain)
        return self.result

    def _run_forward_hooks(self) -> None:
        module = self.module
        always = (module._forward_hooks_always_called, _global_forward_hooks_always_called)
        for key, hook in (*_global_forward_hooks.items(), *module._forward_hooks.items()):
            if any(key in flags for flags in always):
                self.called.add(key)
            self.result = module._run_forward_hook(key, hook, self.args, self.kwargs, self.result)

    def _hang_plain_backward_hooks(self, hooks) -> None:
        first = self.result
        while not isinstance(first, Tensor):
            if isinstance(first, dict):
                first = next(v for v in first.values() if isinstance(v, Tensor))
            else:
                first = first[0]
        node = first.grad_fn
        if node is not None:
            for hook in hooks:
                node.register_hook(_WrappedHook(hook, self.module))
            self.module._maybe_warn_non_full_backward_hook(self.args, self.result, node)

    def run_always_called(self) -> None:
        """After an error: the hooks that run regardless, except those that ran already."""
        module = self.module
        for label, hooks, always in (
            ("global module", _global_forward_hooks, _global_forward_hooks_always_called),
            ("module", module._forward_hooks, module._forward_hooks_always_called),
        ):
            for key, hook in hooks.items():
                if key not in always or key in self.called:
                    continue
                try:
                    self.result = module._run_forward_hook(
                        key, hook, self.args, self.kwargs, self.result
                    )
                except Exception as error:
                    warnings.warn(
                        f"{label} forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {error}",
                        stacklevel=2,
                    )


def _all_tensors(value):
    """``value`` as a tuple of tensors, or None if it is anything else."""
    if isinstance(value, Tensor):
        return (value,)
    if isinstance(value, tuple) and all(isinstance(v, Tensor) for v in value):
        return value
    return None


def _describe_partial_hook(inputs, result, grad_fn) -> str | None:
    """Why an old-style backward hook will not see all gradients, or None if it will."""
    partial = "Using a non-full backward hook when "
    advice = " Please use register_full_backward_hook to get the documented behavior."
    structure = (
        "Using non-full backward hooks on a Module that does not {} a single Tensor or a tuple of "
        "Tensors is deprecated and will be removed in future versions. This hook will be missing "
        "some of the {}."
    )
    deprecated = " is deprecated and will be removed in future versions. "
    outputs = _all_tensors(result)
    if outputs is None:
        return structure.format("return", "grad_output") + advice
    inputs = _all_tensors(inputs)
    if inputs is None:
        return structure.format("take as input", "grad_input") + advice
    nodes = {t.grad_fn for t in outputs if t.grad_fn is not None}
    missing = "This hook will be missing some "
    if len(nodes) > 1:
        what = "outputs are generated by different autograd Nodes"
        return f"{partial}{what}{deprecated}{missing}grad_output.{advice}"
    if grad_fn not in nodes:
        what = "outputs are nested in python data structure"
        return f"{partial}{what}{deprecated}{missing}grad_output."
    before = {t.grad_fn for t in inputs if t.grad_fn is not None}
    if before != {edge[0] for edge in grad_fn.next_functions}:
        what = "the forward contains multiple autograd Nodes"
        return f"{partial}{what}{deprecated}{missing}grad_input.{advice}"
    return None
