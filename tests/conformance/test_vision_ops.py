"""Operators of detection side by side with torchvision: results, gradients, layers' initial weights.

Those that torchvision has in its native library alone are compared with their definitions, in tests/vision.
"""

from __future__ import annotations

import numpy
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

from torchvision_reference import reference  # noqa: E402

import rushlight  # noqa: E402
from rushlight import vision  # noqa: E402

torchvision = reference()

RNG = numpy.random.default_rng(0)


def array(*shape):
    return RNG.standard_normal(shape)


def corners(count, extent=20.0):
    ends = numpy.sort(RNG.random((count, 2, 2)) * extent, axis=1)
    return ends.reshape(count, 4)


def compare(call, *arrays, rtol=1e-6, atol=1e-7):
    """`call(library's torch, ops, tensors)` and the gradients of all arrays, in double precision."""
    found = []
    for lib, ops in ((rushlight, vision.ops), (torch, torchvision.ops)):
        inputs = [lib.from_numpy(numpy.array(a)).requires_grad_() for a in arrays]
        output = call(lib, ops, *inputs)
        weights = numpy.cos(numpy.arange(output.numel())).reshape(tuple(output.shape))
        (output * lib.from_numpy(weights)).sum().backward()
        found.append([output.detach(), *(i.grad for i in inputs if i.grad is not None)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(torch.from_numpy(a.numpy()), b, rtol=rtol, atol=atol)


def test_deform_conv2d_layer():
    for options in ({}, {"bias": False, "groups": 2, "dilation": 2}):
        texts, weights = [], []
        for lib, ops in ((rushlight, vision.ops), (torch, torchvision.ops)):
            lib.manual_seed(0)
            layer = ops.DeformConv2d(4, 6, (3, 5), 2, 1, **options)
            texts.append(repr(layer))
            weights.append({k: v.numpy() for k, v in layer.state_dict().items()})
        assert texts[0] == texts[1]
        assert all(numpy.array_equal(weights[0][k], v) for k, v in weights[1].items())


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["generalized", "distance", "complete"])
def test_box_losses(name, reduction):
    compare(
        lambda lib, ops, a, b: getattr(ops, f"{name}_box_iou_loss")(a, b, reduction=reduction),
        corners(9),
        corners(9),
    )


@pytest.mark.parametrize("extra", [None, "LastLevelMaxPool", "LastLevelP6P7"])
@pytest.mark.parametrize("norm", [True, False])
def test_feature_pyramid(extra, norm):
    arrays = [array(1, c, n, n + 1).astype("float32") for c, n in ((4, 16), (6, 8), (8, 4))]

    def call(lib, ops, *maps):
        lib.manual_seed(0)
        module = ops.feature_pyramid_network
        blocks = extra and getattr(module, extra)(*((8, 5) if extra[-1] == "7" else ()))
        pyramid = ops.FeaturePyramidNetwork(
            [4, 6, 8], 5, blocks, lib.nn.BatchNorm2d if norm else None
        )
        found = pyramid(dict(zip("abc", maps)))
        assert list(found) == [
            *"abc",
            *{None: (), "LastLevelMaxPool": ("pool",)}.get(extra, ("p6", "p7")),
        ]
        return lib.cat([y.flatten() for y in found.values()])

    compare(call, *arrays, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_multi_scale_roi_align():
    maps = [array(2, 3, n, n).astype("float32") for n in (64, 32, 16)]
    boxes = [corners(6, 250.0).astype("float32"), corners(4, 100.0).astype("float32")]

    def call(lib, ops, *maps):
        pool = ops.MultiScaleRoIAlign(["a", "b", "c"], (3, 2), 2)
        assert repr(pool).startswith(
            "MultiScaleRoIAlign(featmap_names=['a', 'b', 'c'], output_size=(3, 2)"
        )
        found = pool(dict(zip("abcd", maps)), [lib.from_numpy(b) for b in boxes], [(250, 256)] * 2)
        return found

    compare(call, *maps, rtol=1e-4, atol=1e-4)
