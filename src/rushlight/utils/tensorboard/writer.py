"""The writer: tensorboardX's, taking our tensors and PyTorch's arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorboardX import SummaryWriter as _Writer

from ... import Tensor


def plain(value: Any) -> Any:
    """`value` with every tensor in it, at any depth of lists, tuples and dicts, as a numpy array."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return (value.float() if str(value.dtype).endswith("bfloat16") else value).numpy()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(v) for v in value)
    return value


def _taking_tensors(method: Callable) -> Callable:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # What only PyTorch's own writer knows changes the encoding, not the value.
        kwargs.pop("new_style", None)
        kwargs.pop("double_precision", None)
        return method(self, *map(plain, args), **{k: plain(v) for k, v in kwargs.items()})

    return call


class SummaryWriter(_Writer):
    """Write event files for TensorBoard.

    Args:
        log_dir: the folder; default `runs/DATE_HOSTNAME` plus `comment`.
        comment: added to the default folder's name.
        purge_step: events of this step and later from an earlier run are hidden.
        max_queue: events that wait before a write.
        flush_secs: seconds between flushes.
        filename_suffix: added to the file's name.

    Example:
        >>> from rushlight.utils.tensorboard import SummaryWriter
        >>> import tempfile
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_scalar("loss", 0.5, 1)
    """

    def __init__(
        self,
        log_dir: str | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kwargs.pop("logdir", log_dir),
            comment,
            purge_step,
            max_queue,
            flush_secs,
            filename_suffix,
            **kwargs,
        )

    @property
    def log_dir(self) -> str:
        return self.logdir

    def get_logdir(self) -> str:
        """The folder of the event files."""
        return self.logdir

    def add_graph(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SummaryWriter.add_graph: rushlight cannot trace a model into a graph yet"
        )


for _name in dir(_Writer):
    if _name.startswith("add_") and _name not in vars(SummaryWriter):
        setattr(SummaryWriter, _name, _taking_tensors(getattr(_Writer, _name)))
