"""The DataLoader's side of its worker processes."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import signal
import threading
import time
import warnings
import weakref
from multiprocessing.connection import wait
from typing import Any

from ..dataloader import DataLoader, _BaseDataLoaderIter
from .channel import Channel, unpack
from .fetch import _shown
from .worker import Failure, Settings, StreamEnd, worker_main

# A worker silent for so long gets a warning, in seconds.
SILENCE_WARNING = 60.0
# How long an idle worker may take to leave, in seconds, before it is terminated.
LEAVE_GRACE = 5.0
# Our ends of all workers' connections: a forked worker closes its copies, so that hanging up shows.
_our_ends: weakref.WeakSet = weakref.WeakSet()


class _Worker:
    """A worker process with its two connections and what it still owes us."""

    def __init__(self, number: int, context: Any, settings: Settings) -> None:
        self.number = number
        self.tasks, task_end = context.Pipe(duplex=True)
        mine, result_end = context.Pipe(duplex=True)
        self.results = Channel(mine)
        self.owed: dict[int, Any] = {}  # task number -> indices
        self.ended = False  # its stream is over, or it has left
        _our_ends.update(self.connections)
        inherited = list(_our_ends) if context.get_start_method() == "fork" else []
        self.process = context.Process(
            target=worker_main, args=(settings, task_end, Channel(result_end), inherited)
        )
        self.process.daemon = True
        try:
            with warnings.catch_warnings():
                # From Python 3.12 on a fork beside other threads warns. Ours are the engine's, which
                # a child starts anew; as an error the warning would come after the fork and lose the child.
                warnings.filterwarnings(
                    "ignore", ".*multi-threaded, use of fork", DeprecationWarning
                )
                self.process.start()
        finally:
            # Ours must be the only copy of our ends, the worker's of its: hang-ups show as such.
            task_end.close()
            result_end.close()

    @property
    def connections(self) -> list[Any]:
        return [self.tasks, self.results.connection]

    def hang_up(self) -> None:
        if not self.tasks.closed:
            try:
                self.tasks.send(None)
            except OSError:
                pass  # it has left already
        self.ended = True
        for connection in self.connections:
            connection.close()


class _Team:
    """The workers of an iterator. It outlives the iterator for as long as ending them takes.

    The iterator must not end them in a __del__: in a reference cycle their connections may have
    been finalised before, and their descriptors belong to somebody else.
    """

    def __init__(self) -> None:
        self.workers: list[_Worker] = []
        self.closed = False
        self.received: dict[int, tuple[int, bytes, int | None]] = {}  # answers not yet unpacked
        self._owner_pid = os.getpid()

    def drop_received(self) -> None:
        for _, _, fd in self.received.values():
            if fd is not None:
                os.close(fd)
        self.received.clear()

    def close(self, grace: float) -> None:
        """End all workers: ask, then after `grace` seconds terminate, then kill."""
        if self.closed or os.getpid() != self._owner_pid:
            return
        self.closed = True
        self.drop_received()
        for worker in self.workers:
            worker.hang_up()
        deadline = time.monotonic() + grace
        for worker in self.workers:
            if grace > 0:
                worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.terminate()
        deadline = time.monotonic() + 0.3
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """One pass (or, with persistent workers, many) over a dataset with worker processes."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self._prefetch_factor = loader.prefetch_factor or 1
        self._in_order = loader.in_order
        self._epoch = 0
        self._team = _Team()
        self._workers = self._team.workers
        self._done = self._team.received
        self._finalizer = weakref.finalize(self, self._team.close, 0.5)
        import numpy  # noqa: F401  # once here instead of once in each forked worker

        context = loader.multiprocessing_context or multiprocessing.get_context()
        options = dict(
            dataset=self._dataset,
            kind=self._dataset_kind,
            auto_collation=self._auto_collation,
            collate_fn=self._collate_fn,
            drop_last=self._drop_last,
            base_seed=self._base_seed,
            init_fn=loader.worker_init_fn,
            num_workers=self._num_workers,
            parent_pid=os.getpid(),
            # The kernel's signal follows the thread that forks: other threads may end early.
            die_with_parent=threading.current_thread() is threading.main_thread()
            and context.get_start_method() != "forkserver",
        )
        try:
            for number in range(self._num_workers):
                settings = Settings(worker_id=number, **options)
                self._workers.append(_Worker(number, context, settings))
        except BaseException:
            self._shutdown_workers(grace=0.0)
            raise
        self._reset(loader, first_iter=True)

    # ------------------------------------------------------------------ asking

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        if not first_iter:
            super()._reset(loader)
        self._epoch += 1
        self._send_number = 0  # number of the next task
        self._give_number = 0  # number of the next batch to hand out
        self._team.drop_received()
        self._exhausted = False
        for worker in self._workers:
            worker.owed.clear()
            worker.ended = False
        self._turns = itertools.cycle(self._workers)
        for _ in range(self._prefetch_factor * self._num_workers):
            self._ask()

    def _ask(self) -> None:
        """Give the next indices to the next worker whose turn it is."""
        if self._exhausted:
            return
        worker = self._next_worker()
        if worker is None:
            return
        try:
            index = self._next_index()
        except StopIteration:
            self._exhausted = True
            return
        number = self._send_number
        self._send_number += 1
        worker.owed[number] = index
        try:
            worker.tasks.send((self._epoch, number, index))
        except OSError:
            pass  # it is dead: noticed, with its reason, when its batch is due

    def _next_worker(self) -> _Worker | None:
        for _ in range(self._num_workers):
            worker = next(self._turns)
            free = self._in_order or len(worker.owed) < self._prefetch_factor
            if not worker.ended and free:
                return worker
        return None

    # ------------------------------------------------------------------ receiving

    def _next_data(self) -> Any:
        try:
            return self._next_batch()
        except StopIteration:
            if not self._persistent_workers:
                self._shutdown_workers(grace=LEAVE_GRACE)
            raise
        except (KeyboardInterrupt, SystemExit):
            self._shutdown_workers(grace=0.0)
            raise

    def _next_batch(self) -> Any:
        while True:
            number = self._due()
            if number is None:
                raise StopIteration
            worker_number, message, fd = self._done.pop(number)
            if self._in_order:
                self._give_number = number + 1
            data = unpack(message, fd)
            self._workers[worker_number].owed.pop(number, None)
            if isinstance(data, StreamEnd):
                worker = self._workers[worker_number]
                worker.ended = True
                if not self._persistent_workers:
                    worker.hang_up()
                self._ask()
                continue
            self._ask()
            if isinstance(data, Failure):
                data.reraise()
            return data

    def _due(self) -> int | None:
        """Wait for the batch to hand out next; None when there is none left."""
        if self._team.closed:
            return None
        while True:
            if self._in_order:
                while self._give_number < self._send_number and not self._is_owed():
                    self._give_number += 1  # asked of a stream that had ended
                if self._give_number >= self._send_number:
                    return None
                if self._give_number in self._done:
                    return self._give_number
            else:
                if self._done:
                    return next(iter(self._done))
                if not any(w.owed for w in self._workers if not w.ended):
                    return None
            self._receive()

    def _is_owed(self) -> bool:
        number = self._give_number
        return number in self._done or any(number in w.owed for w in self._workers if not w.ended)

    def _awaited(self) -> list[_Worker]:
        """The workers whose answer we cannot do without."""
        owing = [w for w in self._workers if w.owed and not w.ended]
        if self._in_order:
            return [w for w in owing if self._give_number in w.owed] or owing
        return owing

    def _receive(self) -> None:
        """Take what the workers have sent; wait for it if there is nothing."""
        began = time.monotonic()
        next_warning = began + SILENCE_WARNING
        live = [w for w in self._workers if not w.ended]
        while True:
            limit = next_warning
            if self._timeout > 0:
                limit = min(limit, began + self._timeout)
            sources: dict[Any, _Worker] = {w.results.connection: w for w in live}
            sentinels: dict[Any, _Worker] = {w.process.sentinel: w for w in live}
            ready = wait([*sources, *sentinels], max(0.0, limit - time.monotonic()))
            got = [self._take(sources[r]) for r in ready if r in sources]
            if any(got):
                return
            dead = [sentinels[r] for r in ready if r in sentinels]
            dead += [sources[r] for r in ready if r in sources]
            if dead:
                self._report_death(dead[0])
            now = time.monotonic()
            if self._timeout > 0 and now - began >= self._timeout:
                self._report_timeout()
            if now >= next_warning:
                next_warning = now + SILENCE_WARNING
                warnings.warn(
                    f"DataLoader: no batch for {now - began:.0f} s; waiting for "
                    f"{self._describe(self._awaited())}. Pass timeout= to make this an error.",
                    RuntimeWarning,
                    stacklevel=5,
                )

    def _take(self, worker: _Worker) -> bool:
        """Read one answer; False when the worker has hung up instead."""
        try:
            (epoch, number), message, fd = worker.results.receive()
        except EOFError:
            return False
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise  # our trouble, not the worker's
            return False
        if epoch == self._epoch:
            self._done[number] = (worker.number, message, fd)
        elif fd is not None:
            os.close(fd)
        return True

    # ------------------------------------------------------------------ trouble

    def _describe(self, workers: list[_Worker]) -> str:
        parts = []
        for worker in workers:
            index = worker.owed[min(worker.owed)] if worker.owed else None
            parts.append(
                f"worker {worker.number} (pid {worker.process.pid}), samples {_shown(index)}"
            )
        return "; ".join(parts)

    def _report_timeout(self) -> None:
        which = self._describe(self._awaited())
        self._shutdown_workers(grace=0.0)
        raise RuntimeError(
            f"DataLoader timed out after {self._timeout} seconds waiting for {which}; "
            "raise timeout=, or run with num_workers=0 to see where the dataset hangs"
        )

    def _report_death(self, worker: _Worker) -> None:
        process = worker.process
        process.join(1.0)
        code, which = process.exitcode, self._describe([worker])
        self._shutdown_workers(grace=0.0)
        if code is not None and code < 0:
            name = _signal_name(-code)
            text = f"DataLoader worker (pid {process.pid}) is killed by signal: {name}. "
            hint = _SIGNAL_HINTS.get(-code, "")
        else:
            text = f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly"
            # None: it has hung up, and takes its time to end.
            text += ". " if code is None else f" with exit code {code}. "
            hint = "Something in the dataset or collate_fn ended the process. "
        raise RuntimeError(f"{text}It was {which}. {hint}")

    def _shutdown_workers(self, grace: float = LEAVE_GRACE) -> None:
        self._team.close(grace)


_SIGNAL_HINTS = {
    signal.SIGKILL: "Likely out of memory: lower num_workers, prefetch_factor or batch_size. ",
    signal.SIGBUS: "Likely out of shared memory or disk: lower num_workers or batch_size. ",
    signal.SIGSEGV: "A native library used by the dataset crashed: try num_workers=0. ",
    signal.SIGABRT: "A native library used by the dataset gave up: try num_workers=0. ",
}


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return str(number)
    text = signal.strsignal(number) or ""
    return f"{text} ({name})"
