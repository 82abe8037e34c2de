"""Samplers: the order in which a `DataLoader` asks for samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from ... import _C

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base class of samplers: an iterable of indices (or of lists of them), with a length."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """Indices 0, 1, 2, ... of a data source.

    Args:
        data_source: anything with a length.

    Example:
        >>> import rushlight as torch
        >>> list(torch.utils.data.SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order, or drawn with replacement.

    Args:
        data_source: anything with a length.
        replacement: draw each index independently (default False).
        num_samples: how many to draw; default: the length of the source.
        generator: source of the random numbers; by default a generator of its own, seeded from
            the default one when iteration starts.

    Raises:
        TypeError: replacement is not a bool.
        ValueError: num_samples is not a positive integer.

    Example:
        >>> import rushlight as torch
        >>> g = torch.Generator().manual_seed(1)
        >>> list(torch.utils.data.RandomSampler(range(5), generator=g))
        [0, 4, 2, 3, 1]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                "num_samples should be a positive integer value, "
                f"but got num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _own_generator(self) -> Any:
        """The given generator, or a new one seeded by one draw from the default generator."""
        if self.generator is not None:
            return self.generator
        seed = int(_C.ops.empty((), dtype=_C.int64).random_().item())
        generator = _C.Generator()
        generator.manual_seed(seed)
        return generator

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        generator = self._own_generator()
        if self.replacement:
            # Blocks of 32 draws: the block size is part of the random stream's definition.
            for _ in range(self.num_samples // 32):
                yield from _C.ops.randint(n, (32,), generator=generator).tolist()
            rest = (self.num_samples % 32,)
            yield from _C.ops.randint(n, rest, generator=generator).tolist()
            return
        for _ in range(self.num_samples // n):
            yield from _C.ops.randperm(n, generator=generator).tolist()
        # Drawn even when nothing of it is used: a given generator's later numbers depend on it.
        tail = _C.ops.randperm(n, generator=generator)
        yield from tail[: self.num_samples % n].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    Args:
        indices: the indices to choose from.
        generator: source of the random numbers (default: the default generator).
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = _C.ops.randperm(len(self.indices), generator=self.generator).tolist()
        for i in order:
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given probabilities.

    Args:
        weights: one non-negative weight per index; they need not sum to one.
        num_samples: how many indices to draw.
        replacement: draw independently (default), or each index at most once.
        generator: source of the random numbers (default: the default generator).

    Raises:
        ValueError: an argument of the wrong type, or weights that are not one-dimensional.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        if not _is_count(num_samples):
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        from ... import as_tensor

        tensor = as_tensor(weights, dtype=_C.float64)
        if tensor.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given "
                f"weights have shape {tuple(tensor.shape)}"
            )
        self.weights = tensor
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = _C.ops.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of another sampler.

    Args:
        sampler: any iterable of indices.
        batch_size: indices per list.
        drop_last: leave out the last list when it is not full.

    Raises:
        ValueError: batch_size is not a positive integer, or drop_last not a bool.

    Example:
        >>> import rushlight as torch
        >>> list(torch.utils.data.BatchSampler(range(5), 2, False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool
    ) -> None:
        if not _is_count(batch_size):
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
