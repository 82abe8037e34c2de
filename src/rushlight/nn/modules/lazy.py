"""Modules whose parameter shapes the first input decides."""

from __future__ import annotations

import itertools

from .._package import rl
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Turns a layer into its lazy form; put it before the layer in the list of bases.

    A subclass sets ``cls_to_become``, creates uninitialized parameters in its constructor and
    implements ``initialize_parameters(*args, **kwargs)``, called with the first input.
    """

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        transient = self._non_persistent_buffers_set
        buffers = ((k, v) for k, v in self._buffers.items() if k not in transient)
        for name, value in itertools.chain(self._parameters.items(), buffers):
            if value is not None:
                plain = keep_vars or is_lazy(value)
                destination[prefix + name] = value if plain else value.detach()

    def _lazy_load_hook(self, state_dict, prefix, *_):
        """Before loading: give every uninitialized tensor the shape the state dict has for it."""
        for name, value in itertools.chain(self._parameters.items(), self._buffers.items()):
            key = prefix + name
            if value is None or key not in state_dict:
                continue
            if is_lazy(value) and not is_lazy(state_dict[key]):
                with rl.no_grad():
                    value.materialize(state_dict[key].shape)

    def initialize_parameters(self, *args, **kwargs):
        """Materialize the parameters to fit the given input; every subclass has its own."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def _infer_parameters(self, module, args, kwargs=None):
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        for name in ("_initialize_hook", "_load_hook"):
            getattr(module, name).remove()
            delattr(module, name)
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy "
            "forward pass to correctly initialize the modules"
        )
