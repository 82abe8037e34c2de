"""`SummaryWriter`: what TensorBoard shows, written by the tensorboardX library."""

from __future__ import annotations

import sys

# The library imports PyTorch where that is installed; it gets arrays from here and needs none.
_kept_out = "torch" not in sys.modules
if _kept_out:
    sys.modules["torch"] = None  # type: ignore[assignment]

# The library comes first: its import may itself load `.writer`, which must find it complete.
try:
    from tensorboardX.record_writer import RecordWriter
except ImportError as e:
    raise ImportError(
        "utils.tensorboard writes its files with the tensorboardX library, which is not installed: "
        'pip install tensorboardX, or "rushlight[log]"'
    ) from e
finally:
    if _kept_out and sys.modules.get("torch") is None:
        del sys.modules["torch"]

from .writer import FileWriter, SummaryWriter  # noqa: E402

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
