"""Names for annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any, Union

from . import _C

__all__ = ["Device", "FileLike", "Number", "Storage"]

Tensor = _C.Tensor
Number = Union[int, float, bool]  # noqa: UP007
Device = Union[_C.device, str, int, None]  # noqa: UP007
FileLike = Union[str, os.PathLike, IO[bytes]]  # noqa: UP007
Storage = Any

_int, _float, _bool, _complex = int, float, bool, complex
_dtype, _device, _layout, _size = _C.dtype, _C.device, _C.layout, Sequence[int]
_TensorOrTensors = Union[Tensor, Sequence[Tensor]]  # noqa: UP007
