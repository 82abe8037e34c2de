"""The writer with PyTorch's arguments."""

from __future__ import annotations

import os
import time
from typing import Any

from tensorboardX.utils import figure_to_image

from . import _names, summary
from ._library import FileWriter, Writer, plain

__all__ = ["FileWriter", "SummaryWriter"]


class SummaryWriter(Writer):
    """Write event files for TensorBoard.

    Every `add_*` method takes tensors, arrays and numbers, a `global_step` (the place on the horizontal axis) and a
    `walltime` in seconds (default: now).

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
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
        **kwargs: Any,
    ) -> None:
        folder = kwargs.pop("logdir", log_dir)
        super().__init__(
            None if folder is None else os.fspath(folder),
            comment,
            purge_step,
            max_queue,
            flush_secs,
            filename_suffix,
            **kwargs,
        )
        self.max_queue, self.flush_secs, self.filename_suffix = (
            max_queue,
            flush_secs,
            filename_suffix,
        )

    def _add(self, content: Any, global_step: Any = None, walltime: float | None = None) -> None:
        self._get_file_writer().add_summary(content, plain(global_step), walltime)

    def add_hparams(
        self,
        hparam_dict: dict,
        metric_dict: dict,
        hparam_domain_discrete: dict | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Add hyperparameters and the results that they gave, as a run of its own.

        Args:
            hparam_dict: name -> number, bool, string, one-element tensor or None.
            metric_dict: name -> value.
            hparam_domain_discrete: name -> all values that it may have.
            run_name: the run's folder in the log folder; default: the time.
            global_step: step to record.

        Raises:
            TypeError, ValueError: see `summary.hparams`; a run name that leaves the log folder.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        parts = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = _names.run(str(self.log_dir), run_name or str(time.time()))
        with SummaryWriter(folder) as run:
            for part in parts:
                run._add(part, global_step)
            for name, value in metric_dict.items():
                run.add_scalar(name, value, global_step)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
        display_name: str = "",
        summary_description: str = "",
    ) -> None:
        """Add a number to the curve `tag`; see `summary.scalar`. The last two describe the chart."""
        content = summary.scalar(tag, scalar_value, None, new_style, double_precision)
        if display_name or summary_description:
            content.value[0].metadata.display_name = display_name
            content.value[0].metadata.summary_description = summary_description
        self._add(content, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Add numbers to curves that share one chart; each is a run of its own, `main_tag_NAME`."""
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        for name, value in tag_scalar_dict.items():
            run = _names.path(_names.tag(f"{main_tag.replace('/', '_')}_{name}"))
            run = f"{folder}/{run}"
            if run not in self.all_writers:
                self.all_writers[run] = self._open(run)
            content = summary.scalar(main_tag, value)
            self.all_writers[run].add_summary(content, plain(global_step), walltime)
            row = [walltime, global_step, content.value[0].simple_value]
            self.scalar_dict.setdefault(run, []).append(row)

    def add_tensor(
        self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Add a whole tensor; see `summary.tensor_proto`."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Add the distribution of the elements of `values`; see `summary.histogram`."""
        bins = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        self._add(summary.histogram(tag, values, plain(bins), max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Add a distribution that has been counted: `bucket_limits` are the upper ends."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError(
                "len(bucket_limits) != len(bucket_counts), see the document.\n"
                f"got {len(bucket_limits)} limits and {len(bucket_counts)} counts; numpy.histogram gives one limit "
                "more: leave out the first"
            )
        content = summary.histogram_raw(
            tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts
        )
        self._add(content, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Add a picture; see `summary.image`."""
        content = summary.image(tag, img_tensor, dataformats=dataformats)
        self._add(content, global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Add a batch of pictures as a grid; see `summary.image`. A list holds pictures of equal size."""
        if isinstance(img_tensor, list) and len(dataformats) == 3:
            dataformats = "N" + dataformats
        content = summary.image(tag, img_tensor, dataformats=dataformats)
        self._add(content, global_step, walltime)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Any = None,
    ) -> None:
        """Add a picture with boxes (N, 4) and, if there are N of them, their labels."""
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != box_tensor.shape[0]:
            labels = None
        content = summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._add(content, global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Add a matplotlib figure, or a list of them, and close it."""
        axes = "NCHW" if isinstance(figure, list) else "CHW"
        self.add_image(tag, figure_to_image(figure, close), global_step, walltime, axes)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: Any = None,
        fps: float = 4,
        walltime: float | None = None,
        dataformats: str = "NTCHW",
    ) -> None:
        """Add moving pictures; see `summary.video`."""
        self._add(summary.video(tag, vid_tensor, fps, dataformats), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Add a sound; see `summary.audio`."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Add a text, shown as Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Add a curve of precision against recall; see `summary.pr_curve`."""
        content = summary.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._add(content, global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Add a curve of precision against recall from counts at every threshold."""
        counts = (
            true_positive_counts,
            false_positive_counts,
            true_negative_counts,
            false_negative_counts,
        )
        content = summary.pr_curve_raw(tag, *counts, precision, recall, num_thresholds, weights)
        self._add(content, global_step, walltime)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: dict | None = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Add points or triangles in space; see `summary.mesh`."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)
