"""Calls of several modules at the same time."""

from __future__ import annotations

import threading

from .._package import rl

__all__ = ["parallel_apply"]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """Call each module with its inputs, each in a thread of its own.

    Args:
        modules (sequence of Module): what to call.
        inputs (sequence): positional arguments of each (a single one need not be a tuple).
        kwargs_tup (sequence of dict, optional): keyword arguments of each.
        devices (sequence, optional): accepted; the tensors decide.

    Returns:
        A list of the results. An exception of a call is raised here.
    """
    count = len(modules)
    if len(inputs) != count:
        raise AssertionError(
            f"The number of modules {count} is not equal to the number of inputs {len(inputs)}"
        )
    kwargs_tup = ({},) * count if kwargs_tup is None else kwargs_tup
    results: list = [None] * count
    errors: list = [None] * count
    grad_enabled = rl.is_grad_enabled()

    def call(i):
        args = inputs[i] if isinstance(inputs[i], (list, tuple)) else (inputs[i],)
        try:
            with rl.set_grad_enabled(grad_enabled):
                results[i] = modules[i](*args, **kwargs_tup[i])
        except Exception as error:
            errors[i] = error

    if count == 1:
        call(0)
    else:
        threads = [threading.Thread(target=call, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for error in errors:
        if error is not None:
            raise error
    return results
