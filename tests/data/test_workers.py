"""DataLoader with worker processes: results, seeds, failures, and that nobody is left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy
import pytest

import rushlight as torch
from rushlight.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

METHODS = [
    m for m in ("fork", "spawn", "forkserver") if m in multiprocessing.get_all_start_methods()
]


class Samples(Dataset):
    """Dicts of all that can travel."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, i: int) -> dict:
        return {
            "small": torch.full((2,), float(i)),
            "large": torch.full((40, 50), i, dtype=torch.int32),
            "half": torch.full((3,), i, dtype=torch.bfloat16),
            "flag": torch.tensor(i % 2 == 0),
            "empty": torch.empty(0, 3),
            "text": f"sample {i}",
            "number": i,
        }


class Trouble(Dataset):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int):
        if i == 5:
            if self.kind == "error":
                raise KeyError("no\nsuch sample")
            if self.kind == "odd error":
                raise OddError(1, 2)
            if self.kind == "exit":
                os._exit(3)
            if self.kind == "hang":
                time.sleep(600)
            if self.kind == "lambda":
                return lambda: None
            os.kill(os.getpid(), getattr(signal, self.kind))
        return i


class OddError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one, two)


class Seeds(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> tuple:
        info = get_worker_info()
        assert info.seed == torch.initial_seed() and info.num_workers == 2
        return info.id, info.seed, random.random(), numpy.random.rand(), torch.rand(()).item()


class Shards(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        yield from range(info.id * 10, info.id * 10 + 3 + 2 * info.id)


def first_sample(samples: list):
    return samples[0]


def set_seed_word(worker: int) -> None:
    random.seed(worker + 100)


def fail_to_begin(worker: int) -> None:
    raise ValueError(f"worker {worker} cannot begin")


@pytest.mark.parametrize("method", METHODS)
def test_batches_arrive_whole(method: str) -> None:
    alone = list(DataLoader(Samples(), batch_size=3))
    helped = list(
        DataLoader(Samples(), batch_size=3, num_workers=2, multiprocessing_context=method)
    )
    assert len(helped) == 3
    for ours, expected in zip(helped, alone):
        assert list(ours) == list(expected) and ours["text"] == expected["text"]
        for key in ("small", "large", "half", "flag", "empty", "number"):
            assert ours[key].dtype == expected[key].dtype and ours[key].shape == expected[key].shape
            assert torch.equal(ours[key], expected[key])
        ours["large"].add_(1)  # the memory is ours to change


def test_streams_are_sharded_by_the_user() -> None:
    loader = DataLoader(Shards(), batch_size=2, num_workers=2, persistent_workers=True)
    expected = [[0, 1], [10, 11], [2], [12, 13], [14]]
    for _ in range(2):
        assert [b.tolist() for b in loader] == expected


def test_worker_seeds() -> None:
    torch.manual_seed(3)
    ids, seeds, py, npy, own = (
        [x for batch in column for x in batch.tolist()]
        for column in zip(*DataLoader(Seeds(), batch_size=1, num_workers=2))
    )
    torch.manual_seed(3)
    base = int(torch.empty((), dtype=torch.int64).random_())
    assert ids == [0, 1, 0, 1]
    assert seeds == [base, base + 1] * 2
    for worker in (0, 1):
        words = [worker, base & 0xFFFFFFFF, base >> 32, 0]
        state = numpy.random.RandomState(numpy.random.SeedSequence(words).generate_state(4))
        python = random.Random(base + worker)
        engine = torch.Generator().manual_seed(base + worker)
        for k in (worker, worker + 2):
            assert npy[k] == state.rand() and py[k] == python.random()
            assert own[k] == torch.rand((), generator=engine).item()
    assert get_worker_info() is None


def test_worker_init_function() -> None:
    class First(Dataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, i: int) -> float:
            return random.random()

    loader = DataLoader(First(), num_workers=1, worker_init_fn=set_seed_word)
    assert next(iter(loader)).item() == random.Random(100).random()
    with pytest.raises(ValueError, match="worker 0 cannot begin"):
        list(DataLoader(First(), num_workers=1, worker_init_fn=fail_to_begin))


def test_worker_info_cannot_be_changed() -> None:
    from rushlight.utils.data._utils.worker import WorkerInfo

    info = WorkerInfo(id=1, num_workers=2)
    assert repr(info) == "WorkerInfo(id=1, num_workers=2)"
    with pytest.raises(RuntimeError, match="Cannot assign attributes to WorkerInfo objects"):
        info.id = 3


def test_batches_may_come_as_they_are_ready() -> None:
    class Uneven(Dataset):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, i: int) -> int:
            time.sleep(0.5 if i == 0 else 0)
            return i

    values = [b.item() for b in DataLoader(Uneven(), num_workers=2, in_order=False)]
    assert sorted(values) == list(range(6)) and values[0] != 0


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("method", METHODS)
def test_an_error_keeps_its_class_and_traceback(method: str) -> None:
    loader = DataLoader(
        Trouble("error"), batch_size=2, num_workers=2, multiprocessing_context=method
    )
    with pytest.raises(KeyError) as caught:
        list(loader)
    text = str(caught.value)
    assert text.startswith("Caught KeyError in DataLoader worker process 0.\nOriginal Traceback")
    assert "in __getitem__" in text
    assert isinstance(caught.value.__cause__, KeyError)
    if hasattr(caught.value, "add_note"):
        assert "while fetching sample 5" in text


def test_an_error_that_wants_other_arguments() -> None:
    with pytest.raises(RuntimeError, match="Caught OddError in DataLoader worker process"):
        list(DataLoader(Trouble("odd error"), num_workers=1))


def test_the_loader_goes_on_after_an_error() -> None:
    batches = iter(DataLoader(Trouble("error"), batch_size=2, num_workers=2))
    seen = []
    while True:
        try:
            seen.append(next(batches).tolist())
        except KeyError:
            seen.append("error")
        except StopIteration:
            break
    assert seen == [[0, 1], [2, 3], "error", [6, 7]]


def test_a_batch_that_cannot_be_sent() -> None:
    with pytest.raises(Exception, match="Caught .* in DataLoader worker process 0"):
        list(DataLoader(Trouble("lambda"), num_workers=1, collate_fn=first_sample))


@pytest.mark.parametrize(
    "kind, words",
    [
        ("SIGKILL", ["is killed by signal", "SIGKILL", "out of memory"]),
        ("SIGTERM", ["is killed by signal", "SIGTERM"]),
        ("exit", ["exited unexpectedly", "exit code 3"]),
    ],
)
def test_a_dead_worker_is_reported(kind: str, words: list[str]) -> None:
    loader = DataLoader(Trouble(kind), batch_size=2, num_workers=2)
    with pytest.raises(RuntimeError) as caught:
        list(loader)
    text = str(caught.value)
    for word in [*words, "worker 0", "samples [4, 5]"]:
        assert word in text


def test_a_hanging_worker_is_given_up() -> None:
    gc.collect()  # the loaders of tests that ended with an exception hang in its traceback
    batches = iter(DataLoader(Trouble("hang"), batch_size=2, num_workers=2, timeout=0.5))
    with pytest.raises(RuntimeError, match=r"timed out after 0.5 seconds.*worker 0.*\[4, 5\]"):
        list(batches)
    # The workers were told to end; the system may take a moment to let go of them.
    for child in multiprocessing.active_children():
        child.join(2)
    assert not multiprocessing.active_children()


def test_a_silent_worker_is_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.utils.data._utils import parallel

    class Late(Dataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, i: int) -> int:
            time.sleep(1)
            return i

    monkeypatch.setattr(parallel, "SILENCE_WARNING", 0.2)
    with pytest.warns(RuntimeWarning, match="waiting for worker 0"):
        assert [b.item() for b in DataLoader(Late(), num_workers=1)] == [0]


# ---------------------------------------------------------------- endings


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_nothing_is_left_behind() -> None:
    def some(loader: DataLoader, n: int) -> None:
        for i, _ in enumerate(loader):
            if i == n:
                break

    gc.collect()
    list(DataLoader(Samples(), num_workers=1))  # what stays open on first use
    before = open_descriptors()
    for _ in range(3):
        some(DataLoader(Samples(), num_workers=2), 1)
        some(DataLoader(Samples(), num_workers=2), 100)
    loader = DataLoader(Samples(), num_workers=2, persistent_workers=True)
    for _ in range(3):
        some(loader, 2)
    del loader
    assert open_descriptors() <= before
    assert not multiprocessing.active_children()


@pytest.fixture
def few_descriptors():
    """At most 40 more open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 41, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_any_number_of_batches_may_be_kept(few_descriptors) -> None:
    class Large(Dataset):
        def __len__(self) -> int:
            return 120

        def __getitem__(self, i: int) -> torch.Tensor:
            return torch.full((5000,), float(i))  # goes through shared memory

    batches = list(DataLoader(Large(), num_workers=2))
    assert [b[0, -1].item() for b in batches] == list(range(120))


def test_too_many_open_files_are_called_so(few_descriptors) -> None:
    from rushlight.utils.data._utils.channel import Channel

    one, two = map(Channel, multiprocessing.Pipe(duplex=True))
    one.send("header", torch.zeros(5000))
    opened: list[int] = []
    with pytest.raises(OSError, match="Too many open files"):
        while True:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    os.close(opened.pop())  # one is needed to receive at all
    with pytest.raises(RuntimeError, match="^Too many open files. Communication with the workers"):
        two.receive()
    for descriptor in opened:
        os.close(descriptor)
    one.close()
    two.close()


PROGRAM = """
    import os, signal, sys, time
    import rushlight as torch
    from rushlight.utils.data import DataLoader, Dataset

    class Slow(Dataset):
        def __len__(self):
            return 1000
        def __getitem__(self, i):
            time.sleep(0.01 if sys.argv[1] != "asleep" else 600)
            return i

    def main():
        batches = iter(DataLoader(Slow(), num_workers=2))
        print(*[w.process.pid for w in batches._workers], flush=True)
        for batch in batches:
            pass

    if "in a thread" in sys.argv:
        import threading

        thread = threading.Thread(target=main)
        thread.start()
        thread.join()
    else:
        main()
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "by, state, place",
    [
        (signal.SIGKILL, "at work", "in the main thread"),
        (signal.SIGKILL, "asleep", "in the main thread"),
        (signal.SIGKILL, "asleep", "in a thread"),
        (signal.SIGINT, "at work", "in the main thread"),
        (signal.SIGINT, "asleep", "in the main thread"),
    ],
)
def test_workers_end_with_the_program(by: signal.Signals, state: str, place: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), state, place],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    workers = [int(pid) for pid in process.stdout.readline().split()]
    time.sleep(0.2)
    process.send_signal(by)
    errors = process.communicate(timeout=30)[1]
    assert ("KeyboardInterrupt" in errors) == (by == signal.SIGINT)
    deadline = time.monotonic() + 10
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline, "a worker outlived the program"
        time.sleep(0.02)
