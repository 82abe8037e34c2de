"""How tensors are pickled, copied and deep-copied."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from . import _utils

_META = "meta"


def _rebuild(func: Any, new_type: type, args: tuple, state: Any) -> Any:
    """A tensor of a subclass, or one with Python attributes."""
    from . import Tensor

    result = func(*args)
    if type(result) is not new_type:
        result = result.as_subclass(new_type)
    own = getattr(type(result), "__setstate__", None)
    if own is not None and own is not getattr(Tensor, "__setstate__", None):
        own(result, state)
    elif state:
        result = _utils._set_obj_state(result, state)
    return result


def _reduce_plain(tensor: Any) -> tuple[Any, tuple]:
    """Function and arguments that rebuild a tensor's values, without its class and attributes."""
    from .storage import STORAGE_NAMES, typed_storage

    if tensor.device.type == _META:
        parts = (tensor.dtype, tuple(tensor.size()), tuple(tensor.stride()), tensor.requires_grad)
        return _utils._rebuild_meta_tensor_no_storage, parts
    _warn_about_hooks(tensor)
    requires_grad = tensor.requires_grad
    source = tensor.detach().resolve_conj().resolve_neg()
    storage: Any = typed_storage(source)
    if _utils._repeats_too_often(source.numel(), source.element_size(), storage.nbytes()):
        # such a view could not be told from an attack when it is loaded
        source = source.contiguous()
        storage = typed_storage(source)
    dtype: tuple = ()
    if str(source.dtype).rpartition(".")[2] not in STORAGE_NAMES:
        storage, dtype = storage.untyped(), (source.dtype,)
    args: tuple = (
        storage,
        source.storage_offset(),
        tuple(source.size()),
        tuple(source.stride()),
        requires_grad,
        OrderedDict(),
        *dtype,
    )
    return (_utils._rebuild_tensor_v3 if dtype else _utils._rebuild_tensor_v2), args


def _warn_about_hooks(tensor: Any) -> None:
    if getattr(tensor, "_backward_hooks", None):
        import warnings

        warnings.warn(
            "backward hooks of a tensor are not saved with it",
            UserWarning,
            stacklevel=4,
        )


def _reduce_ex(self: Any, proto: int) -> tuple:
    """``Tensor.__reduce_ex__``."""
    from . import Tensor
    from ._tensor import _rebuild_from_type_v2

    func, args = _reduce_plain(self)
    if type(self) is Tensor and not getattr(self, "__dict__", None):
        return func, args
    state = _utils._get_obj_state(self)
    if type(self) is Tensor and not state:
        return func, args
    return _rebuild_from_type_v2, (func, type(self), args, state)


def _deepcopy(self: Any, memo: dict) -> Any:
    """``Tensor.__deepcopy__``: leaves only; tensors that share a storage share its copy.

    Raises:
        RuntimeError: for a tensor that has a gradient history.
    """
    from . import Tensor, no_grad
    from .storage import tensor_over, untyped_storage

    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            f"protocol at the moment: this one of shape {list(self.shape)} has "
            f"grad_fn={self.grad_fn}; copy tensor.detach(), or clone it inside the graph"
        )
    if id(self) in memo:
        return memo[id(self)]
    with no_grad():
        if self.device.type == _META:
            result = self.clone()
        else:
            source = self.detach().resolve_conj().resolve_neg()
            block = untyped_storage(source).__deepcopy__(memo)
            result = tensor_over(
                block,
                self.dtype,
                source.storage_offset(),
                tuple(source.size()),
                tuple(source.stride()),
            )
        if type(self) is not Tensor:
            result = result.as_subclass(type(self))
        memo[id(self)] = result
        if self.requires_grad:
            result.requires_grad_()
        if self.grad is not None:
            result.grad = self.grad.__deepcopy__(memo)
        _copy_attributes(self, result, memo)
    return result


def _copy_attributes(source: Any, result: Any, memo: dict) -> None:
    from copy import deepcopy

    from . import Tensor

    if type(source) is not Tensor:
        for slot in _utils._slot_names(type(source)):
            if hasattr(source, slot):
                setattr(result, slot, deepcopy(getattr(source, slot), memo))
    attributes = getattr(source, "__dict__", None)
    if attributes:
        result.__dict__.update(deepcopy(attributes, memo))
