"""`torch.amp.autocast("cpu", ...)` under its older name."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from ... import _C
from ...amp import autocast_mode as _mode


class autocast(_mode.autocast):
    """Older spelling of `torch.amp.autocast("cpu", ...)`; warns.

    Args:
        enabled, dtype, cache_enabled: as there.
    """

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        warnings.warn(
            "`torch.cpu.amp.autocast(args...)` is deprecated. "
            "Please use `torch.amp.autocast('cpu', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        dtype = dtype or (_C.float16 if "cpu" == "cuda" else _C.bfloat16)
        super().__init__("cpu", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


custom_fwd: Callable = functools.partial(_mode.custom_fwd, device_type="cpu")
custom_bwd: Callable = functools.partial(_mode.custom_bwd, device_type="cpu")
