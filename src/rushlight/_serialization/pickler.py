"""Writer of pickles whose names PyTorch understands.

Classes and functions of this package must appear in files as ``torch...``, whatever they are called
in this process. The pickler is asked about every object; for a name of ours it writes a persistent
id that holds a marker no other text can contain, and afterwards the markers are replaced by the
opcodes that name the global.
"""

from __future__ import annotations

import io
import os
import re
from types import BuiltinFunctionType, FunctionType
from typing import Any

from .. import _C

_OPERATOR = type(_C.ops.relu)
_NAMED = (type, FunctionType, BuiltinFunctionType, _C.Overridable, _OPERATOR)
_NATIVE = {"Tensor", "Size", "dtype", "device", "layout", "memory_format", "finfo", "iinfo"}


def file_name(obj: Any) -> str | None:
    """``"module name"`` under which a class, function or dtype of ours stands in files."""
    from .._names import shown_name

    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return None
    if isinstance(obj, _OPERATOR):
        return _operator_name(obj)
    if isinstance(obj, _C.Overridable):
        return _function_name(obj)
    root = module.partition(".")[0]
    if root not in ("rushlight", "torch", "torchvision"):
        return None
    from ..storage import _rl

    if name in _NATIVE and getattr(_rl(), name, None) is obj:
        return f"torch {name}"
    if root == "rushlight":
        shown = shown_name(module)
        if shown is None:
            return None
        module = shown
    elif not _is_ours(obj, module):
        return None
    return f"{module} {name}"


def _function_name(function: Any) -> str | None:
    from .._names import shown_name
    from ..overrides import _published, _reduce_function

    reduced = _reduce_function(function)
    if isinstance(reduced, str):
        return f"{shown_name(function.__module__) or function.__module__} {reduced}"
    return " ".join(reduced[1]) if reduced[0] is _published else None


def _operator_name(operator: Any) -> str | None:
    """PyTorch keeps the native functions that only `nn.functional` shows in `torch._C._nn`."""
    from ..nn import functional
    from ..storage import _rl

    name = operator.__name__
    if operator.__qualname__ != name:
        return None
    if getattr(_rl(), name, None) is operator:
        return f"torch {name}"
    shown = "logsigmoid" if name == "log_sigmoid" else name
    return f"torch._C._nn {name}" if getattr(functional, shown, None) is operator else None


def _is_ours(obj: Any, module: str) -> bool:
    """Whether an object that calls itself ``torch...`` belongs to this package."""
    from sys import modules

    from .._names import our_name

    ours = modules.get(our_name(module) or "")
    return ours is not None and getattr(ours, obj.__qualname__.partition(".")[0], None) is not None


def save_pickle(
    obj: Any, pickle_module: Any, protocol: int, storage_id: Any
) -> bytes | bytearray | memoryview:
    """Pickle ``obj``; storages become the persistent ids that ``storage_id`` returns.

    Args:
        obj: the object.
        pickle_module: module whose ``Pickler`` is used.
        protocol: 2 and above.
        storage_id: function of a storage, returns the tuple that stands for it.
    """
    from .. import dtype
    from ..storage import TypedStorage, UntypedStorage

    if protocol >= 4:
        return _save_new_protocol(obj, protocol, storage_id)
    marker = "rl-" + os.urandom(12).hex() + "-"
    storages = (TypedStorage, UntypedStorage)
    names: dict[Any, str | None] = {}

    def persistent_id(obj: Any) -> Any:
        if isinstance(obj, _NAMED):
            if obj in names:
                name = names[obj]
            else:
                name = names[obj] = file_name(obj)
        elif isinstance(obj, storages):
            return storage_id(obj)
        elif isinstance(obj, dtype):
            name = "torch " + str(obj).rpartition(".")[2]
        else:
            return None
        return None if name is None else f"{marker}{name};"

    stream = io.BytesIO()
    pickler = _pickler_class(pickle_module, persistent_id)(stream, protocol=protocol)
    pickler.dump(obj)
    return _replace_markers(stream.getvalue(), marker)


def _pickler_class(pickle_module: Any, persistent_id: Any) -> type:
    class Pickler(pickle_module.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return persistent_id(obj)

    return Pickler


def _replace_markers(data: bytes, marker: str) -> bytes:
    """Turn every marked persistent id into GLOBAL, or into a reference to the first of its name."""
    raw = marker.encode()
    if raw not in data:
        return data
    # BINUNICODE length marker+name, BINPUT or LONG_BINPUT, BINPERSID
    pattern = rb"X.{4}" + re.escape(raw) + rb"([\w.]+) ([\w.]+);(q.|r.{4})Q"
    seen: dict[bytes, bytes] = {}

    def replace(match: re.Match[bytes]) -> bytes:
        module, name, put = match[1], match[2], match[3]
        name = module + b"\n" + name + b"\n"
        if name in seen:
            return seen[name]
        # the memo entry of the first marker becomes that of the name
        seen[name] = (b"h" if put[:1] == b"q" else b"j") + put[1:]
        return b"c" + name + put

    return re.sub(pattern, replace, data, flags=re.DOTALL)


def _save_new_protocol(obj: Any, protocol: int, storage_id: Any) -> bytes:
    """Protocols 4 and 5 frame their text, so names are given while writing (slower)."""
    import pickle

    from .. import dtype
    from ..storage import TypedStorage, UntypedStorage

    class Pickler(pickle._Pickler):  # type: ignore[name-defined]
        def persistent_id(self, obj: Any) -> Any:
            return storage_id(obj) if isinstance(obj, (TypedStorage, UntypedStorage)) else None

        def save(self, obj: Any, save_persistent_id: bool = True) -> None:
            name = None
            if isinstance(obj, dtype):
                name = "torch " + str(obj).rpartition(".")[2]
            elif isinstance(obj, _NAMED):
                name = file_name(obj)
            if name is None:
                super().save(obj, save_persistent_id)
            elif id(obj) in self.memo:
                self.write(self.get(self.memo[id(obj)][0]))
            else:
                for part in name.split():
                    super().save(part)
                self.write(pickle.STACK_GLOBAL)
                self.memoize(obj)

    stream = io.BytesIO()
    Pickler(stream, protocol=protocol).dump(obj)
    return stream.getvalue()
