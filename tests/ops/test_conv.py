"""Convolution against sums over windows in numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional


def reference(x, w, b, stride, padding, dilation, groups):
    nd = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in padding])
    out_size = [
        (x.shape[2 + i] - dilation[i] * (w.shape[2 + i] - 1) - 1) // stride[i] + 1
        for i in range(nd)
    ]
    out = np.zeros((x.shape[0], w.shape[0], *out_size))
    ic, oc = w.shape[1], w.shape[0] // groups
    for tap in itertools.product(*(range(k) for k in w.shape[2:])):
        window = tuple(
            slice(
                tap[i] * dilation[i],
                tap[i] * dilation[i] + (out_size[i] - 1) * stride[i] + 1,
                stride[i],
            )
            for i in range(nd)
        )
        for g in range(groups):
            part = x[(slice(None), slice(g * ic, (g + 1) * ic), *window)]
            taps = w[(slice(g * oc, (g + 1) * oc), slice(None), *tap)]
            out[:, g * oc : (g + 1) * oc] += np.einsum("nc...,oc->no...", part, taps)
    return out if b is None else out + b.reshape(1, -1, *[1] * nd)


# batch, in channels, size, out channels, kernel, stride, padding, dilation, groups
CASES = [
    (2, 1, (28, 28), 6, (5, 5), (1, 1), (2, 2), (1, 1), 1),
    (3, 6, (14, 14), 16, (5, 5), (1, 1), (0, 0), (1, 1), 1),
    (2, 3, (23, 21), 10, (7, 7), (2, 2), (3, 3), (1, 1), 1),
    (2, 4, (12, 15), 6, (3, 1), (1, 2), (1, 0), (2, 1), 2),
    (2, 32, (9, 9), 24, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (1, 8, (8, 8), 8, (3, 3), (2, 1), (1, 1), (1, 1), 8),
    (2, 3, (30,), 5, (3,), (3,), (1,), (1,), 1),
    (1, 4, (40,), 6, (5,), (1,), (4,), (2,), 2),
    (2, 32, (1100,), 48, (3,), (1,), (1,), (1,), 1),
    (1, 64, (1030,), 64, (5,), (2,), (3,), (2,), 2),
    (1, 3, (5, 6, 7), 4, (3, 2, 3), (1, 2, 1), (1, 0, 1), (1, 1, 1), 1),
    (0, 3, (8, 8), 4, (3, 3), (1, 1), (0, 0), (1, 1), 1),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_and_gradients(case, dtype: str) -> None:
    n, ic, size, oc, kernel, stride, padding, dilation, groups = case
    rng = np.random.default_rng(7)
    x, w = rng.standard_normal((n, ic, *size)), rng.standard_normal((oc, ic // groups, *kernel))
    b = rng.standard_normal(oc)
    wanted = reference(x, w, b, stride, padding, dilation, groups)
    kind = getattr(torch, dtype)
    tx, tw, tb = (torch.from_numpy(v).to(kind).requires_grad_() for v in (x, w, b))
    conv = (F.conv1d, F.conv2d, F.conv3d)[len(size) - 1]
    got = conv(tx, tw, tb, stride, padding, dilation, groups)
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=tolerance, atol=tolerance)
    # Convolution is bilinear: <g, conv(x, w)> = <grad_x, x> = <grad_w, w>, and again for any other
    # x or w in the place of the first.
    g = rng.standard_normal(wanted.shape)
    got.backward(torch.from_numpy(g).to(kind))
    other_x, other_w = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
    scale = max(1.0, np.abs(g).sum())
    along_x = (reference(other_x, w, None, stride, padding, dilation, groups) * g).sum()
    along_w = (reference(x, other_w, None, stride, padding, dilation, groups) * g).sum()
    assert abs((tx.grad.double().numpy() * other_x).sum() - along_x) <= tolerance * scale
    assert abs((tw.grad.double().numpy() * other_w).sum() - along_w) <= tolerance * scale
    np.testing.assert_allclose(
        tb.grad.numpy(), g.sum((0, *range(2, g.ndim))), rtol=tolerance, atol=tolerance * 10
    )


# batch, channels, size, kernel, stride, padding: every tile of the kernels, whole and at both edges,
# channels that fill their vectors and such that leave some over.
DEPTHWISE = [
    (2, 16, (14, 14), 3, 1, 1),
    (1, 32, (9, 16), 3, 1, 1),
    (1, 19, (10, 9), 3, 1, 0),
    (2, 72, (13, 30), 3, 2, 1),
    (1, 16, (8, 8), 3, 2, 0),
    (2, 48, (7, 7), 5, 1, 2),
    (1, 9, (6, 5), 5, 1, 4),
    (1, 40, (5, 3), 5, 1, 2),
    (2, 24, (15, 31), 5, 2, 2),
    (1, 32, (28, 28), 5, 2, 1),
    (1, 16, (4, 33), 5, 2, 5),
    (1, 32, (11, 15), 7, 1, 3),
    (1, 17, (12, 21), 7, 2, 3),
    (1, 130, (3, 70), 3, 1, 2),
]


@pytest.mark.parametrize("case", DEPTHWISE, ids=str)
def test_depthwise_kernels(case) -> None:
    n, channels, size, k, stride, padding = case
    rng = np.random.default_rng(3)
    x = rng.standard_normal((n, channels, *size))
    w, b = rng.standard_normal((channels, 1, k, k)), rng.standard_normal(channels)
    wanted = reference(x, w, b, (stride,) * 2, (padding,) * 2, (1, 1), channels)
    g = rng.standard_normal(wanted.shape)
    results = []
    for kind in (torch.float32, torch.float64):
        values = [torch.from_numpy(v).to(kind).requires_grad_() for v in (x, w, b)]
        got = F.conv2d(*values, stride, padding, 1, channels)
        np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-4, atol=1e-4)
        got.backward(torch.from_numpy(g).to(kind))
        results.append([v.grad.numpy() for v in values])
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("output_padding", [0, 1])
@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution_is_the_adjoint(groups: int, output_padding: int) -> None:
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    w = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    y = F.conv_transpose2d(x, w, None, 2, 1, output_padding, groups)
    g = torch.randn(*y.shape, dtype=torch.float64)
    back = F.conv2d(g, w, None, 2, 1, 1, groups)
    np.testing.assert_allclose((y * g).sum().item(), (back * x).sum().item(), rtol=1e-11)


def test_second_derivatives() -> None:
    def leaf(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64).requires_grad_()

    args = (leaf(1, 2, 5, 4), leaf(3, 2, 3, 2), leaf(3))

    def conv(x, w, b):
        return F.conv2d(x, w, b, 2, 1)

    assert torch.autograd.gradcheck(conv, args)
    assert torch.autograd.gradgradcheck(conv, args)
    turned = (leaf(1, 2, 3, 4), leaf(2, 3, 3, 2), leaf(3))
    assert torch.autograd.gradgradcheck(lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1), turned)


def test_a_chain_in_the_fast_layout_is_invisible() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 32, 14, 14)
    weights = [torch.randn(48, 32, 3, 3) * 0.1, torch.randn(32, 48, 3, 3) * 0.1]

    def run(kind):
        leaves = [t.detach().to(kind).requires_grad_() for t in (x, *weights)]
        y = F.conv2d(leaves[0], leaves[1], padding=1)
        y = F.max_pool2d(y, 2)
        y = F.conv2d(y, leaves[2], stride=2)
        assert y.is_contiguous() and y.stride() == (288, 9, 3, 1)
        (y * y).sum().backward()
        return [y.detach(), *(t.grad for t in leaves)]

    for fast, exact in zip(run(torch.float32), run(torch.float64), strict=True):
        np.testing.assert_allclose(fast.numpy(), exact.numpy(), rtol=1e-3, atol=1e-3)


def test_a_number_out_of_a_fast_layout_and_a_factor_for_each_channel() -> None:
    w = torch.randn(24, 24, 3, 3)
    x = torch.randn(2, 24, 7, 9)
    scale = torch.rand(2, 24, 1, 1)
    plain = F.conv2d(x, w, padding=1).numpy()
    for function in (
        lambda y: y * y[0, 0, 0, 0],
        lambda y: y * y[:, :, :1, :1],
        lambda y: y * scale,
        lambda y: scale - y,
        lambda y: y.mul_(scale),
        lambda y: y * scale[:1, :, :, 0:1].double(),
        lambda y: y + torch.arange(9.0),
        lambda y: torch.where(y > scale, y, scale),
    ):
        got = function(F.conv2d(x, w, padding=1))
        want = function(torch.from_numpy(plain.copy()))
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-6)


def test_results_of_every_width_leave_the_fast_layout() -> None:
    y = F.conv2d(torch.randn(2, 32, 14, 14), torch.randn(40, 32, 3, 3))
    assert (y == y).all().item() and (y.double() == y).numpy().all()
    assert (y.to(torch.complex128).real == y).all().item()
    assert (y.bfloat16().float() - y).abs().max().item() < 0.5


def test_channels_last_input_gives_channels_last_output() -> None:
    x, w = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    wanted = F.conv2d(x, w)
    got = F.conv2d(x.contiguous(memory_format=torch.channels_last), w)
    assert got.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(got.contiguous().numpy(), wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_small_kernels_do_not_depend_on_threads() -> None:
    x, w, g = torch.randn(37, 3, 12, 12), torch.randn(6, 3, 5, 5), torch.randn(37, 6, 8, 8)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
            y = F.conv2d(a, b)
            y.backward(g)
            results.append([t.detach().numpy().tobytes() for t in (y, a.grad, b.grad)])
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda r: F.conv2d(r(1, 3, 8, 8), r(4, 2, 3, 3)), "Given groups=1, weight of size [4, 2, 3, 3], expected input[1, 3, 8, 8] to have 2 channels, but got 3 channels instead"),
        (lambda r: F.conv2d(r(8, 8), r(4, 2, 3, 3)), "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 8]"),
        (lambda r: F.conv2d(r(1, 3, 2, 2), r(4, 3, 3, 3)), "Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't be greater than actual input size"),
        (lambda r: F.conv2d(r(1, 3, 8, 8), r(4, 3, 3, 3), r(5)), "Given weight of size [4, 3, 3, 3], expected bias to be 1-dimensional with 4 elements, but got bias of size [5] instead"),
        (lambda r: F.conv2d(r(1, 3, 8, 8), r(4, 3, 3, 3), stride=0), "non-positive stride is not supported"),
        (lambda r: F.conv2d(r(1, 3, 8, 8), r(4, 3, 3, 3).double()), "expected scalar type Float but found Double"),
        (lambda r: F.conv2d(r(1, 3, 8, 8), r(4, 3, 3, 3), padding="same", stride=2), "padding='same' is not supported for strided convolutions"),
        (lambda r: F.conv_transpose2d(r(1, 3, 1, 1), r(3, 4, 1, 1), padding=2), "Given input size per channel: (1 x 1). Calculated output size per channel: (-3 x -3). Output size is too small"),
    ],
)  # fmt: skip
def test_errors_say_what_pytorch_says(call, message: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        call(torch.randn)
    assert str(caught.value).splitlines()[0] == message
