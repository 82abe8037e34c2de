"""Loader and sampler cases, run by Rushlight in the tests and by PyTorch when recording."""

from __future__ import annotations

from typing import Any


def samplers(torch: Any, seed: int) -> dict[str, list[Any]]:
    """What each sampler yields, by default generator and by a given one."""
    data = torch.utils.data
    torch.manual_seed(seed)
    given = torch.Generator().manual_seed(seed + 1)
    return {
        "random": list(data.RandomSampler(range(11))),
        "random given": list(data.RandomSampler(range(11), generator=given)),
        "with replacement": list(data.RandomSampler(range(5), True, 70)),
        "more than there are": list(data.RandomSampler(range(4), num_samples=11, generator=given)),
        "subset": list(data.SubsetRandomSampler([3, 5, 8, 9])),
        "weighted": list(data.WeightedRandomSampler([0.1, 0.9, 0.4, 2.0], 12)),
        "weighted once": list(data.WeightedRandomSampler([0.1, 0.9, 0.4], 3, False)),
        "split": [list(p.indices) for p in data.random_split(range(10), [0.5, 0.25, 0.25])],
        "distributed": [
            list(data.DistributedSampler(range(10), 3, rank, seed=seed)) for rank in range(3)
        ],
        "given afterwards": torch.randint(1000, (4,), generator=given).tolist(),
        "default afterwards": torch.randint(1000, (4,)).tolist(),
    }


# Name -> options of DataLoader; "own" asks for a generator of its own, "n" sets the length.
LOADERS: dict[str, dict[str, Any]] = {
    "in order": dict(batch_size=4),
    "shuffled": dict(batch_size=4, shuffle=True),
    "shuffled, full batches": dict(batch_size=4, shuffle=True, n=12),
    "drop_last": dict(batch_size=4, shuffle=True, drop_last=True),
    "own": dict(batch_size=4, shuffle=True, own=True),
    "own, full batches": dict(batch_size=4, shuffle=True, own=True, n=12),
    "own, drop_last": dict(batch_size=4, shuffle=True, own=True, drop_last=True),
    "one by one": dict(batch_size=None, shuffle=True),
    "subset": dict(batch_size=3, shuffle=True, subset=True),
    "sampler": dict(batch_size=3, replacement=True),
}


def loader_epochs(torch: Any, name: str, seed: int, **more: Any) -> list[Any]:
    """Batches of two epochs, with random numbers drawn in between."""
    options = {**LOADERS[name], **more}
    n = options.pop("n", 13)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 1) if options.pop("own", False) else None
    data = torch.utils.data
    dataset = data.TensorDataset(torch.arange(n), torch.arange(n) * 0.5)
    if options.pop("subset", False):
        dataset = data.random_split(dataset, [n - 5, 5])[0]
    if options.pop("replacement", False):
        options["sampler"] = data.RandomSampler(dataset, True, 40)
    loader = data.DataLoader(dataset, generator=generator, **options)
    seen: list[Any] = []
    for _ in range(2):
        seen.append([[part.tolist() for part in batch] for batch in loader])
        seen.append(torch.randint(1000, (2,)).tolist())
        if generator is not None:
            seen.append(torch.randint(1000, (2,), generator=generator).tolist())
    return seen
