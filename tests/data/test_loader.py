"""DataLoader in this process: batches, arguments, errors."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    TensorDataset,
)


class Words(Dataset):
    items = ("one", "three", "five", "seven")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int):
        if i == 2:
            raise KeyError("no such word")
        return self.items[i]


class Stream(IterableDataset):
    def __init__(self, n: int, promised: int | None = None) -> None:
        self.n = n
        self.promised = promised

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n if self.promised is None else self.promised


def test_lengths_and_last_batches() -> None:
    data = TensorDataset(torch.arange(10))
    for drop, expected in ((False, [4, 4, 2]), (True, [4, 4])):
        loader = DataLoader(data, batch_size=4, drop_last=drop)
        assert len(loader) == len(expected)
        assert [len(batch[0]) for batch in loader] == expected
    assert next(iter(loader))[0].tolist() == [0, 1, 2, 3]


def test_a_batch_is_memory_of_its_own() -> None:
    values = torch.zeros(6)
    for shuffle in (False, True):
        for (batch,) in DataLoader(TensorDataset(values), batch_size=3, shuffle=shuffle):
            assert batch.is_contiguous()
            batch.add_(1)
    assert values.tolist() == [0] * 6


def test_every_kind_of_tensor_is_fetched() -> None:
    tensors = (torch.arange(4), torch.ones(4, 2, 3), torch.zeros(4, dtype=torch.bool))
    turned = torch.arange(8.0).reshape(2, 4).t()
    batch = next(iter(DataLoader(TensorDataset(*tensors, turned), batch_size=3)))
    assert [part.dtype for part in batch] == [torch.int64, torch.float32, torch.bool, torch.float32]
    assert batch[1].shape == (3, 2, 3) and batch[3].tolist() == [[0, 4], [1, 5], [2, 6]]


def test_the_table_of_collate_functions_may_be_changed(monkeypatch) -> None:
    from rushlight.utils.data._utils.collate import default_collate_fn_map

    monkeypatch.setitem(default_collate_fn_map, torch.Tensor, lambda b, **_: [t.item() for t in b])
    loader = DataLoader(TensorDataset(torch.arange(3)), batch_size=2)
    assert list(loader) == [[[0, 1]], [[2]]]


def test_batch_sampler_and_collate_function() -> None:
    data = TensorDataset(torch.arange(5))
    batches = BatchSampler(SequentialSampler(data), 2, False)
    loader = DataLoader(data, batch_sampler=batches, collate_fn=lambda s: [int(x) for (x,) in s])
    assert list(loader) == [[0, 1], [2, 3], [4]]
    assert list(DataLoader(data, batch_sampler=[[4, 0]]))[0][0].tolist() == [4, 0]
    assert [int(x) for (x,) in DataLoader(data, batch_size=None)] == [0, 1, 2, 3, 4]


def test_getitems_gives_a_batch_at_once() -> None:
    class Whole(Dataset):
        asked: list = []

        def __len__(self) -> int:
            return 4

        def __getitems__(self, indices):
            self.asked.append(indices)
            return [i * 10 for i in indices]

    assert [b.tolist() for b in DataLoader(Whole(), batch_size=2)] == [[0, 10], [20, 30]]
    assert Whole.asked == [[0, 1], [2, 3]]


def test_streams() -> None:
    assert [b.tolist() for b in DataLoader(Stream(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(5), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(Stream(5), batch_size=2)) == 3
    loader = DataLoader(Stream(3, promised=2))
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        list(loader)


@pytest.mark.parametrize(
    "options, text",
    [
        (dict(num_workers=-1), "num_workers option should be non-negative"),
        (dict(timeout=-1), "timeout option should be non-negative"),
        (dict(prefetch_factor=2), "prefetch_factor option could only be specified in multi"),
        (dict(persistent_workers=True), "persistent_workers option needs num_workers > 0"),
        (dict(sampler=[0], shuffle=True), "sampler option is mutually exclusive with shuffle"),
        (dict(batch_sampler=[[0]], batch_size=2), "batch_sampler option is mutually exclusive"),
        (dict(batch_size=None, drop_last=True), "batch_size=None option disables auto-batching"),
        (dict(multiprocessing_context="fork"), "can only be used with multi-process loading"),
        (dict(num_workers=1, multiprocessing_context="no"), "should specify a valid start method"),
        (dict(batch_size=0), "batch_size should be a positive integer value"),
    ],
)
def test_bad_options_are_refused(options, text) -> None:
    with pytest.raises(ValueError, match=text):
        DataLoader(TensorDataset(torch.arange(3)), **options)


def test_streams_refuse_orders() -> None:
    for options in (dict(shuffle=True), dict(sampler=[0]), dict(batch_sampler=[[0]])):
        with pytest.raises(
            ValueError, match="DataLoader with IterableDataset: expected unspecified"
        ):
            DataLoader(Stream(3), **options)


def test_what_shaped_the_samplers_stays() -> None:
    loader = DataLoader(TensorDataset(torch.arange(3)))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after"):
        loader.batch_size = 2
    loader.num_workers = 0


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


def test_errors_name_the_sample() -> None:
    with pytest.raises(KeyError) as caught:
        list(DataLoader(Words(), batch_size=4))
    if hasattr(caught.value, "add_note"):
        assert "while fetching sample 2" in notes(caught.value)


def test_ragged_samples_name_the_batch() -> None:
    ragged = [torch.zeros(1), torch.zeros(2)]
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size") as caught:
        list(DataLoader(ragged, batch_size=2))
    if hasattr(caught.value, "add_note"):
        assert "while collating the samples [0, 1]; give collate_fn=" in notes(caught.value)


def test_two_passes_at_a_time_are_independent() -> None:
    loader = DataLoader(TensorDataset(torch.arange(4)), batch_size=2)
    one, two = iter(loader), iter(loader)
    assert [next(one)[0].tolist(), next(two)[0].tolist(), next(one)[0].tolist()] == [
        [0, 1],
        [0, 1],
        [2, 3],
    ]
    with pytest.raises(StopIteration):
        next(one)
