"""`SummaryWriter`: what TensorBoard shows, written by the tensorboardX library."""

from __future__ import annotations

try:
    import tensorboardX as _tensorboardX  # noqa: F401
except ImportError as e:
    raise ImportError(
        "utils.tensorboard writes its files with the tensorboardX library, which is not installed: "
        "pip install tensorboardX"
    ) from e

from .writer import SummaryWriter

__all__ = ["SummaryWriter"]
