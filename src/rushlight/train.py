"""Small helpers for training loops written out by hand: sums, a clock, curves and accuracy."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from . import Tensor, no_grad
from .nn.modules.module import Module

__all__ = [
    "Accumulator",
    "Animator",
    "Timer",
    "accuracy",
    "evaluate_accuracy",
    "evaluate_accuracy_gpu",
]


class Accumulator:
    """Sums of `n` quantities.

    Example:
        >>> from rushlight.train import Accumulator
        >>> metric = Accumulator(2)
        >>> metric.add(1.5, 10)
        >>> metric.add(0.5, 10)
        >>> metric[0] / metric[1]
        0.1
    """

    def __init__(self, n: int) -> None:
        self.data = [0.0] * n

    def add(self, *args: Any) -> None:
        """Add a number or a one-element tensor to each sum."""
        if len(args) != len(self.data):
            raise ValueError(f"Accumulator.add: got {len(args)} values, expected {len(self.data)}")
        self.data = [
            a + float(b.detach() if isinstance(b, Tensor) else b) for a, b in zip(self.data, args)
        ]

    def reset(self) -> None:
        """Start from zero."""
        self.data = [0.0] * len(self.data)

    def __getitem__(self, index: int) -> float:
        return self.data[index]


class Timer:
    """A clock that is started and stopped many times; it starts running. Times are in seconds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        self.tik = time.perf_counter()

    def stop(self) -> float:
        """End a lap and return its length."""
        self.times.append(time.perf_counter() - self.tik)
        return self.times[-1]

    def avg(self) -> float:
        return self.sum() / len(self.times)

    def sum(self) -> float:
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """The sums of the first 1, 2, ... laps."""
        total, sums = 0.0, []
        for lap in self.times:
            total += lap
            sums.append(total)
        return sums


class Animator:
    """Curves that grow while a model trains.

    In a notebook the picture is redrawn at every `add`. In a terminal one line shows the latest values; it is kept
    whenever all curves have reached a whole number, and at the end of `xlim` the curves follow as text. `save` writes the
    picture, `str` gives the curves as text. Only drawing needs matplotlib.

    Args:
        xlabel, ylabel: axis labels.
        legend: the names of the curves.
        xlim, ylim: ends of the axes.
        xscale, yscale: "linear" or "log".
        fmts: a matplotlib format for each curve.
        nrows, ncols: accepted; there is one plot.
        figsize: inches.

    Example:
        >>> from rushlight.train import Animator
        >>> animator = Animator(legend=["loss"])
        >>> for epoch in range(4):
        ...     animator.add(epoch, 4 - epoch)
        >>> print(animator)
        loss  █▆▃▁  1
    """

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: Sequence[float] | None = None,
        ylim: Sequence[float] | None = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: Sequence[str] = ("-", "m--", "g-.", "r:"),
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        self.legend = list(legend or ())
        self.fmts = list(fmts)
        self.figsize = figsize
        self.axes = {
            "xlabel": xlabel,
            "ylabel": ylabel,
            "xlim": xlim,
            "ylim": ylim,
            "xscale": xscale,
            "yscale": yscale,
        }
        self.X: list[list[float]] = []
        self.Y: list[list[float]] = []
        self._handle: Any = None
        self._kept = 0

    def add(self, x: Any, y: Any) -> None:
        """Append a point to each curve; `y` (and `x`) may be one number or a sequence, None leaves a curve out."""
        ys = list(y) if isinstance(y, (list, tuple)) else [y]
        xs = list(x) if isinstance(x, (list, tuple)) else [x] * len(ys)
        while len(self.X) < len(ys):
            self.X.append([])
            self.Y.append([])
        for i, (a, b) in enumerate(zip(xs, ys)):
            if a is not None and b is not None:
                self.X[i].append(float(a))
                self.Y[i].append(float(b))
        self._show()

    def figure(self) -> Any:
        """The picture as a matplotlib figure.

        Raises:
            ImportError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as e:
            raise ImportError(
                "Animator draws with matplotlib, which is not installed: pip install matplotlib; "
                "print(animator) shows the curves as text"
            ) from e

        figure = Figure(figsize=self.figsize, layout="tight")
        axes = figure.subplots()
        for i, (x, y) in enumerate(zip(self.X, self.Y)):
            axes.plot(x, y, self.fmts[i % len(self.fmts)], label=self._label(i))
        axes.set(**{k: v for k, v in self.axes.items() if v is not None})
        if self.legend:
            axes.legend()
        axes.grid()
        return figure

    def save(self, path: Any, dpi: int = 150) -> None:
        """Write the picture to a file; the ending chooses the format."""
        self.figure().savefig(path, dpi=dpi)

    def __str__(self) -> str:
        width = max((len(self._label(i)) for i in range(len(self.Y))), default=0)
        return "\n".join(
            f"{self._label(i):{width}}  {_sparkline(y)}  {y[-1]:.4g}"
            for i, y in enumerate(self.Y)
            if y
        )

    def _label(self, i: int) -> str:
        return self.legend[i] if i < len(self.legend) else f"curve {i}"

    def _show(self) -> None:
        if "ipykernel" in sys.modules:
            self._show_in_notebook()
        elif sys.stderr is not None and sys.stderr.isatty():
            self._show_in_terminal()

    def _show_in_notebook(self) -> None:
        from IPython import display

        try:
            out = io.BytesIO()
            self.figure().savefig(out, format="png", dpi=100)
            shown: Any = display.Image(data=out.getvalue(), format="png")
        except ImportError:
            shown = display.Pretty(str(self))
        if self._handle is None:
            self._handle = display.display(shown, display_id=True)
        else:  # in place: what else the cell has printed stays
            self._handle.update(shown)

    def _show_in_terminal(self) -> None:
        latest = "  ".join(f"{self._label(i)} {y[-1]:.4g}" for i, y in enumerate(self.Y) if y)
        ends = {x[-1] if x else None for x in self.X}
        (end,) = ends if len(ends) == 1 else (None,)
        at = max((x[-1] for x in self.X if x), default=0.0)
        line = f"\r\x1b[K{self.axes['xlabel'] or 'x'} {at:.4g}  {latest}"
        xlim: Any = self.axes["xlim"]
        last = xlim is not None and end is not None and end >= max(xlim)
        if last:
            line += f"\n{self}\n"
        elif end is not None and end.is_integer() and self._kept < 100:
            self._kept += 1
            line += "\n"
        print(line, end="", file=sys.stderr, flush=True)


def _sparkline(values: Sequence[float], width: int = 40) -> str:
    """The last `width` values as a row of block characters."""
    values = values[-width:]
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(finite), max(finite)
    scale = 7 / (high - low) if high > low else 0.0
    return "".join(
        "▁▂▃▄▅▆▇█"[int((v - low) * scale + 0.5)] if math.isfinite(v) else "?" for v in values
    )


def accuracy(y_hat: Tensor, y: Tensor) -> float:
    """How many predictions are right.

    Args:
        y_hat: scores (N, classes), or classes (N,).
        y: classes (N,).

    Example:
        >>> import rushlight as torch
        >>> from rushlight.train import accuracy
        >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
        1.0
    """
    if y_hat.ndim > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(dim=1)
    return float((y_hat.to(y.dtype) == y).sum())


def evaluate_accuracy(net: Any, data_iter: Iterable[Any], device: Any = None) -> float:
    """The share of right predictions over a data set, with the model in evaluation mode meanwhile.

    Args:
        net: a module or function giving scores (N, classes).
        data_iter: batches (X, y); X may be a list of inputs.
        device: where the batches go; default: where the model's first parameter is.
    """
    training = getattr(net, "training", False)
    if isinstance(net, Module):
        net.eval()
        first = next(iter(net.parameters()), None)
        if device is None and first is not None:
            device = first.device
    right = total = 0.0
    with no_grad():
        for X, y in data_iter:
            if device is not None:
                X = [x.to(device) for x in X] if isinstance(X, list) else X.to(device)
                y = y.to(device)
            right += accuracy(net(X), y)
            total += y.numel()
    if isinstance(net, Module):
        net.train(training)
    return right / total if total else float("nan")


evaluate_accuracy_gpu = evaluate_accuracy
