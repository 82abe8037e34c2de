"""The parts of the DataLoader: collating, fetching, worker processes and their channel."""

from __future__ import annotations

# Seconds between looks at a worker that does not answer.
MP_STATUS_CHECK_INTERVAL = 5.0
# Set in a forked child by the worker's main function; `True` while the interpreter exits.
python_exit_status = False

from . import collate, fetch, worker  # noqa: E402

__all__ = ["collate", "fetch", "worker"]
