"""Putting samples together into a batch."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

from .... import _C

# Kinds of numpy arrays that cannot become tensors: bytes, objects, text.
np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_convert(data: Any) -> Any:
    """Turn the numpy arrays and numbers inside one sample into tensors.

    Args:
        data: a sample: an array, or a dict, tuple or list of such; anything else stays as it is.

    Returns:
        The same structure; a plain tuple becomes a list.

    Example:
        >>> import rushlight as torch
        >>> torch.utils.data.default_convert({"a": 1})
        {'a': 1}
    """
    kind = type(data)
    if isinstance(data, _C.Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_", "bytes_"):
        if kind.__name__ == "ndarray" and np_str_obj_array_pattern.search(data.dtype.str):
            return data
        from .... import as_tensor

        return as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(item) for item in data])
    return data


def _like_mapping(model: Mapping, items: dict) -> Any:
    """A mapping of the model's class with the given items; a dict where that cannot be made."""
    try:
        if isinstance(model, MutableMapping):
            result = copy.copy(model)  # keeps what the class carries besides its items
            result.update(items)
            return result
        return type(model)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _like_sequence(model: Sequence, items: list) -> Any:
    try:
        if isinstance(model, MutableSequence):
            result = copy.copy(model)
            for i, item in enumerate(items):
                result[i] = item
            return result
        return type(model)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """Put samples together, the containers inside them element by element.

    Args:
        batch: the samples, at least one.
        collate_fn_map: which function handles which class; exact classes come first, then
            base classes in the order of the dict.

    Returns:
        A batch of the structure of one sample.

    Raises:
        RuntimeError: sequences of different lengths.
        TypeError: a class that neither the map nor this function knows.
    """
    first = batch[0]
    if collate_fn_map is not None:
        handler = collate_fn_map.get(type(first))
        if handler is None:
            _add_numpy_types(collate_fn_map)
            for kinds, candidate in collate_fn_map.items():
                if isinstance(first, kinds):
                    handler = candidate
                    break
        if handler is not None:
            return handler(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        items = {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
            for key in first
        }
        return _like_mapping(first, items)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        columns = (collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch))
        return type(first)(*columns)
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
        return parts if isinstance(first, tuple) else _like_sequence(first, parts)
    raise TypeError(default_collate_err_msg_format.format(type(first)))


def collate_tensor_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return _C.ops.stack(list(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    dtype = batch[0].dtype
    if np_str_obj_array_pattern.search(dtype.str):
        raise TypeError(default_collate_err_msg_format.format(dtype))
    from .... import as_tensor

    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from .... import as_tensor

    return as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from .... import tensor

    for place, value in enumerate(batch):
        if value is None:
            error = TypeError("must be real number, not NoneType")
            error.__notes__ = [f"default_collate: value {place} of the batch is None"]
            raise error
    return tensor(batch, dtype=_C.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    from .... import tensor

    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return batch


default_collate_fn_map: dict[Any, Callable] = {
    _C.Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def _add_numpy_types(table: dict[Any, Callable]) -> None:
    """Enter numpy's classes into the default table once numpy is loaded (we do not load it)."""
    numpy = sys.modules.get("numpy")
    if numpy is None or table is not default_collate_fn_map or numpy.ndarray in table:
        return
    # Before float and int: numpy.float64 is a float, and a batch of them must keep its dtype.
    rest = {kind: table.pop(kind) for kind in list(table) if kind is not _C.Tensor}
    table[numpy.ndarray] = collate_numpy_array_fn
    table[(numpy.bool_, numpy.number, numpy.object_)] = collate_numpy_scalar_fn
    table.update(rest)


def default_collate(batch: Any) -> Any:
    """Put samples together: tensors, arrays and numbers become tensors with a first batch dimension.

    Args:
        batch: samples of one structure (tensors, arrays, numbers, strings, and dicts, named
            tuples, tuples or lists of them).

    Returns:
        The same structure: stacked tensors; strings stay in a list; tuples become lists.

    Raises:
        RuntimeError: tensors of different shapes, or sequences of different lengths.
        TypeError: a class it does not know.

    Example:
        >>> import rushlight as torch
        >>> torch.utils.data.default_collate([(0, 1.5), (2, 3.5)])
        [tensor([0, 2]), tensor([1.5000, 3.5000], dtype=torch.float64)]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
