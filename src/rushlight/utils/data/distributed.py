"""The sampler that gives each process of a group its own share of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ... import _C
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[Any]):
    """Every `num_replicas`-th index, beginning at `rank`, of a common (random) order.

    Args:
        dataset: anything with a length.
        num_replicas: number of processes; default: that of the process group.
        rank: number of this process; default: that in the process group.
        shuffle: random order, a new one per `set_epoch` (default True).
        seed: seed of the order, the same in all processes.
        drop_last: shorten the order to a multiple of num_replicas instead of repeating its head.

    Raises:
        ValueError: rank outside 0..num_replicas-1.

    Example:
        >>> import rushlight as torch
        >>> s = torch.utils.data.DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False)
        >>> list(s)
        [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from ... import distributed as group

            num_replicas = group.get_world_size() if num_replicas is None else num_replicas
            rank = group.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        if drop_last:
            self.num_samples = n // num_replicas
        else:
            self.num_samples = math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        if self.shuffle:
            generator = _C.Generator()
            generator.manual_seed(self.seed + self.epoch)
            order = _C.ops.randperm(n, generator=generator).tolist()
        else:
            order = list(range(n))
        if n and len(order) < self.total_size:
            order = (order * math.ceil(self.total_size / n))[: self.total_size]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose another random order.

        Args:
            epoch: added to the seed; call it with the epoch's number before each epoch.
        """
        self.epoch = epoch
