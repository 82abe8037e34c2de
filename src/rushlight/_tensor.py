"""Methods of Tensor that are written in Python."""

from __future__ import annotations

import builtins
import warnings
from typing import Any

from . import _C
from ._dtypes import ALIASES
from ._legacy_new import legacy_new
from ._offered import offered_method, offered_property
from .ops.creation import TYPESTR, _from_sequence

Tensor = _C.Tensor


class _HookHandle:
    """Removes a hook from a tensor."""

    def __init__(self, hook_id: int) -> None:
        self.id = hook_id

    def remove(self) -> None:
        """Take the hook away; it is safe to call this twice."""
        _C._remove_hook(self.id)

    def __enter__(self):
        return self

    def __exit__(self, *exc) -> None:
        self.remove()


# ---- construction --------------------------------------------------------------------------------


def _construct(cls: type, *args: Any, **kwargs: Any) -> Tensor:
    """Tensor(), Tensor(2, 3), Tensor([1, 2]), Tensor(other): the old constructor."""
    device = kwargs.pop("device", None)
    if kwargs:
        raise TypeError(f"new() got an unexpected keyword argument '{next(iter(kwargs))}'")
    out = legacy_new(args, _C.get_default_dtype(), device, any_dtype=True)
    if cls is Tensor:
        return out
    if out.requires_grad:  # made from a tensor of the graph, and part of it
        return out.as_subclass(cls)
    return Tensor._make_subclass(cls, out)


_C._set_tensor_constructor(_construct)


def new_tensor(
    self, data, *, dtype=None, device=None, requires_grad: bool = False, pin_memory: bool = False
):
    """A new tensor with a copy of `data`, by default of this tensor's dtype and device."""
    if isinstance(data, Tensor):
        out = _C.ops._to_copy(data.detach(), dtype=dtype or self.dtype)
    else:
        from .ops.creation import tensor

        out = tensor(data, dtype=dtype or self.dtype, device=device or self.device)
    return out.requires_grad_(True) if requires_grad else out


def new(self, *args, **kwargs):
    """Old constructor of a tensor of this dtype."""
    return legacy_new(args, self.dtype, kwargs.get("device", self.device))


# ---- conversion ----------------------------------------------------------------------------------


def to(self, *args, **kwargs):
    """The tensor with another dtype, device or memory format; itself if nothing changes.

    Args:
        dtype, device, or another tensor whose dtype and device are taken.
        non_blocking: accepted; copies are synchronous on the CPU.
        copy: make a copy even where nothing changes. Default: False.
        memory_format: order of the result's memory. Default: preserved.
    """
    dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
    copy, memory_format = kwargs.pop("copy", False), kwargs.pop("memory_format", None)
    kwargs.pop("non_blocking", None)
    other = kwargs.pop("other", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    flags = []
    for arg in args:
        if isinstance(arg, Tensor):
            other = arg
        elif isinstance(arg, _C.dtype):
            dtype = arg
        elif isinstance(arg, bool):
            flags.append(arg)
        elif arg is None:
            continue
        elif arg in (float, int, complex):
            dtype = {float: _C.float64, int: _C.int64, complex: _C.complex128}[arg]
        else:
            device = arg
    if other is not None:
        dtype, device = other.dtype, other.device
    if len(flags) > 1:
        copy = flags[1]
    target = None if device is None else _C.device(device)
    same = (dtype is None or dtype == self.dtype) and (
        target is None or target.type == self.device.type
    )
    if same and memory_format is not None and memory_format is not _C.preserve_format:
        same = self.is_contiguous(memory_format=memory_format)
    if same and not copy:
        return self
    if target is not None and target.type == self.device.type:
        target = None
    return _C.ops._to_copy(self, dtype=dtype, device=target, memory_format=memory_format)


def _cast(name: str, dtype):
    def cast(self, memory_format=None):
        return (
            self
            if self.dtype is dtype
            else _C.ops._to_copy(self, dtype=dtype, memory_format=memory_format)
        )

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = (
        f"The tensor as {str(dtype).removeprefix('torch.')}; itself if it is that already."
    )
    return cast


def cpu(self, memory_format=None):
    """The tensor on the CPU; itself if it is there."""
    return self.to("cpu") if self.device.type != "cpu" else self


def cuda(self, device=None, non_blocking: bool = False, memory_format=None):
    """The tensor on a GPU. This raises where there is none."""
    return _moved(self, "cuda", "cuda", device)


def _moved(self, kind: str, name: str, device):
    place = _C.device(kind if device is None else device)
    if place.type != kind:
        raise RuntimeError(f"Invalid device, must be {name} device")
    return self.to(place)


def ipu(self, device=None, non_blocking: bool = False, memory_format=None):
    """The tensor on an IPU. This raises where there is none."""
    return _moved(self, "ipu", "ipu", device)


def xpu(self, device=None, non_blocking: bool = False, memory_format=None):
    """The tensor on an Intel GPU. This raises where there is none."""
    return _moved(self, "xpu", "xpu", device)


def mtia(self, device=None, non_blocking: bool = False, memory_format=None):
    """The tensor on an MTIA device. This raises where there is none."""
    return _moved(self, "mtia", "MTIA", device)


def record_stream(self, stream):
    """Keep memory until a GPU's stream has used it: nothing that a tensor of the CPU can do."""
    raise NotImplementedError(
        "Could not run 'aten::record_stream' with arguments from the 'CPU' backend.\n"
        "record_stream is of use on CUDA only: call it where tensor.is_cuda"
    )


def type_as(self, other):
    """The tensor with the dtype of `other`."""
    return self.to(other.dtype)


_TYPE_WORDS = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "bool": "Bool",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}
_WORD_DTYPES = {word: getattr(_C, name) for name, word in _TYPE_WORDS.items()}


def type(self, dtype=None, non_blocking: bool = False, **kwargs):
    """The tensor's type name, or the tensor converted to a dtype or to a type named so."""
    if dtype is None:
        return f"torch.{_TYPE_WORDS[str(self.dtype).removeprefix('torch.')]}Tensor"
    if isinstance(dtype, str):
        module, _, word = dtype.rpartition(".")
        word = word.removesuffix("Tensor")
        if module not in ("torch", "torch.cuda") or word not in _WORD_DTYPES:
            raise ValueError(f"invalid type: '{dtype}'")
        on_cuda, dtype = module == "torch.cuda", _WORD_DTYPES[word]
    elif isinstance(dtype, _C.dtype):
        on_cuda = False
    elif hasattr(dtype, "dtype") and isinstance(dtype, builtins.type):
        on_cuda, dtype = getattr(dtype, "is_cuda", False), dtype.dtype
    else:
        raise TypeError(
            f"dtype must be a type, str, or dtype object\nTensor.type: got {dtype!r}, expected e.g. torch.float64"
        )
    if on_cuda:
        raise RuntimeError(
            "Cannot initialize CUDA without ATen_cuda library.\n"
            "rushlight found no CUDA device: it runs on the CPU"
        )
    return self.to(dtype)


def numpy(self, *, force: bool = False):
    """A numpy array on the tensor's memory.

    Args:
        force: detach and copy where the memory cannot be shared. Default: False.

    Raises:
        RuntimeError: the tensor requires grad.
        TypeError: numpy has no such dtype (bfloat16), or the tensor is not on the CPU.
    """
    import numpy as np

    if self.requires_grad:
        if not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        self = self.detach()
    if self.device.type != "cpu":
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )
    if self.dtype not in TYPESTR:
        raise TypeError(
            f"Got unsupported ScalarType {_TYPE_WORDS[str(self.dtype).removeprefix('torch.')]}"
        )
    size = self.itemsize
    if 0 in self.shape:
        return np.empty(tuple(self.shape), dtype=TYPESTR[self.dtype])
    return np.ndarray(
        tuple(self.shape),
        dtype=TYPESTR[self.dtype],
        buffer=_C._storage_buffer(self),
        offset=self.storage_offset() * size,
        strides=tuple(s * size for s in self.stride()),
    )


def __array__(self, dtype=None, copy=None):
    array = self.numpy()
    if dtype is not None:
        return array.astype(dtype, copy=bool(copy))
    return array.copy() if copy else array


def __array_wrap__(self, array, context=None, return_scalar=False):
    from .ops.creation import from_numpy

    if array.dtype == bool:
        array = array.astype("uint8")
    return from_numpy(array)


def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    array = self.numpy()
    if max_version is None:
        return array.__dlpack__()
    try:  # the versioned form says that the memory may be written to
        return array.__dlpack__(max_version=max_version, copy=copy)
    except TypeError:  # numpy < 2.1
        return array.__dlpack__()


def __dlpack_device__(self):
    return (1, 0)


# ---- text ----------------------------------------------------------------------------------------


def __repr__(self, *, tensor_contents=None):
    from ._tensor_str import _str

    return _str(self, tensor_contents=tensor_contents)


def __format__(self, spec):
    if (
        self.dim() == 0
        and not self.is_meta
        and isinstance(self, Tensor)
        and self.__class__ is Tensor
    ):
        return self.item().__format__(spec)
    return object.__format__(self, spec)


# ---- autograd ------------------------------------------------------------------------------------


def backward(
    self, gradient=None, retain_graph=None, create_graph=False, inputs=None, retain_variables=None
):
    """Accumulate the gradients of this tensor into the leaves it was computed from.

    Args:
        gradient: gradient with respect to this tensor; may be left out if it has one element.
        retain_graph: keep what the graph saved for another backward. Default: the value of create_graph.
        create_graph: record the backward itself. Default: False.
        inputs: leaves to accumulate into. Default: all.
        retain_variables: old name of retain_graph.
    """
    if retain_variables is not None:
        warnings.warn(
            "retain_variables is deprecated; use retain_graph", FutureWarning, stacklevel=2
        )
        retain_graph = retain_variables if retain_graph is None else retain_graph
    if gradient is None and inputs is None and self.requires_grad:
        keep = create_graph if retain_graph is None else retain_graph
        try:
            _C._run_backward((self,), (None,), keep, create_graph, None, False, True)
        except RuntimeError as error:
            from .autograd._backward import explain

            explain(error, (self,))
            raise
        return
    from .autograd._backward import backward as run

    run(self, gradient, retain_graph, create_graph, inputs=inputs)


def register_hook(self, hook):
    """Call `hook(grad)` when the gradient of this tensor is computed; a returned tensor replaces it."""
    return _HookHandle(_C._add_tensor_hook(self, hook))


def register_post_accumulate_grad_hook(self, hook):
    """Call `hook(tensor)` after a gradient was added to this leaf's `.grad`."""
    return _HookHandle(_C._add_post_accumulate_hook(self, lambda t: hook(t)))


def retain_grad(self) -> None:
    """Keep the gradient of this non-leaf tensor in `.grad`."""
    _C._retain_grad(self)


def requires_grad_(self, requires_grad: bool = True):
    """Switch recording for this tensor on or off, in place."""
    self.requires_grad = requires_grad
    return self


def detach_(self):
    """Cut this tensor off its history, in place."""
    if self._base is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using "
            "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, "
            "gradients are views of DDP buckets, and hence detach_() cannot be called on these "
            "gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
            "torch/optim/optimizer.py as the solution."
        )
    _C._detach_(self)
    return self


def is_inference(self) -> bool:
    """Was the tensor made under inference_mode?"""
    return _C._tensor_is_inference(self)


# ---- small ---------------------------------------------------------------------------------------


def __iter__(self):
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def __contains__(self, element):
    if isinstance(element, (Tensor, int, float, complex, bool)):
        return bool((element == self).any().item())
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {element.__class__}."
    )


def __complex__(self):
    _C._warn_scalar_of_graph(self)
    return complex(self.item())


def __reversed__(self):
    return self if self.dim() == 0 else self.flip(0)


def __dir__(self):
    return sorted(set(dir(self.__class__)) | set(self.__dict__))


def element_size(self) -> int:
    """Bytes of an element."""
    return self.itemsize


def is_floating_point(self) -> bool:
    """Is the dtype a floating-point one?"""
    return self.dtype.is_floating_point


def is_complex(self) -> bool:
    """Is the dtype a complex one?"""
    return self.dtype.is_complex


def is_signed(self) -> bool:
    """Is the dtype a signed one?"""
    return self.dtype.is_signed


def get_device(self) -> int:
    """Index of the GPU, or -1 on the CPU."""
    return -1 if self.device.type == "cpu" else (self.device.index or 0)


def is_set_to(self, tensor) -> bool:
    """Do both tensors show the same memory in the same way?"""
    return (
        _C._storage_id(self) == _C._storage_id(tensor)
        and self.storage_offset() == tensor.storage_offset()
        and self.shape == tensor.shape
        and self.stride() == tensor.stride()
    )


def is_same_size(self, other) -> bool:
    """Do both tensors have the same shape?"""
    return self.shape == other.shape


def view_as(self, other):
    """This tensor viewed in the shape of `other`."""
    return self.view(other.shape)


def reshape_as(self, other):
    """This tensor reshaped to the shape of `other`."""
    return self.reshape(other.shape)


def expand_as(self, other):
    """This tensor expanded to the shape of `other`."""
    return self.expand(other.shape)


def is_shared(self) -> bool:
    """Is the memory shared between processes?"""
    return getattr(self, "_shared_memory", None) is not None


def is_pinned(self, device=None) -> bool:
    """Is the memory page-locked? Never on the CPU."""
    return False


def pin_memory(self, device=None):
    """The tensor itself: there is nothing to pin without a GPU."""
    return self


def share_memory_(self):
    """Accepted; tensors sent to another process are put into shared memory then."""
    return self


def is_conj(self) -> bool:
    """Always False: conjugates are computed at once."""
    return False


def is_neg(self) -> bool:
    """Always False: negation is computed at once."""
    return False


def resolve_conj(self):
    """The tensor itself."""
    return self


def resolve_neg(self):
    """The tensor itself."""
    return self


def resize_(self, *sizes, memory_format=None):
    """Change the size in place, keeping the memory's contents as far as they go."""
    size = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    return _C._resize_(self, size)


def resize_as_(self, other, memory_format=None):
    """Change the size in place to that of `other`."""
    return _C._resize_(self, tuple(other.shape))


def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Make this tensor show another tensor's (or storage's) memory."""
    from .storage import set_ as run

    return run(self, source, storage_offset, size, stride)


def untyped_storage(self):
    """The block of memory behind this tensor."""
    from .storage import untyped_storage as run

    return run(self)


def storage(self):
    """The block of memory behind this tensor as elements of its dtype (deprecated by PyTorch)."""
    from .storage import storage as run

    return run(self)


def _typed_storage(self):
    from .storage import typed_storage as run

    return run(self)


def __reduce_ex__(self, protocol):
    from ._tensor_pickle import _reduce_ex

    return _reduce_ex(self, protocol)


def __deepcopy__(self, memo):
    from ._tensor_pickle import _deepcopy

    return _deepcopy(self, memo)


def _rebuild_from_type_v2(func, new_type, args, state):
    """What pickles name to rebuild tensors of subclasses and tensors with attributes."""
    from ._tensor_pickle import _rebuild

    return _rebuild(func, new_type, args, state)


def apply_(self, callable):
    """Replace every element by callable(element), in place."""
    flat = [callable(v) for v in self.reshape(-1).tolist()]
    return self.copy_(_from_sequence(flat, self.dtype).reshape(self.shape))


def map_(self, tensor, callable):
    """Replace every element by callable(element, other element), in place."""
    pairs = zip(self.reshape(-1).tolist(), tensor.expand(self.shape).reshape(-1).tolist())
    return self.copy_(
        _from_sequence([callable(a, b) for a, b in pairs], self.dtype).reshape(self.shape)
    )


def map2_(self, x, y, callable):
    """Replace every element by callable(element, element of x, element of y), in place."""
    others = (t.expand(self.shape).reshape(-1).tolist() for t in (x, y))
    rows = zip(self.reshape(-1).tolist(), *others)
    return self.copy_(
        _from_sequence([callable(*row) for row in rows], self.dtype).reshape(self.shape)
    )


def split(self, split_size, dim: int = 0):
    """Split into views of `split_size` along `dim`; a list gives the sizes."""
    if isinstance(split_size, (list, tuple)):
        return _C.ops.split_with_sizes(self, split_size, dim)
    return _C.ops.split(self, split_size, dim)


def unflatten(self, dim, sizes):
    """Split one dimension into several."""
    dim = dim + self.dim() if dim < 0 else dim
    sizes = tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    return self.reshape(*self.shape[:dim], *sizes, *self.shape[dim + 1 :])


def dim_order(self) -> tuple:
    """Dimensions from the one that varies slowest in memory to the fastest."""
    return tuple(sorted(range(self.dim()), key=lambda d: -self.stride(d)))


def _set_real(self, value) -> None:
    self.real.copy_(_as_part(value))


def _set_imag(self, value) -> None:
    self.imag.copy_(_as_part(value))


def _as_part(value):
    return value if isinstance(value, Tensor) else _C.ops.scalar_tensor(value)


_SETTERS = {"real": _set_real, "imag": _set_imag}
# Handlers see the functions that these are made of.
_UNASKED = frozenset(["__iter__", "__dir__"])


def _set_attributes() -> None:
    properties = {
        "T": lambda self: self.permute(tuple(range(self.dim() - 1, -1, -1))),
        "mT": lambda self: self.transpose(-2, -1),
        "H": lambda self: self.t().conj() if self.dtype.is_complex else self.t(),
        "mH": lambda self: self.transpose(-2, -1).conj(),
        "real": _C.ops.real,
        "imag": _C.ops.imag,
        "is_sparse": lambda self: False,
        "is_sparse_csr": lambda self: False,
        "is_quantized": lambda self: False,
        "is_nested": lambda self: False,
        "is_mkldnn": lambda self: False,
        "is_ipu": lambda self: False,
        "is_maia": lambda self: False,
        "is_mps": lambda self: False,
        "is_mtia": lambda self: False,
        "is_vulkan": lambda self: False,
        "is_xla": lambda self: False,
        "is_xpu": lambda self: False,
        "names": lambda self: (None,) * self.dim(),
        "name": lambda self: None,
    }
    for name, getter in properties.items():
        setattr(Tensor, name, offered_property(getter, _SETTERS.get(name)))
    casts = {**ALIASES, "bfloat16": _C.bfloat16, "bool": _C.bool, "byte": _C.uint8, "char": _C.int8}
    for name, dtype in casts.items():
        setattr(Tensor, name, offered_method(_cast(name, dtype)))
    skip = {"annotations", "warnings"}
    for name, value in list(globals().items()):
        if callable(value) and getattr(value, "__module__", None) == __name__ and name not in skip:
            if not name.startswith("_") or name.startswith("__"):
                if not isinstance(value, _builtin_type):  # type: ignore[arg-type]
                    setattr(Tensor, name, value if name in _UNASKED else offered_method(value))
    Tensor._typed_storage = _typed_storage
    Tensor.__array_priority__ = 1000


_builtin_type = Tensor.__class__
_set_attributes()
