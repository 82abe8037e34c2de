"""The order in which bytes lie changes no value: images with channels last, by strides or only inside
the engine, and every view of them, give what the same numbers give in plain order."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional


def plain(t: torch.Tensor) -> torch.Tensor:
    return torch.tensor(t.detach().tolist(), dtype=t.dtype)


def layers(t: torch.Tensor) -> dict:
    """Operators with kernels for channels last, for the sizes of `t`."""
    c = t.shape[1]
    w = torch.randn(8, c, 3, 3, dtype=t.dtype)
    up = torch.randn(c, 8, 3, 3, dtype=t.dtype)
    norm = (torch.randn(c, dtype=t.dtype), torch.randn(c, dtype=t.dtype), True)
    return {
        "conv2d": lambda x: F.conv2d(x, w, padding=1),
        "depthwise": lambda x: F.conv2d(x, up[:, :1], padding=1, groups=c),
        "conv_transpose2d": lambda x: F.conv_transpose2d(x, up),
        "batch_norm": lambda x: F.batch_norm(x, None, None, *norm),
        "max_pool2d": lambda x: F.max_pool2d(x, 2),
        "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
        "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 2),
        "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, 2),
        "mean": lambda x: x.mean((2, 3)),
        "relu": F.relu,
        "add": lambda x: x + x * 2,
        "softmax": lambda x: x.softmax(1),
        "group_norm": lambda x: F.group_norm(x, 1),
        "cat": lambda x: torch.cat([x, x], 1),
        "pad": lambda x: F.pad(x, (1, 1)),
        "interpolate": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        "matmul": lambda x: x @ x.transpose(2, 3),
    }


def check_layers(make) -> None:
    """Compares values and gradients for what `make` returns, anew for every layer."""
    torch.manual_seed(0)
    sample = make()
    tolerance = 0.05 if sample.dtype == torch.bfloat16 else 1e-4
    for name, layer in layers(sample).items():
        x = make().detach().requires_grad_()
        y = plain(make()).requires_grad_()
        got, wanted = layer(x), layer(y)
        assert got.shape == wanted.shape, name
        g = torch.randn(wanted.shape).to(wanted.dtype)
        got.backward(g)
        wanted.backward(g)
        for a, b in ((got, wanted), (x.grad, y.grad)):
            a, b = a.detach().float().numpy(), b.detach().float().numpy()
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=name)


SLICES = {
    "whole": np.s_[:],
    "first channels": np.s_[:, :4],
    "last channels": np.s_[:, 4:],
    "one channel": np.s_[:, :1],
    "every other channel": np.s_[:, ::2],
    "corner": np.s_[:, :, :5, :6],
    "rows": np.s_[:, :, 2:],
    "every other pixel": np.s_[:, :, ::2, ::2],
    "one image": np.s_[1:2],
    "every other image": np.s_[::2],
}


@pytest.mark.parametrize("part", SLICES.values(), ids=SLICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_parts_of_channels_last_images(part, dtype) -> None:
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 8, 9, 10))).to(dtype)
    x = x.to(memory_format=torch.channels_last)
    check_layers(lambda: x[part])


def test_parts_of_channels_last_volumes() -> None:
    x = torch.randn(2, 8, 5, 6, 7).to(memory_format=torch.channels_last_3d)
    w = torch.randn(3, 4, 2, 2, 2)
    for part in (x[:, :4], x[:, ::2]):
        same = plain(part)
        for layer in (
            lambda t: F.conv3d(t, w),
            lambda t: F.max_pool3d(t, 2),
            lambda t: F.avg_pool3d(t, 2),
            lambda t: F.batch_norm(t, None, None, training=True),
        ):
            got, wanted = layer(part), layer(same)
            np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def features():
    """Makes the output of a convolution, which the engine may keep with channels last."""
    x, w = torch.randn(2, 64, 16, 16), torch.randn(32, 64, 5, 5)
    return lambda: F.conv2d(x, w, padding=2) / 40


VIEWS = {
    "itself": lambda y: y,
    "batch into channels": lambda y: y.view(1, 64, 16, 16),
    "channels into batch": lambda y: y.view(4, 16, 16, 16),
    "channels into rows": lambda y: y.view(2, 16, 32, 16),
    "other rows": lambda y: y.view(2, 32, 32, 8),
    "fewer rows": lambda y: y.as_strided((2, 32, 8, 16), (4096, 128, 16, 1)),
    "first image": lambda y: y[:1],
    "second image": lambda y: y[1:],
    "some channels": lambda y: y[:, 8:16],
    "transposed": lambda y: y.transpose(2, 3),
    "channels last": lambda y: y.to(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_views_of_the_output_of_a_convolution(features, view) -> None:
    check_layers(lambda: view(features()))


def test_batch_norm_of_flattened_features(features) -> None:
    weight = torch.randn(32)
    y = features().requires_grad_()
    z = plain(features()).requires_grad_()
    g = torch.randn(2, 32, 256)
    for t in (y, z):
        F.batch_norm(t.flatten(2), None, None, weight, training=True).backward(g)
    np.testing.assert_allclose(y.grad.numpy(), z.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_one_storage_may_be_input_and_weight(features) -> None:
    for part in (
        lambda y: y,
        lambda y: y[:, :, :3, :3],
        lambda y: y.view(32, 32, 4, 4),
    ):
        y = features()
        got, same = F.conv2d(y, part(y)), plain(y)
        wanted = F.conv2d(same, part(same))
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_reading_beside_a_running_kernel() -> None:
    x, w = torch.randn(8, 64, 64, 64), torch.randn(64, 64, 3, 3) / 24
    wanted = None
    for _ in range(10):
        y = F.conv2d(x, w, padding=1)
        out: list[torch.Tensor] = []
        reader = threading.Thread(target=lambda y=y, out=out: out.append(F.conv2d(y, w)))
        reader.start()
        y.numpy()  # a reader in plain order
        torch.full(y.shape, float("nan"))  # would take the place of a block that was given back
        reader.join()
        wanted = F.conv2d(plain(y), w) if wanted is None else wanted
        np.testing.assert_allclose(out[0].numpy(), wanted.numpy(), rtol=1e-3, atol=1e-3)


def test_an_address_given_out_stays(features) -> None:
    for fill in (
        lambda out, y: out.copy_(y),
        lambda out, y: torch.mul(y, 1, out=out),
        lambda out, y: torch.relu_(out.copy_(y)),
    ):
        out = torch.zeros(2, 32, 16, 16)
        address = out.data_ptr()
        fill(out, features())
        assert out.data_ptr() == address
