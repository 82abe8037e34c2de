"""Simple timing of labelled blocks: `profile` and `record_function`."""

from __future__ import annotations

import functools
import time
from typing import Any

__all__ = ["profile", "record_function", "emit_nvtx", "emit_itt"]

_active: list[profile] = []


class _Event:
    """All runs of one label: `key`, `count`, `cpu_time_total` (microseconds)."""

    def __init__(self, key: str) -> None:
        self.key, self.count, self.cpu_time_total = key, 0, 0.0

    @property
    def cpu_time(self) -> float:
        """Microseconds of a run on average."""
        return self.cpu_time_total / max(self.count, 1)


class _Averages(list):
    def table(self, sort_by: str | None = None, row_limit: int = 100, **_: Any) -> str:
        """The events as text, one a line."""
        rows = sorted(self, key=lambda e: -e.cpu_time_total)[: row_limit if row_limit > 0 else None]
        width = max([len(e.key) for e in rows] + [4])
        lines = [f"{'Name':<{width}}  {'CPU total':>12}  {'CPU time avg':>12}  {'# of Calls':>10}"]
        for e in rows:
            total, mean = f"{e.cpu_time_total:.3f}us", f"{e.cpu_time:.3f}us"
            lines.append(f"{e.key:<{width}}  {total:>12}  {mean:>12}  {e.count:>10}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()


class profile:
    """Collect the times of the `record_function` blocks that run inside it.

    Args:
        enabled: False collects nothing. Default: True.
        others: accepted; single operators are not recorded.

    Example:
        >>> import rushlight as torch
        >>> from rushlight.autograd.profiler import profile, record_function
        >>> with profile() as p:
        ...     with record_function("square"):
        ...         y = torch.ones(2) ** 2
        >>> [(e.key, e.count) for e in p.key_averages()]
        [('square', 1)]
    """

    def __init__(self, enabled: bool = True, **_: Any) -> None:
        self.enabled = enabled
        self._events: dict[str, _Event] = {}
        self._start = self.self_cpu_time_total = 0.0

    def __enter__(self) -> profile:
        if self.enabled:
            _active.append(self)
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exc) -> None:
        self.self_cpu_time_total = (time.perf_counter() - self._start) * 1e6
        if self.enabled:
            _active.remove(self)

    def _add(self, key: str, microseconds: float) -> None:
        event = self._events.setdefault(key, _Event(key))
        event.count += 1
        event.cpu_time_total += microseconds

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0):
        """One event for each label."""
        return _Averages(self._events.values())

    def table(self, **options: Any) -> str:
        """The events as text."""
        return self.key_averages().table(**options)

    def total_average(self) -> _Event:
        """The sum of all events."""
        total = _Event("Total")
        for e in self._events.values():
            total.count += e.count
            total.cpu_time_total += e.cpu_time_total
        return total


class record_function:
    """Label a block (or, as a decorator, a function) for the profiles around it.

    Args:
        name: the label.
        args: accepted.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._start = 0.0

    def __enter__(self) -> record_function:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exc) -> None:
        if _active:
            microseconds = (time.perf_counter() - self._start) * 1e6
            for p in _active:
                p._add(self.name, microseconds)

    def __call__(self, func):
        @functools.wraps(func)
        def wrapped(*args, **kwargs):
            with record_function(self.name, self.args):
                return func(*args, **kwargs)

        return wrapped


class emit_nvtx:
    """Accepted; emits nothing."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = enabled

    def __enter__(self) -> emit_nvtx:
        return self

    def __exit__(self, *exc) -> None:
        pass


emit_itt = emit_nvtx
