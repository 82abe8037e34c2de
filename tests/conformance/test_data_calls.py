"""Calls of `utils.data`, good and bad, side by side with PyTorch: the same value or the same error, the same warnings."""

from __future__ import annotations

import collections
import copy
import dataclasses
import inspect
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import rushlight

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

Point = collections.namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Record:
    a: int
    b: float


def described(x: Any) -> Any:
    """Structure, classes, dtypes and values, without naming the library."""
    if isinstance(x, (torch.Tensor, rushlight.Tensor)):
        return ("tensor", str(x.dtype), list(x.shape), x.tolist())
    if isinstance(x, dict):
        return (type(x).__name__, {k: described(v) for k, v in x.items()})
    if isinstance(x, (list, tuple)):
        return (type(x).__name__, [described(v) for v in x])
    return (type(x).__name__, x if isinstance(x, (int, float, str, bytes)) else str(x))


def numbers(lib: Any, n: int = 5) -> Any:
    return lib.utils.data.TensorDataset(lib.arange(n))


def loader(**options: Any) -> Callable[[Any, Any], Any]:
    """Making a loader, without running it."""
    return lambda lib, data: type(data.DataLoader(numbers(lib), **options)).__name__


def batches(make: Callable[[Any], Any], **options: Any) -> Callable[[Any, Any], Any]:
    """All batches of a loader of what `make(lib)` gives."""
    options = {"batch_size": 2, **options}
    return lambda lib, data: list(data.DataLoader(make(lib), **options))


def sampled(sampler: Callable[[Any], Any], **options: Any) -> Callable[[Any, Any], Any]:
    return lambda lib, data: list(data.DataLoader(numbers(lib), sampler=sampler(lib), **options))


def assigned(name: str, value: Any) -> Callable[[Any, Any], Any]:
    return lambda lib, data: setattr(data.DataLoader(numbers(lib)), name, value)


def stream(data: Any, *items: Any) -> Any:
    body = {"__iter__": lambda self: iter(items)}
    return type("Stream", (data.IterableDataset,), body)()


ATTRIBUTES = (
    "batch_size num_workers pin_memory drop_last timeout prefetch_factor persistent_workers pin_memory_device in_order "
    "multiprocessing_context worker_init_fn generator"
).split()

OPTIONS: dict[str, Callable[[Any, Any], Any]] = {
    **{f"batch_size={v!r}": loader(batch_size=v) for v in (0, -1, "2", 2.5, True)},
    "batch_size=None, drop_last": loader(batch_size=None, drop_last=True),
    "batch_size=None, shuffle": loader(batch_size=None, shuffle=True),
    "shuffle='yes'": loader(shuffle="yes"),
    "shuffle=1": loader(shuffle=1),
    "drop_last=1": loader(drop_last=1),
    "num_workers=-1": loader(num_workers=-1),
    "timeout=-1": loader(timeout=-1),
    "prefetch without workers": loader(prefetch_factor=2),
    "prefetch_factor=-1": loader(num_workers=1, prefetch_factor=-1),
    "persistent without workers": loader(persistent_workers=True),
    "context without workers": loader(multiprocessing_context="fork"),
    "unknown context": loader(num_workers=1, multiprocessing_context="no"),
    "context of a wrong kind": loader(num_workers=1, multiprocessing_context=3),
    "sampler and shuffle": loader(sampler=[0], shuffle=True),
    "batch_sampler and batch_size": loader(batch_sampler=[[0]], batch_size=3),
    "batch_sampler and shuffle": loader(batch_sampler=[[0]], shuffle=True),
    "batch_sampler and sampler": loader(batch_sampler=[[0]], sampler=[0]),
    "batch_sampler and drop_last": loader(batch_sampler=[[0]], drop_last=True),
    "unknown option": loader(batchsize=2),
    "no dataset": lambda lib, data: data.DataLoader(),
    "nothing to shuffle": lambda lib, data: data.DataLoader([], shuffle=True),
    "stream and shuffle": lambda lib, data: data.DataLoader(stream(data, 1), shuffle=True),
    "stream and sampler": lambda lib, data: data.DataLoader(stream(data, 1), sampler=[0]),
    "length of a stream": lambda lib, data: len(data.DataLoader(stream(data, 1))),
    "no __iter__": lambda lib, data: list(data.DataLoader(data.IterableDataset())),
    "item of a stream": lambda lib, data: stream(data, 1)[0],
    "signature": lambda lib, data: [
        (p.name, str(p.default), str(p.kind))
        for p in inspect.signature(data.DataLoader.__init__).parameters.values()
    ],
    "attributes": lambda lib, data: [
        str(getattr(data.DataLoader(numbers(lib)), name)) for name in ATTRIBUTES
    ],
    **{
        f"set {name}": assigned(name, value)
        for name, value in (
            ("batch_size", 3),
            ("sampler", []),
            ("drop_last", True),
            ("dataset", []),
            ("batch_sampler", []),
            ("persistent_workers", True),
            ("num_workers", 0),
            ("collate_fn", list),
            ("generator", None),
            ("multiprocessing_context", "fork"),
        )
    },
    "pickled loader": lambda lib, data: len(
        pickle.loads(pickle.dumps(data.DataLoader([1, 2, 3], batch_size=2)))
    ),
    "copied loader": lambda lib, data: list(
        copy.deepcopy(data.DataLoader([1, 2, 3], batch_size=2))
    ),
    "length of an iterator": lambda lib, data: len(iter(data.DataLoader([1, 2, 3], batch_size=2))),
    "pinned": lambda lib, data: list(data.DataLoader(numbers(lib), 5, pin_memory=True)),
    "pinned to a device": lambda lib, data: list(
        data.DataLoader(numbers(lib), 5, pin_memory=True, pin_memory_device="cuda")
    ),
    "out of order": lambda lib, data: list(data.DataLoader(numbers(lib), in_order=False)),
}

BATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "list": batches(lambda lib: [1, 2, 3]),
    "dict": batches(lambda lib: {0: 1.5, 1: 2.5}),
    "text": batches(lambda lib: "hello"),
    "range": batches(lambda lib: range(5)),
    "array": batches(lambda lib: numpy.arange(6).reshape(3, 2)),
    "tensor": batches(lambda lib: lib.arange(6).reshape(3, 2)),
    "nothing": batches(lambda lib: []),
    "no length": batches(lambda lib: object()),
    "dataclass": batches(lambda lib: [Record(1, 2.0), Record(2, 3.0)]),
    "named tuple": batches(lambda lib: [Point(1, 2.0), Point(2, 3.0)]),
    "int and float": batches(lambda lib: [1, 2.5]),
    "large int": batches(lambda lib: [2**40, 2]),
    "None": batches(lambda lib: [None, None]),
    "bool": batches(lambda lib: [True, False]),
    "complex": batches(lambda lib: [1j, 2j]),
    "text and number": batches(lambda lib: [("a", 1), ("b", 2)]),
    "set": batches(lambda lib: [{1}]),
    "dict of text": batches(lambda lib: [{"a": "x"}, {"a": "y"}]),
    "defaultdict": batches(lambda lib: [collections.defaultdict(int, a=1)]),
    "missing key": batches(lambda lib: [{"a": 1}, {"b": 1}]),
    "key too many": batches(lambda lib: [{"a": 1}, {"a": 2, "b": 1}]),
    "ragged tensors": batches(lambda lib: [lib.zeros(1), lib.zeros(2)]),
    "ragged lists": batches(lambda lib: [[1], [1, 2]]),
    "ragged arrays": batches(lambda lib: [numpy.zeros(1), numpy.zeros(2)]),
    "two dtypes": batches(lambda lib: [lib.zeros(1), lib.zeros(1, dtype=lib.int64)]),
    "array of text": batches(lambda lib: numpy.array(["a", "b"])),
    "array of dates": batches(lambda lib: numpy.array(["2020-01-01"], dtype="datetime64[D]")),
    **{
        f"scalars of {kind}": batches(lambda lib, kind=kind: numpy.array([1, 2], dtype=kind))
        for kind in (
            "bool",
            "int8",
            "uint8",
            "int32",
            "int64",
            "float16",
            "float32",
            "float64",
            "complex128",
        )
    },
    "unbatched": batches(lambda lib: [numpy.zeros(1), (1, "a", numpy.float64(2))], batch_size=None),
    "own collate_fn": batches(lambda lib: [1, 2, 3], collate_fn=tuple),
    "bad index of a list": batches(lambda lib: [1, 2], sampler=[0, 5]),
    "bad index of tensors": sampled(lambda lib: [0, 7], batch_size=2),
    "negative index": sampled(lambda lib: [-1, 0], batch_size=2),
    "tensor as sampler": sampled(lambda lib: lib.tensor([3, 1]), batch_size=2),
    "array as sampler": sampled(lambda lib: numpy.array([3, 1]), batch_size=2),
    "set as sampler": sampled(lambda lib: {3, 1}),
    "tensors as batch sampler": lambda lib, data: list(
        data.DataLoader(numbers(lib), batch_sampler=[lib.tensor([3, 1]), lib.tensor([0])])
    ),
    "lists as indices": lambda lib, data: list(
        data.DataLoader(
            numbers(lib), sampler=data.BatchSampler(range(5), 2, False), batch_size=None
        )
    ),
    "needs a gradient": lambda lib, data: next(
        iter(data.DataLoader([lib.zeros(1, requires_grad=True)]))
    ).requires_grad,
    "StopIteration in a map": batches(lambda lib: Stopping()),
    "convert": lambda lib, data: data.default_convert(
        [1, (numpy.zeros(1), "a"), {"x": numpy.float64(3), "y": numpy.complex128(1)}]
    ),
    "collate nothing": lambda lib, data: data.default_collate([]),
    "collate a number": lambda lib, data: data.default_collate(3),
    "stream": lambda lib, data: list(data.DataLoader(stream(data, 1, 2, 3), 2)),
}


class Stopping:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> int:
        return next(iter([]))


def sampler_of(name: str, *args: Any, **options: Any) -> Callable[[Any, Any], Any]:
    return lambda lib, data: list(getattr(data, name)(*args, **options))


SETS: dict[str, Callable[[Any, Any], Any]] = {
    "no process group": sampler_of("DistributedSampler", range(3)),
    "rank too large": sampler_of("DistributedSampler", range(3), 2, 3),
    "rank below zero": sampler_of("DistributedSampler", range(3), 2, -1),
    "more ranks than samples": sampler_of("DistributedSampler", range(3), 5, 4, shuffle=False),
    "dropping": sampler_of("DistributedSampler", range(13), 5, 4, drop_last=True, seed=3),
    "no samples": sampler_of("RandomSampler", [1], num_samples=0),
    "fewer than none": sampler_of("RandomSampler", [1], num_samples=-1),
    "half a sample": sampler_of("RandomSampler", [1], num_samples=1.5),
    "replacement='a'": sampler_of("RandomSampler", [1], replacement="a"),
    "weights of zero": sampler_of("WeightedRandomSampler", [0.0, 0.0], 2),
    "too many of them": sampler_of("WeightedRandomSampler", [1.0, 1.0], 5, replacement=False),
    "none of them": sampler_of("WeightedRandomSampler", [1.0], 0),
    "weighted replacement": sampler_of("WeightedRandomSampler", [1.0], 1, replacement=1),
    "weights in two dimensions": sampler_of("WeightedRandomSampler", [[1.0]], 1),
    "batch of 2.5": sampler_of("BatchSampler", [1], 2.5, True),
    "drop_last='a'": sampler_of("BatchSampler", [1], 2, "a"),
    "batches": sampler_of("BatchSampler", range(7), 3, True),
    "nothing abstract": lambda lib, data: list(data.Sampler()),
    "length of a sampler": lambda lib, data: len(data.Sampler()),
    "subset": lambda lib, data: list(
        data.SubsetRandomSampler(range(6), generator=lib.Generator().manual_seed(3))
    ),
    "no tensors": lambda lib, data: len(data.TensorDataset()),
    "lists for tensors": lambda lib, data: data.TensorDataset([1, 2]),
    "sizes that differ": lambda lib, data: data.TensorDataset(lib.zeros(1), lib.zeros(2)),
    "index too large": lambda lib, data: numbers(lib)[7],
    "slice": lambda lib, data: numbers(lib)[1:3],
    "list of indices": lambda lib, data: numbers(lib)[[0, 2]],
    "concatenation of none": lambda lib, data: data.ConcatDataset([]),
    "old attribute": lambda lib, data: data.ConcatDataset([[1], [2]]).cummulative_sizes,
    "split too short": lambda lib, data: data.random_split(range(3), [1, 1]),
    "fractions too large": lambda lib, data: data.random_split(range(3), [0.5, 0.6]),
    "fractions": lambda lib, data: [
        list(part)
        for part in data.random_split(range(9), [0.3, 0.7], lib.Generator().manual_seed(1))
    ],
    "subset beyond": lambda lib, data: data.Subset(range(3), [5])[0],
    "no item": lambda lib, data: data.Dataset()[0],
    "no length of a set": lambda lib, data: len(data.Dataset()),
    "sum": lambda lib, data: len(numbers(lib) + numbers(lib)),
}


def outcome(lib: Any, call: Callable[[Any, Any], Any]) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lib.manual_seed(2)
        try:
            result = described(call(lib, lib.utils.data))
        except Exception as error:
            result = (type(error).__name__, str(error))
    said = [(w.category.__name__, str(w.message)) for w in caught]
    text = re.sub(r"0x[0-9a-f]+|rushlight", "", repr((result, said)))
    return text.replace("torch.", "").replace("utils.data.", "")


ALL = {**OPTIONS, **BATCHES, **SETS}


@pytest.mark.parametrize("name", ALL)
def test_same_outcome(name: str) -> None:
    assert outcome(rushlight, ALL[name]) == outcome(torch, ALL[name])
