"""What the kinds of tensors share: how they are made, and what operators on them give."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from ... import Tensor, as_tensor
from ..._C import DisableTorchFunctionSubclass

_RETURN_TYPES = {"tensor": False, "tvtensor": True}
_keeps_kind = False
# Operators whose result is of the kind of their first argument, whatever is set: they change no meaning.
_KEEPING = ("clone", "to", "detach", "requires_grad_")


class TVTensor(Tensor):
    """The base of images, videos, masks, boxes and key points.

    Operators on them give plain tensors (a sum of boxes is no box), except for `clone`, `to`, `detach` and
    `requires_grad_`; see `set_return_type`.
    """

    @staticmethod
    def _to_tensor(
        data: Any, dtype: Any = None, device: Any = None, requires_grad: bool | None = None
    ) -> Tensor:
        if requires_grad is None:
            requires_grad = data.requires_grad if isinstance(data, Tensor) else False
        if not isinstance(data, Tensor) and hasattr(data, "getbands"):  # a PIL image
            from ..transforms._conversion import pil_to_tensor

            data = pil_to_tensor(data)
        return as_tensor(data, dtype=dtype, device=device).requires_grad_(requires_grad)

    @classmethod
    def _wrap_output(cls, output: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """`output` as this kind, with the particulars of the first tensor of this kind among `args`."""
        if isinstance(output, Tensor) and not isinstance(output, cls):
            return output.as_subclass(cls)
        if isinstance(output, (tuple, list)):
            parts = [cls._wrap_output(part, args, kwargs) for part in output]
            return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
        return output

    @classmethod
    def __torch_function__(
        cls,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if not all(issubclass(cls, t) for t in types):
            return NotImplemented
        with DisableTorchFunctionSubclass():
            output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if _keeps_kind or (name in _KEEPING and args and isinstance(args[0], cls)):
            return cls._wrap_output(output, args, kwargs)
        return output.as_subclass(Tensor) if isinstance(output, cls) else output

    def _like(self, plain: Tensor) -> Any:
        """`plain` as this kind of tensor, with the particulars of this one."""
        return plain.as_subclass(type(self))

    def _make_repr(self, **particulars: Any) -> str:
        parts = [f"{name}={value}" for name, value in particulars.items()]
        return f"{', '.join([super().__repr__()[:-1], *parts])})"

    @property
    def shape(self) -> Any:
        with DisableTorchFunctionSubclass():
            return super().shape

    @property
    def ndim(self) -> int:
        with DisableTorchFunctionSubclass():
            return super().ndim

    @property
    def dtype(self) -> Any:
        with DisableTorchFunctionSubclass():
            return super().dtype

    @property
    def device(self) -> Any:
        with DisableTorchFunctionSubclass():
            return super().device

    def __deepcopy__(self, memo: dict[int, Any]) -> TVTensor:
        copied = self.detach().clone().requires_grad_(self.requires_grad)
        copied.__dict__.update(deepcopy(self.__dict__, memo))
        memo[id(self)] = copied
        return copied


class _ReturnType(contextlib.AbstractContextManager):
    """Sets the return type at once, and back at the end of a `with` block."""

    def __init__(self, keeps: bool) -> None:
        global _keeps_kind
        self.before = _keeps_kind
        _keeps_kind = keeps

    def __exit__(self, *error: Any) -> None:
        global _keeps_kind
        _keeps_kind = self.before


def set_return_type(return_type: str) -> contextlib.AbstractContextManager:
    """What operators on `TVTensor`s give: from now on, or within a `with` block.

    Args:
        return_type: "Tensor" (the default state) or "TVTensor".

    Raises:
        ValueError: for another name.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> image = tv_tensors.Image(torch.zeros(3, 4, 5))
        >>> with tv_tensors.set_return_type("TVTensor"):
        ...     type(image + 1).__name__
        'Image'
        >>> type(image + 1).__name__
        'Tensor'
    """
    if not isinstance(return_type, str) or return_type.lower() not in _RETURN_TYPES:
        raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type}")
    return _ReturnType(_RETURN_TYPES[return_type.lower()])


def wrap(wrappee: Tensor, *, like: TVTensor, **kwargs: Any) -> Any:
    """A plain tensor as the kind of `like`, with its particulars; no copy is made.

    Args:
        wrappee: the tensor.
        like: an image, boxes, ...
        kwargs: other particulars: of boxes `format`, `canvas_size` and `clamping_mode`, of key points `canvas_size`.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> boxes = tv_tensors.BoundingBoxes([[0, 0, 2, 2]], format="XYXY", canvas_size=(4, 4))
        >>> tv_tensors.wrap(boxes + 1, like=boxes).canvas_size
        (4, 4)
    """
    return like._like(wrappee, **kwargs)


def tensors_of(kind: type, values: Any) -> Iterator[Any]:
    """The tensors of a kind among the arguments of a call, lists of tensors included."""
    for value in values:
        if isinstance(value, kind):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from tensors_of(kind, value)
