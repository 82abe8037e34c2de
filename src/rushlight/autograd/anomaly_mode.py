"""Anomaly mode: find the forward call whose gradient went wrong."""

from __future__ import annotations

import warnings

from .. import _C

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def _record() -> str:
    import os
    import traceback

    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    frames = traceback.extract_stack()[:-1]
    # The package's own frames say nothing about the caller's mistake.
    kept = [f for f in frames if not os.path.abspath(f.filename).startswith(home)]
    return "".join(traceback.format_list(kept or frames))


def _report(name: str, trace: str | None) -> None:
    if trace is None:
        text = (
            f"Error detected in {name}. No forward pass information available. Enable detect anomaly "
            "during forward pass for more information."
        )
    else:
        text = (
            f"Error detected in {name}. Traceback of forward call that caused the error:\n{trace}"
        )
    warnings.warn(text, stacklevel=2)


class set_detect_anomaly:
    """Switch anomaly mode on or off, from the call on or within a `with` block.

    Args:
        mode: True to keep the traceback of every forward call.
        check_nan: fail when a gradient contains nan. Default: True.

    Example:
        >>> import rushlight as torch
        >>> with torch.autograd.set_detect_anomaly(True):
        ...     torch.is_anomaly_enabled()
        True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev = _C._anomaly_state()
        _C._set_anomaly(mode, check_nan, _record, _report)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc) -> None:
        _C._set_anomaly(*self.prev, _record, _report)


class detect_anomaly(set_detect_anomaly):
    """Within the block, errors of backward name the forward call, and nan gradients are errors.

    It slows programs down: use it to find a bug.

    Args:
        check_nan: fail when a gradient contains nan. Default: True.

    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor(-1.0, requires_grad=True)
        >>> with torch.autograd.detect_anomaly():  # doctest: +SKIP
        ...     x.sqrt().backward()
        Traceback (most recent call last):
        RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.prev = _C._anomaly_state()
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.prev = _C._anomaly_state()
        _C._set_anomaly(True, self.check_nan, _record, _report)


def is_anomaly_enabled() -> bool:
    """Is anomaly mode on?"""
    return _C._anomaly_state()[0]


def is_anomaly_check_nan_enabled() -> bool:
    """Does anomaly mode look for nan?"""
    return _C._anomaly_state()[1]


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch anomaly mode on or off."""
    _C._set_anomaly(mode, check_nan, _record, _report)
