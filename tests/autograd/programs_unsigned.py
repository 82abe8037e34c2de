"""Programs about uint16, uint32 and uint64: storage, conversion and the arithmetic that PyTorch has."""

from __future__ import annotations

import copy
import io

import numpy
from observe import error, programs_of

NAMES = ("uint16", "uint32", "uint64")


def _each(torch, f):
    return [f(torch.tensor([1, 2, 200], dtype=getattr(torch, name))) for name in NAMES]


def printing(torch):
    return [
        _each(torch, repr),
        _each(torch, lambda x: repr(x[2])),
        repr(torch.tensor([[2**64 - 1, 3]], dtype=torch.uint64)),
        [repr(torch.iinfo(getattr(torch, name))) for name in NAMES],
        [[d.is_signed, d.itemsize, str(d)] for d in (torch.uint16, torch.uint32, torch.uint64)],
        _each(torch, lambda x: x.type()),
    ]


def creation(torch):
    def from_numbers(name, *values):
        return error(lambda: torch.tensor(list(values), dtype=getattr(torch, name)))

    return [
        _each(torch, lambda x: [x.new_zeros(2), torch.ones_like(x), torch.full((2,), 3, dtype=x.dtype)]),
        _each(torch, lambda x: [torch.zeros(2, dtype=x.dtype), torch.full_like(x, 5)]),
        [torch.tensor([-1], dtype=torch.uint8), torch.tensor([-1], dtype=torch.uint16)],
        torch.tensor([-200], dtype=torch.uint32),
        torch.tensor([2**63, 2**64 - 1], dtype=torch.uint64),
        [from_numbers("uint64", v) for v in (-1, 2**64)],
        [from_numbers(n, 2**63) for n in ("uint16", "int64", "uint8")],
        [from_numbers(n, 2**40) for n in ("uint16", "uint32", "int8", "int32")],
        _each(torch, lambda x: error(x.requires_grad_)),
    ]  # fmt: skip


def conversion(torch):
    large = torch.tensor([2**63 + 2**40, 3, 2**64 - 1], dtype=torch.uint64)
    return [
        _each(torch, lambda x: [x.to(torch.float32), x.to(torch.int8), x.to(torch.bool)]),
        _each(torch, lambda x: x.copy_(torch.tensor([5.0, 6.0, 7.0]))),
        [large.double(), large.float(), large.to(torch.int64), large.to(torch.uint32)],
        torch.tensor([-1, -300, 2**40]).to(torch.uint16),
        torch.tensor([-5.5, 1.8e19, 3e9]).to(torch.uint64),
        torch.tensor([-5.5, 3e9]).to(torch.uint32),
        [
            large[0].item(),
            large[2].item(),
            float(large[1]),
            bool(large[1]),
            [1, 2, 3][large[1] * 0],
        ],
        _each(torch, lambda x: x.view(torch.uint8)),
    ]


def arithmetic(torch):
    def f(x):
        mask = torch.tensor([True, False, True])
        return [
            [x * x, x * 2, x & 3, x | 4, x ^ x, torch.outer(x, x)],
            [x == x, x == 1, x != 1, torch.equal(x, x.clone()), torch.isfinite(x)],
            [x / 2, x + 1.5, x.sqrt(), x.sum(), x.prod(), x.sum(dtype=torch.float32)],
            [x.floor(), x.round(), torch.where(mask, x, 0), x.any(), x.all()],
            [torch.cat([x, x]), torch.stack([x, x]), x.repeat(2), x.roll(1)],
            [x.sort(descending=True), x.unique(), x.argsort()],
        ]

    large = torch.tensor([2**64 - 1, 1, 2**63], dtype=torch.uint64)
    return [_each(torch, f), large.sort().values, large.sort().indices, large.unique(), large * 1]


def indexing(torch):
    def f(x):
        out = [x[0], x[1:], x[torch.tensor([0, 2])], x[torch.tensor([True, False, True])]]
        x[0] = 5
        return [*out, x, x.fill_(3), x.zero_()]

    index = torch.tensor([1], dtype=torch.uint16)
    return [_each(torch, f), error(lambda: torch.arange(3)[index]), torch.arange(3)[index[0]]]


def promotion(torch):
    def promoted(a, b):
        return error(lambda: torch.promote_types(getattr(torch, a), getattr(torch, b)))

    pairs = [("uint16", "uint8"), ("int64", "uint32"), ("uint64", "bool"), ("uint16", "uint32")]
    x = torch.ones(2, dtype=torch.uint16)
    dtypes = [torch.bool, torch.uint8, torch.int64, torch.float32, torch.complex64, torch.uint32]
    return [
        [promoted(*p) for p in pairs],
        str(torch.promote_types(torch.uint16, torch.float16)),
        str(torch.promote_types(torch.uint64, torch.uint64)),
        str(torch.result_type(x, 1)),
        str(torch.result_type(x, 1.5)),
        error(lambda: x + torch.ones(2, dtype=torch.int64)).partition(",")[0],
        error(lambda: x + 1).partition(":")[0],
        [[torch.can_cast(a, b) for b in dtypes] for a in dtypes],
    ]


def exchange(torch):
    def f(x):
        array = x.numpy()
        file = io.BytesIO()
        torch.save({"x": x, "y": x[1:]}, file)
        file.seek(0)
        loaded = torch.load(file)
        shares = torch.from_numpy(array)
        shares[0] = 9
        return [
            str(array.dtype),
            x,
            [loaded["x"], loaded["y"], str(loaded["x"].dtype)],
            copy.deepcopy(x),
            [torch.tensor(array), torch.as_tensor(array)],
            torch.frombuffer(bytearray(range(8)), dtype=x.dtype),
            x.tolist(),
        ]

    refused = error(lambda: torch.from_numpy(numpy.array(["a"]))).partition(".")[0]
    return [_each(torch, f), refused]


def random_numbers(torch):
    def f(x):
        g = torch.Generator().manual_seed(3)
        out = [torch.randint(0, 1000, (4,), dtype=x.dtype, generator=g), x.random_(7, generator=g)]
        return [
            *out,
            error(x.random_, -1, 4),
            error(torch.rand, 2, dtype=x.dtype).partition(":")[0],
        ]

    return _each(torch, f)  # fmt: skip


PROGRAMS = programs_of(globals())
