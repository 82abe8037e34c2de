"""Parameter, Buffer and their uninitialized (lazy) forms."""

from __future__ import annotations

from collections import OrderedDict

from .. import _C
from ._package import Tensor, rl

__all__ = [
    "Parameter",
    "UninitializedParameter",
    "is_lazy",
    "Buffer",
    "UninitializedBuffer",
    "UninitializedTensorMixin",
]

_no_torch_function = getattr(_C, "_disabled_torch_function_impl", None)


class _ParameterMeta(type(Tensor)):
    # A tensor subclass wrapped by Parameter() keeps its own class and is marked `_is_param`.
    def __instancecheck__(self, instance) -> bool:
        if type.__instancecheck__(self, instance):
            return True
        return self is Parameter and isinstance(instance, Tensor) and _marked(instance, "_is_param")


class _BufferMeta(type(Tensor)):
    def __instancecheck__(self, instance) -> bool:
        if type.__instancecheck__(self, instance):
            return True
        return self is Buffer and isinstance(instance, Tensor) and _marked(instance, "_is_buffer")


def _marked(tensor, flag: str) -> bool:
    return getattr(tensor, flag, False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a Module registers as one of its parameters when it is assigned as an attribute.

    Args:
        data (Tensor, optional): the values; shared, not copied. Default: an empty tensor.
        requires_grad (bool): whether the parameter is trained. Default: True.

    Example::

        >>> import rushlight as torch
        >>> torch.nn.Parameter(torch.zeros(2))
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = rl.empty(0)
        kind = type(data)
        if kind is Tensor or kind is Parameter:
            return Tensor._make_subclass(cls, data, requires_grad)
        result = data.detach().requires_grad_(requires_grad)
        if type(result) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that "
                "detach() returns an instance of the same type, but return type "
                f"{type(result).__name__} was found instead. To use the type as a Parameter, "
                "please correct the detach() semantics defined by its __torch_dispatch__() "
                "implementation."
            )
        result._is_param = True
        return result

    def __deepcopy__(self, memo):
        known = memo.get(id(self))
        if known is None:
            values = self.data.clone(memory_format=rl.preserve_format)
            known = memo[id(self)] = type(self)(values, self.requires_grad)
        return known

    def __repr__(self, *, tensor_contents=None) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, proto):
        from .. import _utils

        state = _utils._get_obj_state(self)
        parts = (self.data, self.requires_grad, OrderedDict())
        if not state:
            return _utils._rebuild_parameter, parts
        return _utils._rebuild_parameter_with_state, (*parts, state)

    if _no_torch_function is not None:
        __torch_function__ = _no_torch_function


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a Module registers as a buffer when it is assigned as an attribute.

    Args:
        data (Tensor, optional): the values. Default: an empty tensor.
        persistent (bool): whether the buffer is part of ``state_dict``. Default: True.
    """

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = rl.empty(0)
        result = data.detach().requires_grad_(data.requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result

    if _no_torch_function is not None:
        __torch_function__ = _no_torch_function


# Tensor methods that make sense before the shape is known: moving, casting, copying into.
_ALLOWED_UNINITIALIZED = (
    "__hash__ size copy_ is_complex is_floating_point half float double char short int long "
    "cuda cpu to get_device"
).split()


class UninitializedTensorMixin:
    """What lazy parameters and buffers share: no shape until ``materialize`` is called."""

    cls_to_become: type

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Allocate the values with the given shape and turn into an ordinary parameter or buffer."""
        data = self.data
        self.data = rl.empty(
            shape,
            device=data.device if device is None else device,
            dtype=data.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, proto):
        return type(self), (self.requires_grad,)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        allowed = func.__class__.__name__ == "method-wrapper" or any(
            func is getattr(Tensor, name, None) for name in _ALLOWED_UNINITIALIZED
        )
        if allowed:
            return super().__torch_function__(func, types, args, kwargs or {})
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. This error happens when you "
            "are using a `LazyModule` or explicitly manipulating "
            f"`torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` "
            "with a dummy batch to initialize the parameters before calling torch functions"
        )


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape the first forward pass decides."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        data = rl.empty(0, device=device, dtype=dtype)
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        known = memo.get(id(self))
        if known is None:
            data = self.data
            known = memo[id(self)] = type(self)(self.requires_grad, data.device, data.dtype)
        return known


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape the first forward pass decides."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        data = rl.empty(0, device=device, dtype=dtype)
        result = Tensor._make_subclass(cls, data, requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result


def is_lazy(param: object) -> bool:
    """Whether ``param`` is an uninitialized parameter or buffer."""
    return isinstance(param, UninitializedTensorMixin)
