"""Options of LinearCrossEntropyLoss."""

from __future__ import annotations

__all__ = ["LinearCrossEntropyOptions"]

_FIELDS = {
    "allow_retain_graph": False,
    "batch_chunk_size": None,
    "chunking_method": "auto",
    "acc_policy": "auto",
    "acc_dtype": None,
}


class LinearCrossEntropyOptions:
    """How the loss may be split into chunks; accepted for compatibility, the result is the same.

    Args:
        allow_retain_graph (bool): Default: False.
        batch_chunk_size (int, optional): rows per chunk.
        chunking_method (str, optional): "auto", "aspect_ratio" or "aspect_ratio:N".
        acc_policy (str): "auto", "accurate", "balanced" or "compact".
        acc_dtype (dtype, optional): type of the sums.
    """

    __slots__ = tuple(_FIELDS)

    def __init__(self, *args, **kwargs) -> None:
        values = {**_FIELDS, **dict(zip(_FIELDS, args)), **kwargs}
        unknown = values.keys() - _FIELDS.keys()
        if unknown or len(args) > len(_FIELDS):
            raise TypeError(f"LinearCrossEntropyOptions: unexpected arguments {unknown or args}")
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        method, size = self.chunking_method, self.batch_chunk_size
        if method is not None and method != "auto":
            name, colon, factor = method.partition(":")
            positive = (factor.isdigit() and int(factor) > 0) if colon else True
            if name != "aspect_ratio" or not positive:
                raise ValueError(f"invalid chunking_method: {method!r}")
        if not (size is None or (isinstance(size, int) and size > 0)):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")

    def __setattr__(self, name, value) -> None:
        raise AttributeError(f"cannot assign to field {name!r}")

    def _values(self) -> tuple:
        return tuple(getattr(self, name) for name in _FIELDS)

    def __eq__(self, other) -> bool:
        if not isinstance(other, LinearCrossEntropyOptions):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __reduce__(self):
        return type(self), self._values()

    def __setstate__(self, state) -> None:
        # Files of PyTorch hold the bare values.
        self.__init__(*state)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in zip(_FIELDS, self._values()))
        return f"LinearCrossEntropyOptions({fields})"
