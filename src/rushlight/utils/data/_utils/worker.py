"""What runs in a worker process of a DataLoader."""

from __future__ import annotations

import os
import pickle
import queue
import random
import signal
import sys
import threading
import traceback
from typing import Any

from ...._notes import noted

_worker_info: WorkerInfo | None = None


class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, its dataset."""

    __initialized = False

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.__keys = tuple(values)
        self.__initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized:
            raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        items = ", ".join(f"{key}={getattr(self, key)}" for key in self.__keys)
        return f"{type(self).__name__}({items})"


def get_worker_info() -> WorkerInfo | None:
    """Return what the current DataLoader worker is, or None in any other process.

    Returns:
        An object with ``id``, ``num_workers``, ``seed`` and ``dataset`` (this worker's copy).

    Example:
        >>> import rushlight as torch
        >>> print(torch.utils.data.get_worker_info())
        None
    """
    return _worker_info


class StreamEnd:
    """Sent instead of a batch when a worker's stream has no more samples."""


class Failure:
    """An exception on its way to the loader: its class, its text and, if picklable, itself."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.kind: Any = type(error)
        self.where = where
        self.text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        if sys.version_info < (3, 11):  # tracebacks show notes since then
            self.text += "".join(f"{note}\n" for note in getattr(error, "__notes__", ()))
        self.error: bytes | None
        try:
            bare = pickle.dumps(error)
            pickle.loads(bare)
            self.error = bare
        except Exception:
            self.error = None
        try:
            pickle.dumps(self.kind)
        except Exception:
            self.kind = RuntimeError

    def reraise(self) -> None:
        """Raise an exception of the original class whose text holds the worker's traceback."""
        text = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if issubclass(self.kind, KeyError):
            text = _KeyText(text)
        cause = pickle.loads(self.error) if self.error is not None else None
        try:
            error = self.kind(text)
        except Exception:
            # A class that wants other arguments than a message.
            raise RuntimeError(text) from cause
        raise error from cause


class _KeyText(str):
    """KeyError shows the repr of its argument; a traceback should keep its line breaks."""

    def __repr__(self) -> str:
        return str(self)


class Settings:
    """All a worker needs to begin; pickled for spawned workers."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    dataset: Any
    kind: int
    auto_collation: bool
    collate_fn: Any
    drop_last: bool
    base_seed: int
    init_fn: Any
    worker_id: int
    num_workers: int
    parent_pid: int
    die_with_parent: bool


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """Four 32-bit words that seed numpy's legacy generator in a worker."""
    from numpy.random import SeedSequence

    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return [int(word) for word in SeedSequence(words).generate_state(4)]


def worker_main(settings: Settings, tasks: Any, results: Any, inherited: list[Any]) -> None:
    """Fetch the batches that come as tasks until the loader hangs up.

    Args:
        settings: dataset, seeds and options.
        tasks: the connection from which tasks are read.
        results: the `Channel` to which batches go.
        inherited: the loader's ends that a forked child must not keep open.
    """
    for connection in inherited:
        connection.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loader's business
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not a handler inherited from the program
    if settings.die_with_parent:
        _die_with_parent(settings.parent_pid)
    waiting = _TaskReader(tasks, settings)
    waiting.start()
    try:
        _work(settings, waiting, results)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the loader has gone
    finally:
        results.close()


def _die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the loader's main thread ends, however it ends."""
    import ctypes

    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the call
        os._exit(1)


class _TaskReader(threading.Thread):
    """Reads tasks at once, so that the loader never blocks on a busy worker, and watches the loader's process.

    A worker that is busy or asleep must not outlive that process. Where the kernel does not see to it, the parent's
    sentinel says so; and since processes forked later may hold that open, the parent's id is looked at as well.
    """

    LOOK_AGAIN = 0.5  # seconds

    def __init__(self, tasks: Any, settings: Settings) -> None:
        super().__init__(daemon=True, name="rushlight-task-reader")
        self.tasks = tasks
        self.queue: queue.SimpleQueue = queue.SimpleQueue()
        self.epoch = 0
        # A child of the fork server has another parent, and PR_SET_PDEATHSIG needs no second look.
        is_child = os.getppid() == settings.parent_pid and not settings.die_with_parent
        self.parent_pid = settings.parent_pid if is_child else None

    def run(self) -> None:
        while True:
            self._wait(self.tasks)
            try:
                task = self.tasks.recv()
            except (EOFError, OSError):
                task = None
            if task is not None:
                self.epoch = task[0]
            self.queue.put(task)
            if task is None:
                break
        self._wait(None)  # the last sample may take its time

    def _wait(self, source: Any) -> None:
        """Return when there is something to read; end this process when the loader's is dead."""
        import multiprocessing
        from multiprocessing.connection import wait

        parent = multiprocessing.parent_process()
        watched: list[Any] = [] if source is None else [source]
        if parent is not None:
            watched.append(parent.sentinel)
        limit = None if self.parent_pid is None else self.LOOK_AGAIN
        while True:
            ready = wait(watched, limit)
            if source is not None and source in ready:
                return
            if ready or (self.parent_pid is not None and os.getppid() != self.parent_pid):
                os._exit(1)


def _seed_everything(seed: int, base_seed: int, worker_id: int) -> None:
    from .... import manual_seed

    random.seed(seed)
    manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(_generate_state(base_seed, worker_id))


def _work(settings: Settings, reader: _TaskReader, results: Any) -> None:
    global _worker_info

    from .... import set_num_threads

    set_num_threads(1)
    worker_id = settings.worker_id
    seed = settings.base_seed + worker_id
    _seed_everything(seed, settings.base_seed, worker_id)
    _worker_info = WorkerInfo(
        id=worker_id, num_workers=settings.num_workers, seed=seed, dataset=settings.dataset
    )
    where = f"in DataLoader worker process {worker_id}"
    failed: Failure | None = None
    try:
        if settings.init_fn is not None:
            settings.init_fn(worker_id)
    except Exception as error:
        failed = Failure(error, where)
    fetcher, fetcher_epoch = None, -1
    while (task := reader.queue.get()) is not None:
        epoch, number, index = task
        if epoch != reader.epoch:
            continue  # left over from a pass that was given up
        answer: Any
        if failed is not None:
            answer, failed = failed, None
        else:
            try:
                if fetcher is None or fetcher_epoch != epoch:
                    fetcher, fetcher_epoch = _make_fetcher(settings), epoch
                answer = fetcher.fetch(index)
            except StopIteration as error:
                answer = StreamEnd() if settings.kind == 1 else Failure(error, where)
            except Exception as error:
                answer = Failure(error, where)
        _answer(results, (epoch, number), answer, where)
        del answer


def _make_fetcher(settings: Settings) -> Any:
    from ..dataloader import _DatasetKind

    return _DatasetKind.create_fetcher(
        settings.kind,
        settings.dataset,
        settings.auto_collation,
        settings.collate_fn,
        settings.drop_last,
    )


def _answer(results: Any, header: tuple[int, int], answer: Any, where: str) -> None:
    try:
        results.send(header, answer)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # the batch cannot be pickled, or there is no memory for it
        noted(
            error,
            "DataLoader: the batch could not be sent to the main process; "
            "what the dataset and collate_fn return must be picklable",
        )
        results.send(header, Failure(error, where))


__all__ = ["WorkerInfo", "get_worker_info"]
