"""Fetching the samples of a batch and collating them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import _C
from ...._notes import noted
from ..dataset import Subset, TensorDataset
from .collate import collate_tensor_fn, default_collate, default_collate_fn_map


def tensor_plan(dataset: Any, collate_fn: Callable) -> tuple[tuple[Any, ...], Any] | None:
    """Tensors (and the subset's index tensor) from which whole batches can be taken at once.

    Returns:
        (tensors, index or None) when the dataset is in memory and nobody could see that its
        samples are not visited one by one; else None.
    """
    if collate_fn is not default_collate:
        return None
    if default_collate_fn_map.get(_C.Tensor) is not collate_tensor_fn:
        return None  # the program has put in its own
    index = None
    while type(dataset) is Subset:
        chosen = _index_tensor(dataset.indices)
        if chosen is None:
            return None
        index = chosen if index is None else _C.ops.index_select(chosen, 0, index)
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or not dataset.tensors:
        return None
    for tensor in dataset.tensors:
        plain = type(tensor) is _C.Tensor and tensor.layout == _C.strided
        if not plain or tensor.requires_grad or tensor.device.type != "cpu":
            return None
    if index is not None:
        n = len(dataset)
        if index.numel() and not (0 <= int(index.min()) and int(index.max()) < n):
            return None  # negative or wrong indices: let the ordinary way handle them
    return dataset.tensors, index


def _index_tensor(indices: Any) -> Any:
    from .... import tensor

    if isinstance(indices, _C.Tensor):
        return indices.to(_C.int64) if indices.dim() == 1 else None
    if isinstance(indices, (list, range)) and all(type(i) is int for i in indices):
        return tensor(list(indices), dtype=_C.int64)
    return None


def take(plan: tuple[tuple[Any, ...], Any], index: Any) -> list[Any]:
    """The batch at an index tensor (B,)."""
    tensors, subset = plan
    select = _C.ops.index_select
    if subset is not None:
        index = select(subset, 0, index)
    return [select(tensor, 0, index) for tensor in tensors]


class _BaseDatasetFetcher:
    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool
    ) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last

    def fetch(self, possibly_batched_index: Any) -> Any:
        raise NotImplementedError


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool
    ) -> None:
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter = iter(dataset)
        self.ended = False

    def fetch(self, possibly_batched_index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        samples = []
        for _ in possibly_batched_index:
            try:
                samples.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(possibly_batched_index)):
            raise StopIteration
        return self.collate_fn(samples)


class _MapDatasetFetcher(_BaseDatasetFetcher):
    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool
    ) -> None:
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self._plan = tensor_plan(dataset, collate_fn) if auto_collation else None

    def fetch(self, possibly_batched_index: Any) -> Any:
        if not self.auto_collation:
            return self._collate(self._one(possibly_batched_index), possibly_batched_index)
        indices = possibly_batched_index
        if self._plan is not None:
            wanted = _index_tensor(indices)
            if wanted is not None and _all_inside(wanted, self.dataset):
                return take(self._plan, wanted)
        many = getattr(self.dataset, "__getitems__", None)
        if many:
            try:
                samples = many(indices)
            except Exception as error:
                noted(error, f"DataLoader: while fetching the samples {_shown(indices)}")
                raise
        else:
            samples = [self._one(i) for i in indices]
        return self._collate(samples, indices)

    def _one(self, index: Any) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:
            noted(error, f"DataLoader: while fetching sample {index!r}")
            raise

    def _collate(self, samples: Any, indices: Any) -> Any:
        try:
            return self.collate_fn(samples)
        except Exception as error:
            noted(
                error,
                f"DataLoader: while collating the samples {_shown(indices)}; give collate_fn= "
                "where samples differ in shape or are of a class of your own",
            )
            raise


def _all_inside(index: Any, dataset: Any) -> bool:
    return not index.numel() or (int(index.min()) >= 0 and int(index.max()) < len(dataset))


def _shown(indices: Any, most: int = 16) -> str:
    """Sample indices for a message, long lists cut."""
    if not isinstance(indices, (list, tuple)) or len(indices) <= most:
        return repr(indices)
    head = ", ".join(repr(i) for i in indices[:most])
    return f"[{head}, ... ({len(indices)} in all)]"
