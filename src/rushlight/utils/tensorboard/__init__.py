"""`SummaryWriter`: what TensorBoard shows, written by the tensorboardX library."""

from __future__ import annotations

# The library comes first: its import may itself load `.writer`, which must find it complete.
try:
    from tensorboardX.record_writer import RecordWriter
except ImportError as e:
    raise ImportError(
        "utils.tensorboard writes its files with the tensorboardX library, which is not installed: "
        'pip install tensorboardX, or "rushlight[log]"'
    ) from e

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
