"""The names that files may use, and what each of them makes. Nothing is looked up by import."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

from .errors import LoadError, NotDataError

# Modules of layers whose classes load by default: nn/modules/<name>.py
LAYER_MODULES = (
    "activation adaptive batchnorm channelshuffle container conv distance dropout flatten fold "
    "instancenorm linear loss module normalization padding pixelshuffle pooling rnn sparse "
    "transformer upsampling"
).split()
# Modules of picture models whose classes load by default: vision/models/<name>.py
MODEL_MODULES = (
    "_utils alexnet convnext densenet efficientnet googlenet inception mnasnet mobilenetv2 "
    "mobilenetv3 regnet resnet shufflenetv2 squeezenet swin_transformer vgg vision_transformer"
).split()
OPS_MODULES = ["misc", "stochastic_depth"]
# Activation functions that a layer may hold as an attribute.
FUNCTIONS = (
    "celu elu gelu hardsigmoid hardswish hardtanh leaky_relu log_softmax logsigmoid mish relu "
    "relu6 rrelu selu sigmoid silu softmax softmin softplus softsign tanh tanhshrink threshold "
    "pairwise_distance cosine_similarity"
).split()
# What PyTorch calls them where they are native.
FUNCTIONS_OF_C = {("torch._C._nn", "log_sigmoid"): "logsigmoid"}
DTYPES = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex128 complex64 "
    "uint16 uint32 uint64"
).split()
# Python 2 modules and their names today
PY2 = {
    ("__builtin__", name): ("builtins", name)
    for name in ("set", "frozenset", "bytearray", "complex", "list", "dict", "int", "long")
}
UNSUPPORTED = {
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_wrapper_subclass": "a wrapper subclass",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of another device",
    "torch._utils._rebuild_xla_tensor": "a tensor of another device",
}
BLOCKED = frozenset({"sys", "os", "posix", "nt", "subprocess", "builtins.eval", "builtins.exec"})


class Maker:
    """A name of the grammar that a pickle may call (REDUCE) or instantiate (NEWOBJ)."""

    __slots__ = ("call", "name", "new", "value")

    def __init__(self, name: str, call: Any = None, new: Any = None, value: Any = None) -> None:
        self.name = name
        self.call = call
        self.new = new
        self.value = value


def _expect(condition: Any, what: str) -> None:
    if not condition:
        raise LoadError(what)


# --- Python values --------------------------------------------------------------------------------


def _ordered_dict(args: tuple) -> OrderedDict:
    result: OrderedDict = OrderedDict()
    if args:
        _expect(len(args) == 1 and type(args[0]) is list, "OrderedDict: expected a list of pairs")
        for pair in args[0]:
            _expect(type(pair) in (list, tuple) and len(pair) == 2, "OrderedDict: not a pair")
            result[check_key(pair[0])] = pair[1]
    return result


def _counter(args: tuple) -> Counter:
    _expect(not args or (len(args) == 1 and type(args[0]) is dict), "Counter: expected one dict")
    return Counter(*args)


def _encode(args: tuple) -> bytes:
    good = 0 < len(args) <= 2 and all(type(a) is str for a in args)
    good = good and args[1:] in ((), ("latin1",), ("latin-1",))
    _expect(good, "_codecs.encode: expected a str and 'latin1'")
    try:
        return args[0].encode("latin1")
    except UnicodeEncodeError:
        raise LoadError("_codecs.encode: the text is not latin1") from None


def _bytearray(args: tuple) -> bytearray:
    if len(args) == 2:
        args = (_encode(args),)
    good = not args or (len(args) == 1 and type(args[0]) in (bytes, bytearray))
    _expect(good, "bytearray: expected bytes, not a length or another object")
    return bytearray(*args)


def _set_of(kind: type) -> Any:
    def make(args: tuple) -> Any:
        good = not args or (len(args) == 1 and type(args[0]) in (list, tuple))
        _expect(good, f"{kind.__name__}: expected one list")
        return kind(check_key(item) for item in (args[0] if args else ()))

    return make


def _complex(args: tuple) -> complex:
    good = 0 < len(args) <= 2 and all(type(a) in (int, float) for a in args)
    _expect(good, "complex: expected two numbers")
    return complex(*args)


SIMPLE_KEYS = frozenset({str, int, float, bool, bytes, complex, type(None)})
MAX_KEY_ITEMS = 1000


def check_key(key: Any) -> Any:
    """Return a dict key or set item if hashing it is cheap and bounded, else refuse it.

    Hashing a tuple visits its whole tree, so tuples are measured first, each visit counted.
    """
    if type(key) in SIMPLE_KEYS:
        if type(key) is int and not -(2**64) < key < 2**64:
            raise LoadError("an int key does not fit in 64 bits")
        return key
    from .. import Size, device, dtype

    others = (dtype, device)
    count, todo = 0, [key]
    while todo:
        item = todo.pop()
        count += 1
        if count > MAX_KEY_ITEMS:
            raise LoadError("a key is too large")
        if type(item) in (tuple, Size):
            todo.extend(item[:MAX_KEY_ITEMS])
            _expect(len(item) <= MAX_KEY_ITEMS, "a key is too large")
        elif type(item) is frozenset:
            continue  # its items were checked when it was made
        elif type(item) not in SIMPLE_KEYS and not isinstance(item, others):
            raise LoadError(f"{type(item).__name__} cannot be a key")
    return key


# --- torch values ---------------------------------------------------------------------------------


def _size(args: tuple) -> Any:
    from .. import Size

    _expect(len(args) == 1 and type(args[0]) in (tuple, list), "torch.Size: expected one tuple")
    _expect(all(type(n) is int and 0 <= n < 2**63 for n in args[0]), "torch.Size: not sizes")
    return Size(args[0])


def _device(args: tuple) -> Any:
    from .. import device

    good = len(args) in (1, 2) and type(args[0]) is str and all(type(a) is int for a in args[1:])
    _expect(good, "torch.device: expected a name and an index")
    try:
        return device(*args)
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise LoadError(f"torch.device{args}: {error}") from None


def _layout(args: tuple) -> Any:
    from .. import strided

    good = len(args) == 1 and type(args[0]) is str and args[0] == "torch.strided"
    _expect(good, "only strided tensors are supported")
    return strided


def _hooks(value: Any) -> None:
    good = value is None or (type(value) in (dict, OrderedDict) and not value)
    _expect(good, "backward hooks in a file are refused")


def _storage(value: Any, untyped: bool = False) -> Any:
    from ..storage import TypedStorage, UntypedStorage

    good = isinstance(value, (TypedStorage, UntypedStorage) if untyped else TypedStorage)
    _expect(good, f"expected a storage, got {type(value).__name__}")
    return value


def _metadata(value: Any) -> dict | None:
    if value is None:
        return None
    good = type(value) is dict and all(
        type(k) is str and k in ("conj", "neg") and type(v) is bool for k, v in value.items()
    )
    _expect(good, "tensor metadata other than 'conj' and 'neg'")
    return value


def _view(storage: Any, dtype: Any, offset: Any, size: Any, stride: Any) -> None:
    from .. import _utils

    nbytes = storage.nbytes()
    try:
        numel = _utils._check_view(nbytes, dtype.itemsize, offset, size, stride)
    except ValueError as error:
        raise LoadError(f"tensor refused: {error}") from None
    if _utils._repeats_too_often(numel, dtype.itemsize, nbytes):
        raise LoadError(
            f"tensor refused: size {tuple(size)} shows the {nbytes} bytes of its storage "
            f"{numel * dtype.itemsize // max(nbytes, 1)} times (limit {_utils._MAX_REPEAT})"
        )


def _tensor(args: tuple) -> Any:
    from .. import _utils

    _expect(len(args) == 4, "_rebuild_tensor: expected 4 arguments")
    _view(_storage(args[0]), args[0].dtype, *args[1:])
    return _utils._rebuild_tensor(*args)


def _needs_grad(value: Any, dtype: Any) -> bool:
    _expect(type(value) is bool, "requires_grad is not a bool")
    good = not value or dtype.is_floating_point or dtype.is_complex
    _expect(good, f"requires_grad on a tensor of {dtype}")
    return value


def _tensor_v2(args: tuple) -> Any:
    from .. import _utils

    _expect(len(args) in (6, 7), "_rebuild_tensor_v2: expected 6 or 7 arguments")
    storage, offset, size, stride, requires_grad, hooks = args[:6]
    _view(_storage(storage), storage.dtype, offset, size, stride)
    _hooks(hooks)
    _needs_grad(requires_grad, storage.dtype)
    metadata = _metadata(args[6] if len(args) == 7 else None)
    return _utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, None, metadata)


def _tensor_v3(args: tuple) -> Any:
    from .. import _utils, dtype

    _expect(len(args) in (7, 8), "_rebuild_tensor_v3: expected 7 or 8 arguments")
    storage, offset, size, stride, requires_grad, hooks, kind = args[:7]
    _expect(isinstance(kind, dtype), "_rebuild_tensor_v3: not a dtype")
    _view(_storage(storage, untyped=True), kind, offset, size, stride)
    _hooks(hooks)
    _needs_grad(requires_grad, kind)
    metadata = _metadata(args[7] if len(args) == 8 else None)
    return _utils._rebuild_tensor_v3(
        storage, offset, size, stride, requires_grad, None, kind, metadata
    )


def _meta_tensor(args: tuple) -> Any:
    from .. import _utils, dtype

    _expect(len(args) == 4 and isinstance(args[0], dtype), "meta tensor: expected a dtype first")
    _needs_grad(args[3], args[0])
    try:
        return _utils._rebuild_meta_tensor_no_storage(*args)
    except ValueError as error:
        raise LoadError(f"meta tensor refused: {error}") from None


def _parameter(args: tuple) -> Any:
    from .. import Tensor, _utils

    _expect(0 < len(args) <= 3 and isinstance(args[0], Tensor), "Parameter: expected a tensor")
    if len(args) == 3:
        _hooks(args[2])
    requires_grad = args[1] if len(args) > 1 else True
    _needs_grad(requires_grad, args[0].dtype)
    return _utils._rebuild_parameter(args[0], requires_grad, None)


def _attributes(tensor: Any, state: Any) -> Any:
    """Set the Python attributes of a tensor: data only, none that the class has already."""
    for part in state if type(state) is tuple else (state,):
        if part is None:
            continue
        _expect(type(part) is dict, "tensor attributes are not a dict")
        for name, value in part.items():
            plain = type(name) is str and name.isidentifier() and not name.startswith("__")
            if not plain or hasattr(type(tensor), name):
                raise LoadError(f"tensor attribute {name!r} is not allowed")
            setattr(tensor, name, value)
    return tensor


def _parameter_with_state(args: tuple) -> Any:
    _expect(len(args) == 4, "_rebuild_parameter_with_state: expected 4 arguments")
    return _attributes(_parameter(args[:3]), args[3])


def _from_type(args: tuple) -> Any:
    from .. import Tensor
    from ..nn.parameter import Parameter

    _expect(len(args) == 4, "_rebuild_from_type_v2: expected 4 arguments")
    func, kind, func_args, state = args
    known = isinstance(func, Maker) and func.name.startswith("torch._utils._rebuild_")
    _expect(known and type(func_args) is tuple, "_rebuild_from_type_v2: not a tensor function")
    if isinstance(kind, Maker):
        kind = kind.value
    _expect(
        isinstance(kind, type) and issubclass(kind, Tensor),
        "_rebuild_from_type_v2: the class is not a tensor class that may be loaded",
    )
    tensor = func.call(func_args)
    if type(tensor) is not kind:
        tensor = _parameter((tensor,)) if kind is Parameter else tensor.as_subclass(kind)
    return tensor if state is None else _attributes(tensor, state)


def _from_cpu_tensor(args: tuple) -> Any:
    from .. import Tensor, _utils, dtype

    good = len(args) == 4 and isinstance(args[0], Tensor) and isinstance(args[1], dtype)
    _expect(good, "_rebuild_device_tensor_from_cpu_tensor: expected a tensor and a dtype")
    _needs_grad(args[3], args[1])
    return _utils._rebuild_device_tensor_from_cpu_tensor(*args)


# --- numpy values ---------------------------------------------------------------------------------


def _numpy_dtype(args: tuple) -> Any:
    import re

    good = args and type(args[0]) is str and all(type(a) in (bool, int) for a in args[1:])
    good = good and args[1:] in ((), (False, True))
    if not good or not re.fullmatch(r"[<|=]?(b1|[iu][1248]|f[248]|c8|c16)", args[0]):
        raise LoadError("numpy.dtype: only numbers are supported")
    import numpy

    return numpy.dtype(args[0])


def build_numpy_dtype(dtype: Any, state: Any) -> None:
    """BUILD on a numpy dtype may only confirm that it is plain and in this machine's order."""
    good = type(state) is tuple and len(state) >= 5 and type(state[1]) is str
    good = good and state[1] in ("<", "|", "=") and all(part is None for part in state[2:5])
    _expect(good, "numpy.dtype with fields or another byte order")


def _numpy_array(args: tuple) -> Any:
    good = len(args) == 3 and isinstance(args[0], Maker) and args[0].name == "numpy.ndarray"
    _expect(good, "numpy array: unexpected arguments")
    import numpy

    return numpy.empty((0,), "b")


def build_numpy_array(array: Any, state: Any) -> None:
    """BUILD on a fresh numpy array: shape, dtype and exactly the bytes these need."""
    import numpy

    good = type(state) is tuple and len(state) == 5 and type(state[1]) is tuple
    _expect(good and array.shape == (0,), "numpy array: unexpected state")
    version, shape, dtype, fortran, raw = state
    if type(raw) is str:
        raw = raw.encode("latin-1")  # the bytes of a pickle of Python 2, read as text
    _expect(isinstance(dtype, numpy.dtype) and not dtype.hasobject, "numpy array of objects")
    _expect(type(raw) is bytes and type(fortran) in (bool, int), "numpy array: unexpected state")
    count = dtype.itemsize
    for n in shape:
        _expect(type(n) is int and n >= 0, "numpy array: bad shape")
        count *= n
    _expect(len(shape) <= 32 and count == len(raw), "numpy array: shape and bytes differ")
    array.__setstate__((version, shape, dtype, bool(fortran), raw))


def _numpy_scalar(args: tuple) -> Any:
    import numpy

    good = len(args) == 2 and isinstance(args[0], numpy.dtype) and type(args[1]) is bytes
    _expect(good and len(args[1]) == args[0].itemsize, "numpy scalar: unexpected arguments")
    return numpy.frombuffer(args[1], args[0])[0]


# --- the table ------------------------------------------------------------------------------------


def _fixed() -> dict[str, Any]:
    """Names with a meaning of their own: makers to call, plain values to take."""
    from .. import Tensor, nn
    from ..storage import DTYPE_NAMES, UntypedStorage

    calls = {
        "collections.OrderedDict": _ordered_dict,
        "collections.Counter": _counter,
        "_codecs.encode": _encode,
        "builtins.bytearray": _bytearray,
        "builtins.set": _set_of(set),
        "builtins.frozenset": _set_of(frozenset),
        "builtins.complex": _complex,
        "torch.Size": _size,
        "torch.device": _device,
        "torch.serialization._get_layout": _layout,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor_v2,
        "torch._utils._rebuild_tensor_v3": _tensor_v3,
        "torch._utils._rebuild_meta_tensor_no_storage": _meta_tensor,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter_with_state,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": _from_cpu_tensor,
        "torch._tensor._rebuild_from_type_v2": _from_type,
        "torch.tensor._rebuild_from_type_v2": _from_type,
        "numpy.dtype": _numpy_dtype,
        "numpy.ndarray": None,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        calls[f"{module}._reconstruct"] = _numpy_array
        calls[f"{module}.scalar"] = _numpy_scalar
    table: dict[str, Any] = {name: Maker(name, call) for name, call in calls.items()}
    parameter = Maker("Parameter", _parameter, _parameter, nn.Parameter)
    table["torch.nn.parameter.Parameter"] = table["torch.nn.Parameter"] = parameter
    table["torch.Tensor"] = table["torch._tensor.Tensor"] = Maker("torch.Tensor", value=Tensor)
    for name in DTYPE_NAMES:
        table[f"torch.{name}"] = table[f"torch.storage.{name}"] = Maker(name)
    untyped = Maker("UntypedStorage", value=UntypedStorage)
    table["torch.UntypedStorage"] = table["torch.storage.UntypedStorage"] = untyped
    return table


_table: dict[str, Any] | None = None


def _lookup_value(full: str) -> Any:
    """dtypes and activation functions."""
    from .. import nn
    from ..storage import _rl

    module, _, name = full.rpartition(".")
    if module == "torch" and name in DTYPES:
        return getattr(_rl(), name)
    name = FUNCTIONS_OF_C.get((module, name), name)
    if module in ("torch.nn.functional", "torch", "torch._C._nn") and name in FUNCTIONS:
        return getattr(nn.functional, name, None)
    return None


def _lookup_layer(full: str) -> Maker | None:
    """A layer class of ours, from the closed list of our modules that define layers."""
    from importlib import import_module

    path, _, name = full.rpartition(".")
    root, _, file = path.rpartition(".")
    closed = {
        "torch.nn.modules": (LAYER_MODULES, ".nn.modules."),
        "torchvision.models": (MODEL_MODULES, ".vision.models."),
        "torchvision.ops": (OPS_MODULES, ".vision.ops."),
    }
    if root not in closed or file not in closed[root][0]:
        return None
    from ..nn import Module

    package = (__package__ or "").rpartition(".")[0]
    try:
        module = import_module(closed[root][1] + file, package)
    except ModuleNotFoundError:
        return None
    cls = vars(module).get(name)
    own = isinstance(cls, type) and issubclass(cls, Module) and cls.__qualname__ == name
    if not own or cls.__module__.rpartition(".")[2] != file:
        return None

    def new(args: tuple) -> Any:
        _expect(args == (), f"{name}: a layer takes no arguments here")
        return cls.__new__(cls)

    return Maker(full, None, new, cls)


def find(module: str, name: str, user: dict[str, Any]) -> Any:
    """What a global name of a file stands for.

    Raises:
        NotDataError: the name is not part of the grammar.
    """
    global _table
    if _table is None:
        _table = _fixed()
    module, name = PY2.get((module, name), (module, name))
    if module.partition(".")[0] == "rushlight":
        from .._names import shown_name

        module = shown_name(module) or module
    full = f"{module}.{name}"
    if full in _table:
        return _table[full]
    if module in BLOCKED or full in BLOCKED:
        raise NotDataError(f"the file names {full}, whose module is blocked")
    if full in user:
        return user[full]
    found = _lookup_value(full) or _lookup_layer(full)
    if found is None:
        if full in UNSUPPORTED:
            raise LoadError(f"the file contains {UNSUPPORTED[full]}, which is not supported")
        raise NotDataError(
            f"Unsupported global: GLOBAL {full} was not an allowed global by default: only data "
            "and library layers are loaded. Save a state_dict instead, or, for a class of yours, "
            f"allow it: torch.serialization.add_safe_globals([{name}])"
        )
    _table[full] = found
    return found


def check_module_state(module: Any, state: Any) -> None:
    """Refuse attributes that are not a layer's data: methods, special names, hooks.

    A property of the class cannot be hidden by an entry of the state.
    """
    from .. import Tensor
    from ..nn import Module

    cls = type(module)
    _expect(type(state) is dict, f"{cls.__name__}: the state is not a dict")
    for name, value in state.items():
        plain = type(name) is str and name.isidentifier() and not name.startswith("__")
        there = getattr(cls, name, None) if plain else None
        if not plain or callable(there):
            raise LoadError(f"{cls.__name__}: attribute {name!r} is not allowed")
        if name.endswith("_hooks") or "_hooks_" in name:
            empty = value is None or (type(value) in (dict, OrderedDict, list) and not value)
            _expect(empty, f"{cls.__name__}: hooks in a file are refused")
    kinds = {"_parameters": Tensor, "_buffers": Tensor, "_modules": Module}
    for name, kind in kinds.items():
        part = state.get(name, {})
        good = type(part) in (dict, OrderedDict) and all(
            type(k) is str and (v is None or isinstance(v, kind)) for k, v in part.items()
        )
        _expect(good, f"{cls.__name__}: {name} is not a dict of {kind.__name__}")
