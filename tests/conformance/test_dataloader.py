"""Loading data side by side with PyTorch: orders, draws, collated structures."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy
import pytest

import rushlight

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
import data_cases as cases  # noqa: E402

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

Pair = namedtuple("Pair", ["x", "y"])


@pytest.mark.parametrize("seed", [0, 1, 42, 2**40 + 3])
def test_samplers(seed: int) -> None:
    assert cases.samplers(rushlight, seed) == cases.samplers(torch, seed)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", cases.LOADERS)
def test_orders(name: str, workers: int) -> None:
    for seed in (1, 7):
        ours = cases.loader_epochs(rushlight, name, seed, num_workers=workers)
        assert ours == cases.loader_epochs(torch, name, seed, num_workers=workers)


def described(x: Any) -> Any:
    """Structure, classes, dtypes and values, without naming the library."""
    if isinstance(x, (torch.Tensor, rushlight.Tensor)):
        return ("tensor", str(x.dtype), list(x.shape), x.tolist())
    if isinstance(x, dict):
        return (type(x).__name__, {k: described(v) for k, v in x.items()})
    if isinstance(x, (list, tuple)):
        return (type(x).__name__, [described(v) for v in x])
    return x


def batches(lib: Any) -> list[list[Any]]:
    t = lib.tensor
    return [
        [t([1.0, 2.0]), t([3.0, 4.0])],
        [1, 2, 3],
        [True, False],
        [1.5, 2],
        [numpy.float32(1), numpy.float32(2)],
        [numpy.int16(3)],
        [numpy.ones((2, 2)), numpy.zeros((2, 2))],
        ["a", "bc"],
        [b"a", b"bc"],
        [(1, "a"), (2, "b")],
        [[1, 2.0], [3, 4.0]],
        [{"k": 1, "t": t([1])}, {"k": 2, "t": t([2])}],
        [Pair(1, (2, 3)), Pair(4, (5, 6))],
        [{"deep": [{"er": (1, Pair(2.0, "x"))}]}],
    ]


@pytest.mark.parametrize("which", range(14))
def test_collate_and_convert(which: int) -> None:
    ours, theirs = batches(rushlight)[which], batches(torch)[which]
    mine, other = rushlight.utils.data, torch.utils.data
    assert described(mine.default_collate(ours)) == described(other.default_collate(theirs))
    assert described(mine.default_convert(ours)) == described(other.default_convert(theirs))


@pytest.mark.parametrize(
    "batch",
    [[[1], [1, 2]], [object()], [{1}], [numpy.array(["a"])], [None]],
    ids=["ragged lists", "object", "set", "text array", "none"],
)
def test_collate_errors(batch: list) -> None:
    with pytest.raises(Exception) as expected:
        torch.utils.data.default_collate(batch)
    with pytest.raises(type(expected.value)) as got:
        rushlight.utils.data.default_collate(batch)
    assert str(got.value) == str(expected.value)


def test_public_names() -> None:
    pipes = {
        "DFIterDataPipe",
        "DataChunk",
        "IterDataPipe",
        "MapDataPipe",
        "argument_validation",
        "functional_datapipe",
        "guaranteed_datapipes_determinism",
        "non_deterministic",
        "runtime_validation",
        "runtime_validation_disabled",
    }
    assert set(torch.utils.data.__all__) - pipes <= set(dir(rushlight.utils.data))
    assert set(torch.optim.__all__) - {"swap_in_optimizer_params_and_state"} <= set(
        rushlight.optim.__all__
    )
    schedules = torch.optim.lr_scheduler.__all__
    assert set(schedules) <= set(rushlight.optim.lr_scheduler.__all__)
