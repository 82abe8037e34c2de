"""The tensorboardX library's writers, taking our tensors, guarding names and drawing our models."""

from __future__ import annotations

import functools
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.writer import FileWriter as _FileWriter
from tensorboardX.writer import SummaryWriter as _SummaryWriter

from ... import Tensor
from . import _names

__all__ = ["FileWriter", "SummaryWriter", "Writer", "plain"]


_opened = itertools.count()


def plain(value: Any) -> Any:
    """`value` with every tensor in it, at any depth of lists, tuples and dicts, as a numpy array."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().resolve_conj().resolve_neg()
        return (value.float() if str(value.dtype).endswith("bfloat16") else value).numpy()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(v) for v in value)
    return value


class FileWriter(_FileWriter):
    """Write events to one file in a folder.

    Args:
        log_dir: the folder, made if need be.
        max_queue: events that wait before `add_event` does.
        flush_secs: seconds between flushes.
        filename_suffix: added to the file's name.

    Example:
        >>> import tempfile
        >>> from rushlight.utils.tensorboard import FileWriter
        >>> from rushlight.utils.tensorboard.summary import scalar
        >>> writer = FileWriter(tempfile.mkdtemp())
        >>> writer.add_summary(scalar("loss", 0.5), 1)
        >>> writer.close()
    """

    # A flush that waits longer than this (seconds) for the writing thread goes on without it.
    patience = 10.0

    def __init__(
        self,
        log_dir: Any = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
        logdir: Any = None,
    ) -> None:
        # The library names files by the second: two writers of one folder must not share one.
        own = f".{os.getpid()}.{next(_opened)}{filename_suffix}"
        super().__init__(log_dir if logdir is None else logdir, max_queue, flush_secs, own)
        self._owner = os.getpid()
        self._given = 0
        self._count_written()

    def _count_written(self) -> None:
        self._written = 0
        write = self.event_writer._ev_writer.write_event

        def counted(event: Any) -> Any:
            try:
                return write(event)
            finally:
                self._written += 1

        self.event_writer._ev_writer.write_event = counted

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Queue an event protocol buffer."""
        super().add_event(event, step, walltime)
        self._given += 1

    def add_summary(
        self, summary: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Queue a summary protocol buffer; tags are escaped where they hold control characters."""
        for value in summary.value:
            value.tag = _names.tag(value.tag)
        super().add_summary(summary, global_step, walltime)

    def add_graph(self, graph_profile: Any, walltime: float | None = None) -> None:
        """Queue a graph: a GraphDef, or a pair whose first element is one."""
        graph = graph_profile[0] if isinstance(graph_profile, tuple) else graph_profile
        self.add_event(Event(graph_def=graph.SerializeToString()), None, walltime)

    def flush(self) -> None:
        """Wait until what was added is in the file."""
        limit = time.monotonic() + self.patience
        worker = self.event_writer._worker
        while (
            self._owner == os.getpid()
            and self._written < self._given
            and worker is not None
            and worker.is_alive()
            and time.monotonic() < limit
        ):
            time.sleep(0.001)
        super().flush()


class Writer(_SummaryWriter):
    """What PyTorch's and tensorboardX's `SummaryWriter` share here."""

    @property
    def log_dir(self) -> str:
        return self.logdir

    def get_logdir(self) -> str:
        """The folder of the event files."""
        return self.logdir

    def _get_file_writer(self) -> Any:
        if not self._write_to_disk:
            return super()._get_file_writer()
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = self._open(self.logdir)
            if self.purge_step is not None:
                self.file_writer.add_event(
                    Event(step=self.purge_step, file_version="brain.Event:2")
                )
                start = SessionLog(status=SessionLog.START)
                self.file_writer.add_event(Event(step=self.purge_step, session_log=start))
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
        return self.file_writer

    def _open(self, folder: str) -> FileWriter:
        return FileWriter(
            str(folder), self._max_queue, self._flush_secs, self._filename_suffix, **self.kwargs
        )

    def add_graph(
        self,
        model: Any,
        input_to_model: Any = None,
        verbose: bool = False,
        use_strict_trace: bool = True,
    ) -> None:
        """Add the modules and operators of a model, found by running it once in evaluation mode.

        Args:
            model: a module.
            input_to_model: a tensor, or a tuple of the arguments.
            verbose: print the operators too.
            use_strict_trace: accepted.

        Raises:
            TypeError: the model is not a module, or the input is missing.
        """
        from ._graph import graph

        found = graph(model, input_to_model)
        if verbose:
            print(found)
        self._get_file_writer().add_graph((found, None))

    def add_onnx_graph(self, onnx_model_file: Any) -> None:
        """Add the graph of an ONNX file; needs the onnx library."""
        try:
            super().add_onnx_graph(onnx_model_file)
        except ModuleNotFoundError as e:
            if e.name != "onnx":
                raise
            raise ImportError(
                "SummaryWriter.add_onnx_graph reads the file with the onnx library, which is not installed: "
                "pip install onnx"
            ) from e

    def add_openvino_graph(self, xmlname: Any) -> None:
        """Refused.

        Raises:
            NotImplementedError: always; the message says what to do.
        """
        raise NotImplementedError(
            "SummaryWriter.add_openvino_graph: OpenVINO files are not read by rushlight; "
            "use add_graph(model, input), or add_onnx_graph(path)"
        )

    @staticmethod
    def _encode(rawstr: str) -> str:
        return _names.path(_names.escaped(rawstr, '/\\"')) or "%"

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Add points for the projector.

        Args:
            mat: points (N, D).
            metadata: N labels, or N rows of labels with `metadata_header`.
            label_img: N square pictures (N, C, H, W).
            global_step: step to record.
            tag: the embedding's name.
            metadata_header: names of the columns of `metadata`.
        """
        mat, label_img, metadata = plain(mat), plain(label_img), plain(metadata)
        if metadata is not None:
            metadata = [
                [_names.cell(c) for c in row] if metadata_header else _names.cell(row)
                for row in metadata
            ]
        step = None if global_step is None else int(global_step)
        super().add_embedding(
            mat, metadata, label_img, step, _names.embedding(tag), metadata_header
        )


class SummaryWriter(Writer):
    """tensorboardX's `SummaryWriter`, with its own arguments, for our tensors."""

    def add_hparams(
        self, hparam_dict: Any, metric_dict: Any, name: Any = None, global_step: Any = None
    ) -> None:
        if name:
            _names.run(str(self.logdir), name)
        super().add_hparams(plain(hparam_dict), plain(metric_dict), name, global_step)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        scalars = {_names.path(k): plain(v) for k, v in tag_scalar_dict.items()}
        super().add_scalars(_names.path(main_tag), scalars, global_step, walltime)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: Any = None,
        fps: float = 4,
        walltime: float | None = None,
        dataformats: str = "NTCHW",
    ) -> None:
        from .summary import video

        summary = video(tag, vid_tensor, fps, dataformats)
        self._get_file_writer().add_summary(summary, global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        from .summary import audio

        summary = audio(tag, snd_tensor, sample_rate)
        self._get_file_writer().add_summary(summary, global_step, walltime)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Any = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        from .summary import mesh

        summary = mesh(tag, vertices, colors, faces, config_dict)
        self._get_file_writer().add_summary(summary, global_step, walltime)


def _taking_tensors(method: Callable) -> Callable:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method(self, *map(plain, args), **{k: plain(v) for k, v in kwargs.items()})

    return call


for _name in dir(_SummaryWriter):
    if _name.startswith("add_") and not any(_name in vars(c) for c in (SummaryWriter, Writer)):
        setattr(SummaryWriter, _name, _taking_tensors(getattr(_SummaryWriter, _name)))
