"""Convolutions in float32 against their definition in float64."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl

# (n, input channels, output channels, height, width, kernel, stride, padding, bias)
CASES = [
    (2, 32, 48, 9, 15, 3, 1, 1, True),
    (3, 64, 64, 14, 14, 3, 1, 1, False),
    (5, 80, 96, 12, 7, 3, 1, 0, True),
    (4, 64, 32, 10, 5, 3, 1, 2, False),
    (1, 144, 64, 17, 16, 3, 1, 1, True),
    # gradients of weights by large tiles: with tiles cut short, of nothing else, and several rounds
    (9, 48, 80, 13, 11, 3, 1, 1, True),
    (20, 96, 32, 10, 9, 3, 1, 2, False),
    (400, 32, 48, 2, 1, 3, 1, 1, True),
    (62, 64, 64, 16, 15, 3, 1, 1, False),
    (17, 192, 208, 7, 7, 3, 1, 1, False),
    (2, 32, 48, 9, 11, 3, 2, 1, True),
    # stride two: odd and even sizes, tiny images, several shares of tiles, more weights than images
    (7, 48, 80, 14, 15, 3, 2, 1, True),
    (300, 32, 48, 2, 3, 3, 2, 1, False),
    (30, 64, 64, 29, 28, 3, 2, 1, False),
    (9, 160, 144, 13, 12, 3, 2, 1, True),
    (4, 64, 64, 21, 20, 3, 2, 0, False),
    (2, 32, 48, 9, 11, 1, 1, 0, False),
    # large batches of small images
    (70, 6, 16, 14, 14, 5, 1, 0, True),
    (64, 1, 6, 28, 28, 5, 1, 2, True),
    (67, 3, 10, 9, 11, 3, 1, 1, True),
    (64, 2, 7, 12, 13, 3, 2, 1, False),
    (64, 10, 12, 6, 19, 2, 1, 0, False),
    # images into many channels
    (3, 3, 64, 33, 40, 7, 2, 3, True),
    (2, 1, 16, 20, 21, 3, 1, 1, True),
    (2, 4, 48, 17, 19, 5, 3, 2, False),
]


def windows(x, kernel, stride):
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))
    return view[:, :, ::stride, ::stride]  # (n, c, oh, ow, ky, kx)


def by_definition(x, w, b, g, stride, padding):
    """Output and gradients of sum(output * g), in float64."""
    pad = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    padded = np.pad(x, pad)
    kernel = w.shape[2]
    cols = windows(padded, kernel, stride)
    y = np.einsum("nchwyx,ocyx->nohw", cols, w, optimize=True)
    dw = np.einsum("nchwyx,nohw->ocyx", cols, g, optimize=True)
    dx = np.zeros_like(padded)
    oh, ow = g.shape[2:]
    for ky in range(kernel):
        for kx in range(kernel):
            rows = slice(ky, ky + stride * (oh - 1) + 1, stride)
            columns = slice(kx, kx + stride * (ow - 1) + 1, stride)
            dx[:, :, rows, columns] += np.einsum("nohw,oc->nchw", g, w[:, :, ky, kx])
    dx = dx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]
    if b is not None:
        y = y + b[:, None, None]
    return y, dx, dw, g.sum(axis=(0, 2, 3))


def draw(case):
    n, ic, oc, h, w, kernel, stride, padding, bias = case
    random = np.random.default_rng(7)
    x = random.standard_normal((n, ic, h, w)).astype(np.float32)
    weight = (random.standard_normal((oc, ic, kernel, kernel)) / np.sqrt(ic * kernel**2)).astype(
        np.float32
    )
    b = random.standard_normal(oc).astype(np.float32) if bias else None
    out = [(size + 2 * padding - kernel) // stride + 1 for size in (h, w)]
    return x, weight, b, random.standard_normal((n, oc, *out)).astype(np.float32)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(str(int(v)) for v in case))
def test_float32_agrees_with_the_definition(case):
    stride, padding = case[6:8]
    x, weight, b, g = draw(case)
    leaves = [rl.from_numpy(v).requires_grad_() for v in (x, weight, b) if v is not None]
    y = rl.nn.functional.conv2d(*leaves, stride=stride, padding=padding)
    y.backward(rl.from_numpy(g))
    wide = [None if v is None else v.astype(np.float64) for v in (x, weight, b, g)]
    expected = by_definition(*wide, stride, padding)
    for got, want in zip([y.detach(), *(leaf.grad for leaf in leaves)], expected):
        rl.testing.assert_close(
            got.double(), rl.from_numpy(want), rtol=1.3e-6, atol=1e-5 * scale(want)
        )


def scale(values):
    """The size of what is summed: errors of a long sum grow with it, not with the result."""
    return max(1.0, float(np.sqrt(np.mean(values**2))))


# Bounds are those of docs/design/convolution.md; PyTorch's float32 sums have 2.2e-7, 2.2e-7 and 5e-7 or more. Without
# vectors there are no such kernels, and a sum is one long chain.
VECTORS = (os.environ.get("RUSHLIGHT_ISA") or rl.backends.cpu.get_cpu_capability()) not in (
    "baseline",
    "DEFAULT",
)
BOUNDS = (3.6e-7, 3.6e-7, 7e-7) if VECTORS else (1.2e-6, 1.2e-6, 2e-6)


@pytest.mark.parametrize(
    "case",
    [
        (4, 64, 64, 28, 28, 3, 1, 1, False),
        (16, 256, 32, 14, 14, 3, 1, 1, False),
        (16, 32, 512, 7, 7, 3, 1, 1, False),
        (16, 64, 128, 28, 28, 3, 2, 1, False),
    ],
    ids=lambda case: "x".join(str(int(v)) for v in case),
)
def test_rounding_errors_stay_within_what_is_documented(case):
    x, weight, _, g = draw(case)
    leaves = [rl.from_numpy(v).requires_grad_() for v in (x, weight)]
    y = rl.nn.functional.conv2d(*leaves, stride=case[6], padding=1)
    y.backward(rl.from_numpy(g))
    wide = [v.astype(np.float64) for v in (x, weight)]
    expected = by_definition(*wide, None, g.astype(np.float64), case[6], 1)
    got = [y.detach(), *(leaf.grad for leaf in leaves)]
    for value, want, bound in zip(got, expected, BOUNDS):
        assert np.sqrt(np.mean((value.numpy() - want) ** 2) / np.mean(want**2)) < bound


PROGRAM = """
import hashlib, sys
import rushlight as rl
rl.set_num_threads(int(sys.argv[1]))
rl.manual_seed(0)
model = rl.nn.Sequential(rl.nn.Conv2d(3, 32, 3, padding=1), rl.nn.ReLU(), rl.nn.Conv2d(32, 64, 3, padding=1),
                         rl.nn.BatchNorm2d(64), rl.nn.Conv2d(64, 48, 3, padding=1, bias=False),
                         rl.nn.Conv2d(48, 64, 3, 2, padding=1), rl.nn.Conv2d(64, 256, 3, padding=1))
y = model(rl.randn(4, 3, 19, 17))
(y * y).mean().backward()
for t in [y.detach(), *(p.grad for p in model.parameters())]:
    print(hashlib.sha256(t.numpy().tobytes()).hexdigest())
"""


@pytest.mark.parametrize("level", ["avx2", "avx512"])
def test_results_do_not_depend_on_the_number_of_threads(level):
    outputs = set()
    for threads in ("1", "2", "5"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, threads],
            capture_output=True,
            text=True,
            env={**os.environ, "RUSHLIGHT_ISA": level},
        )
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("place", [(10, 10), (0, 0), (19, 21), (7, 3), (8, 12), (13, 5)])
def test_what_is_not_finite_stays_in_its_field(value, stride, place):
    random = np.random.default_rng(3)
    x = random.standard_normal((4, 32, 20 * stride, 22 * stride)).astype(np.float32)
    g = random.standard_normal((4, 32, 20, 22)).astype(np.float32)
    w = random.standard_normal((32, 32, 3, 3)).astype(np.float32)
    row, column = place
    x[0, 5, row, column] = g[0, 7, row, column] = value
    leaf = rl.from_numpy(x.copy()).requires_grad_()
    y = rl.nn.functional.conv2d(leaf, rl.from_numpy(w), rl.ones(32), stride=stride, padding=1)
    y.backward(rl.from_numpy(g.copy()))
    x[0, 5, row, column] = g[0, 7, row, column] = 0  # elsewhere all is as without it
    wide = [v.astype(np.float64) for v in (x, w, np.ones(32), g)]
    expected = by_definition(*wide, stride, 1)
    # An output i reads the inputs from stride * i - 1 to stride * i + 1.
    outputs = [slice(max(p - 1 + stride - 1, 0) // stride, (p + 1) // stride + 1) for p in place]
    inputs = [slice(max(stride * p - 1, 0), stride * p + 2) for p in place]
    for got, want, field in ((y.detach(), expected[0], outputs), (leaf.grad, expected[1], inputs)):
        finite = rl.isfinite(got)
        assert not finite[0, :, field[0], field[1]].any()
        finite[0, :, field[0], field[1]] = True
        assert finite.all()
        got[0, :, field[0], field[1]] = 0
        want[0, :, field[0], field[1]] = 0
        rl.testing.assert_close(
            got.double(), rl.from_numpy(want), rtol=1.3e-6, atol=1e-5 * scale(want)
        )


def double_numpy(conv):
    conv.weight.detach().numpy()[...] *= 2


def double_by_step(conv):
    conv.weight.grad = -conv.weight.detach()
    rl.optim.SGD([conv.weight], lr=1.0).step()


CHANGES = {
    "in place": lambda conv: conv.weight.data.mul_(2),
    "through a view": lambda conv: conv.weight.detach()[...].mul_(2),
    "through numpy": double_numpy,
    "through numpy taken before": None,
    "by an optimizer": double_by_step,
    "by load_state_dict": lambda conv: conv.load_state_dict({"weight": conv.weight * 2}),
    "by assignment": lambda conv: setattr(conv.weight, "data", conv.weight.detach() * 2),
    "by copy_": lambda conv: conv.weight.detach().copy_(conv.weight.detach() * 2),
    "by indexing": lambda conv: conv.weight.detach().__setitem__(..., conv.weight.detach() * 2),
}


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_weight_is_seen(change, kernel):
    conv = rl.nn.Conv2d(64, 64, kernel, padding=kernel // 2, bias=False)
    x = rl.randn(2, 64, 17, 17)
    early = conv.weight.detach().numpy() if change == "through numpy taken before" else None
    with rl.no_grad():
        before = [conv(x) for _ in range(4)]  # the weight is packed on the way
        assert all(rl.equal(before[0], y) for y in before)
        if early is None:
            CHANGES[change](conv)
        else:
            early *= 2
        for _ in range(4):
            assert rl.equal(conv(x), before[0] * 2)  # exact: a power of two


def test_the_packed_weight_is_freed_with_its_layer():
    conv = rl.nn.Conv2d(256, 256, 1, bias=False)
    x = rl.randn(2, 256, 8, 8)
    with rl.no_grad():
        conv(x)
        rest = rl.cpu.memory_allocated()
        for _ in range(3):
            conv(x)
        assert rl.cpu.memory_allocated() > rest
        conv.weight.mul_(2)
        conv(x)
        assert rl.cpu.memory_allocated() == rest
