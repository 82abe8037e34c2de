"""Pooling against windows in numpy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional


def windows(size, kernel, stride, padding, ceil_mode=False):
    """Slices of each output position, and how many elements of padding each also covers."""
    per_dim = []
    for s, k, st, p in zip(size, kernel, stride, padding, strict=True):
        room = s + 2 * p - k
        count = (math.ceil(room / st) if ceil_mode else room // st) + 1
        if ceil_mode and (count - 1) * st >= s + p:
            count -= 1
        per_dim.append([(i * st - p, min(i * st - p + k, s + p)) for i in range(count)])
    shape = [len(d) for d in per_dim]
    cells = []
    for bounds in itertools.product(*per_dim):
        inside = tuple(slice(max(a, 0), min(b, s)) for (a, b), s in zip(bounds, size, strict=True))
        cells.append((inside, math.prod(b - a for a, b in bounds)))
    return shape, cells


CASES = [
    ((17,), 3, 2, 1, False),
    ((28, 28), 2, 2, 0, False),
    ((13, 17), 3, 2, 1, True),
    ((9, 11), 3, 1, 1, False),
    ((5, 7, 9), 3, 2, 1, True),
    ((9, 11), 2, 2, 1, True),
]


@pytest.mark.parametrize(
    "size,k,s,p,ceil,channels_last",
    [(*case, last) for case in CASES for last in (False, True) if len(case[0]) > 1 or not last],
)
def test_max_and_average(size, k, s, p, ceil, channels_last: bool) -> None:
    nd = len(size)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, *size)).astype("float32")
    t = torch.from_numpy(x)
    if channels_last:
        t = t.contiguous(memory_format=torch.channels_last if nd == 2 else torch.channels_last_3d)
    shape, cells = windows(size, (k,) * nd, (s,) * nd, (p,) * nd, ceil)
    flat_index = np.arange(math.prod(size)).reshape(size)
    best, where, mean, mean_inside = [], [], [], []
    for inside, covered in cells:
        part = x[(slice(None), slice(None), *inside)].reshape(2, 5, -1)
        best.append(part.max(-1))
        where.append(flat_index[inside].reshape(-1)[part.argmax(-1)])
        mean.append(part.sum(-1) / covered)
        mean_inside.append(part.mean(-1))
    stacked = [np.stack(v, -1).reshape(2, 5, *shape) for v in (best, where, mean, mean_inside)]
    pool = getattr(F, f"max_pool{nd}d")
    values, indices = pool(t, k, s, p, ceil_mode=ceil, return_indices=True)
    np.testing.assert_array_equal(values.contiguous().numpy(), stacked[0])
    np.testing.assert_array_equal(indices.contiguous().numpy(), stacked[1])
    average = getattr(F, f"avg_pool{nd}d")
    np.testing.assert_allclose(
        average(t, k, s, p, ceil).contiguous().numpy(), stacked[2], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        average(t, k, s, p, ceil, False).contiguous().numpy(), stacked[3], rtol=1e-5, atol=1e-6
    )


def test_nan_wins_and_minus_infinity_keeps_the_first_index() -> None:
    x = torch.full((1, 1, 4, 4), -float("inf"))
    x[0, 0, 1, 1] = float("nan")
    values, indices = F.max_pool2d(x, 2, return_indices=True)
    assert values[0, 0, 0, 0].isnan().item()
    assert indices[0, 0].tolist() == [[5, 2], [8, 10]]


@pytest.mark.parametrize("nd", [1, 2, 3])
def test_gradients(nd: int) -> None:
    size = (5, 6, 4)[:nd]
    x = (
        torch.randperm(2 * 2 * math.prod(size))
        .to(torch.float64)
        .reshape(2, 2, *size)
        .requires_grad_()
    )
    for op in (
        lambda t: getattr(F, f"max_pool{nd}d")(t, 2, 1),
        lambda t: getattr(F, f"avg_pool{nd}d")(t, 3, 2, 1),
        lambda t: getattr(F, f"adaptive_avg_pool{nd}d")(t, 3),
        lambda t: getattr(F, f"adaptive_max_pool{nd}d")(t, 2),
    ):
        assert torch.autograd.gradcheck(op, (x,))


def test_adaptive_windows() -> None:
    x = torch.arange(7.0).reshape(1, 1, 7)
    assert F.adaptive_avg_pool1d(x, 3).tolist() == [[[1.0, 3.0, 5.0]]]
    assert F.adaptive_max_pool1d(x, 3).tolist() == [[[2.0, 4.0, 6.0]]]
    image = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    np.testing.assert_allclose(
        F.adaptive_avg_pool2d(image, 1).numpy(), image.numpy().mean((2, 3), keepdims=True)
    )


@pytest.mark.parametrize(
    "call,kind,message",
    [
        (lambda r: F.max_pool2d(r(1, 2, 4, 4), 2, padding=2), RuntimeError, "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1"),
        (lambda r: F.max_pool2d(r(1, 2, 4, 4), 5), RuntimeError, "Given input size: (2x4x4). Calculated output size: (2x0x0). Output size is too small"),
        (lambda r: F.max_pool2d(r(1, 2, 4, 4), (2, 2, 2)), RuntimeError, "max_pool2d: kernel_size must either be a single int, or a tuple of two ints"),
        (lambda r: F.avg_pool2d(r(1, 2, 4, 4), 2, divisor_override=0), RuntimeError, "divisor must be not zero"),
        (lambda r: F.max_pool2d(r(1, 2, 4, 4).to(torch.complex64), 2), NotImplementedError, "\"max_pool2d\" not implemented for 'ComplexFloat'"),
        (lambda r: F.adaptive_avg_pool2d(r(4, 4), 2), RuntimeError, "adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got [4, 4]"),
    ],
)  # fmt: skip
def test_errors_say_what_pytorch_says(call, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call(torch.randn)
    assert str(caught.value).splitlines()[0] == message
