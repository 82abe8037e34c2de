"""Datasets, their combinations, samplers' arguments and collating."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy
import pytest

import rushlight as torch
from rushlight.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)


class Squares(Dataset):
    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> int:
        return i * i


class Stream(IterableDataset):
    def __init__(self, *items: int) -> None:
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def test_tensor_dataset() -> None:
    data = TensorDataset(torch.arange(3), torch.arange(6).reshape(3, 2))
    assert len(data) == 3
    assert [part.tolist() for part in data[1]] == [1, [2, 3]]
    assert [part.tolist() for part in data[:2]] == [[0, 1], [[0, 1], [2, 3]]]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(torch.arange(3), torch.arange(4))


def test_tensor_dataset_in_the_spelling_of_2017() -> None:
    with pytest.warns(FutureWarning, match="write TensorDataset"):
        data = TensorDataset(data_tensor=torch.arange(3), target_tensor=torch.ones(3))
    assert [part.item() for part in data[2]] == [2, 1]


def test_concatenation() -> None:
    both = Squares(3) + Squares(2)
    assert [both[i] for i in range(5)] == [0, 1, 4, 0, 1] and both[-1] == 1
    assert both.cumulative_sizes == [3, 5]
    with pytest.raises(ValueError, match="should not exceed dataset length"):
        both[-6]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream(1)])


def test_chains_of_streams() -> None:
    chain = Stream(1, 2) + Stream(3)
    assert list(chain) == [1, 2, 3] and len(chain) == 3
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([Squares(2)]))


def test_stacks() -> None:
    pairs = StackDataset(Squares(3), Stream(5, 6, 7).items)
    assert pairs[1] == (1, 6) and pairs.__getitems__([2, 0]) == [(4, 7), (0, 5)]
    named = StackDataset(a=Squares(3), b=[5, 6, 7])
    assert named[2] == {"a": 4, "b": 7} and named.__getitems__([0]) == [{"a": 0, "b": 5}]
    with pytest.raises(ValueError, match="Size mismatch"):
        StackDataset(Squares(3), Squares(2))
    with pytest.raises(ValueError, match="At least one dataset"):
        StackDataset()


def test_subsets_and_splits() -> None:
    part = Subset(Squares(10), [9, 3])
    assert [part[0], part[1]] == [81, 9] and part.__getitems__([1, 1]) == [9, 9]
    sizes = [len(p) for p in random_split(Squares(10), [0.33, 0.33, 0.34])]
    assert sizes == [4, 3, 3]
    with pytest.raises(ValueError, match="Sum of input lengths"):
        random_split(Squares(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        random_split(Squares(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(Squares(2), [0.9, 0.1])


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: RandomSampler(range(3), replacement=1), TypeError, "replacement should be a bool"),
        (lambda: RandomSampler(range(0)), ValueError, "num_samples should be a positive integer"),
        (lambda: BatchSampler(range(3), 0, False), ValueError, "batch_size should be a positive"),
        (lambda: BatchSampler(range(3), 2, 1), ValueError, "drop_last should be a boolean"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, "weights should be a 1d sequence"),
        (
            lambda: WeightedRandomSampler([1.0], True),
            ValueError,
            "num_samples should be a positive",
        ),
        (lambda: DistributedSampler(range(3), 2, 2), ValueError, "interval \\[0, 1\\]"),
    ],
)
def test_samplers_refuse_bad_arguments(make, error, text) -> None:
    with pytest.raises(error, match=text):
        make()


def test_batch_sampler() -> None:
    batches = BatchSampler(SequentialSampler(range(7)), 3, False)
    assert list(batches) == [[0, 1, 2], [3, 4, 5], [6]] and len(batches) == 3
    batches = BatchSampler(SequentialSampler(range(7)), 3, True)
    assert list(batches) == [[0, 1, 2], [3, 4, 5]] and len(batches) == 2


def test_distributed_sampler_pads_or_drops() -> None:
    def shares(**options):
        return [list(DistributedSampler(range(5), 2, r, shuffle=False, **options)) for r in (0, 1)]

    assert shares() == [[0, 2, 4], [1, 3, 0]]
    assert shares(drop_last=True) == [[0, 2], [1, 3]]
    sampler = DistributedSampler(range(50), 2, 0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first


# ---------------------------------------------------------------- collating

Pair = namedtuple("Pair", ["x", "y"])


def test_collate_numbers_arrays_and_containers() -> None:
    assert default_collate([1, 2]).dtype == torch.int64
    assert default_collate([1.0, 2.0]).dtype == torch.float64
    assert default_collate([True, False]).dtype == torch.bool
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a"]) == [b"a"]
    arrays = default_collate([numpy.ones(2, numpy.float32), numpy.zeros(2, numpy.float32)])
    assert arrays.tolist() == [[1, 1], [0, 0]] and arrays.dtype == torch.float32
    assert default_collate([numpy.float32(1), numpy.float32(2)]).dtype == torch.float32
    rows = default_collate([{"a": 1, "b": [torch.zeros(2), 3]}, {"a": 2, "b": [torch.ones(2), 4]}])
    assert rows["a"].tolist() == [1, 2] and rows["b"][0].shape == (2, 2)
    pair = default_collate([Pair(1, 2.0), Pair(3, 4.0)])
    assert type(pair) is Pair and pair.x.tolist() == [1, 3]
    assert type(default_collate([(1, 2), (3, 4)])) is list
    assert type(default_collate([OrderedDict(a=1), OrderedDict(a=2)])) is OrderedDict


def test_collate_says_which_number_is_none() -> None:
    with pytest.raises(TypeError, match="must be real number, not NoneType") as caught:
        default_collate([1.0, 2.0, None])
    assert caught.value.__notes__ == ["default_collate: value 2 of the batch is None"]


def test_collate_refuses_what_it_cannot_join() -> None:
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([[1, 2], [3]])
    with pytest.raises(TypeError, match="default_collate: batch must contain tensors"):
        default_collate([object(), object()])
    with pytest.raises(TypeError, match="batch must contain tensors.*found <U1"):
        default_collate([numpy.array(["a"])])
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        default_collate([torch.zeros(1), torch.zeros(2)])


def test_convert_leaves_what_is_not_an_array() -> None:
    result = default_convert({"a": numpy.ones(2), "b": "text", "c": (1, numpy.int64(2))})
    assert result["a"].tolist() == [1, 1] and result["b"] == "text"
    assert result["c"][0] == 1 and result["c"][1].item() == 2
    pair = default_convert(Pair(numpy.zeros(1), 5))
    assert type(pair) is Pair and pair.y == 5
