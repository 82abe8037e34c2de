"""Operators that torchvision has natively, against their definitions written as loops; and what is refused."""

from __future__ import annotations

import math

import numpy
import pytest

import rushlight as rl
from rushlight.vision import ops

RNG = numpy.random.default_rng(0)


def bilinear(plane, y, x):
    """A plane at a point, 0 outside."""
    height, width = plane.shape
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                total += plane[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def deformed(x, offset, weight, mask, stride, padding, dilation):
    outputs, per_group, kh, kw = weight.shape
    count, channels = x.shape[:2]
    groups, weight_groups = offset.shape[1] // (2 * kh * kw), channels // per_group
    result = numpy.zeros((count, outputs, *offset.shape[2:]))
    for n, m, i, j in numpy.ndindex(*result.shape):
        first = m // (outputs // weight_groups) * per_group
        for c, p, q in numpy.ndindex(per_group, kh, kw):
            group = (first + c) // (channels // groups)
            point = (group * kh + p) * kw + q
            y = i * stride[0] - padding[0] + p * dilation[0] + offset[n, 2 * point, i, j]
            z = j * stride[1] - padding[1] + q * dilation[1] + offset[n, 2 * point + 1, i, j]
            value = bilinear(x[n, first + c], y, z) * weight[m, c, p, q]
            result[n, m, i, j] += value * mask[n, point, i, j]
    return result


@pytest.mark.parametrize("groups, weight_groups", [(1, 1), (2, 1), (1, 2), (4, 4)])
def test_deform_conv2d(groups, weight_groups):
    x, weight = (
        RNG.standard_normal((1, 4, 6, 7)),
        RNG.standard_normal((4, 4 // weight_groups, 3, 2)),
    )
    steps = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 3)}
    offset = RNG.standard_normal((1, groups * 12, 3, 4)) * 2
    mask = RNG.random((1, groups * 6, 3, 4))
    tensors = [rl.from_numpy(a) for a in (x, offset, weight)]
    found = ops.deform_conv2d(*tensors, mask=rl.from_numpy(mask), **steps)
    assert found.numpy() == pytest.approx(deformed(x, offset, weight, mask, **steps.copy()))
    plain = ops.deform_conv2d(*tensors, **steps)
    assert plain.numpy() == pytest.approx(
        deformed(x, offset, weight, numpy.ones_like(mask), **steps.copy())
    )


def test_deform_conv2d_without_offsets_is_a_convolution():
    x, weight, bias = rl.rand(2, 4, 6, 7), rl.rand(6, 2, 3, 3), rl.rand(6)
    found = ops.deform_conv2d(x, rl.zeros(2, 18, 6, 7), weight, bias, padding=(1, 1))
    expected = rl.nn.functional.conv2d(x, weight, bias, padding=1, groups=2)
    rl.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_deform_conv2d_gradients():
    inputs = [
        RNG.standard_normal(s)
        for s in ((1, 2, 4, 4), (1, 8, 3, 3), (2, 2, 2, 2), (2,), (1, 4, 3, 3))
    ]
    x, offset, weight, bias, mask = (rl.from_numpy(a).requires_grad_() for a in inputs)
    assert rl.autograd.gradcheck(
        lambda x, o, w, b, m: ops.deform_conv2d(x, o, w, b, mask=m), (x, offset, weight, bias, mask)
    )


ROIS = numpy.array(
    [[0, 1.3, 2.1, 9.7, 11.2], [1, 0.2, 5, 14.0, 6.5], [1, -3, -2, 30, 40], [0, 5, 5, 5.2, 5.1]]
)
SCALE, BINS = 0.4, (3, 2)


def test_ps_roi_align():
    x = RNG.standard_normal((2, 12, 9, 10))
    for ratio in (-1, 2):
        found = ops.ps_roi_align(rl.from_numpy(x), rl.from_numpy(ROIS), BINS, SCALE, ratio).numpy()
        for k, c, i, j in numpy.ndindex(*found.shape):
            left, top, right, bottom = ROIS[k, 1:] * SCALE - 0.5
            high, wide = (bottom - top) / BINS[0], (right - left) / BINS[1]
            rows, columns = (ratio, ratio) if ratio > 0 else (math.ceil(high), math.ceil(wide))
            plane = x[int(ROIS[k, 0]), (c * BINS[0] + i) * BINS[1] + j]
            values = []
            for p, q in numpy.ndindex(rows, columns):
                y, z = top + high * (i + (p + 0.5) / rows), left + wide * (j + (q + 0.5) / columns)
                inside = -1 <= y <= 9 and -1 <= z <= 10
                y, z = min(max(y, 0), 8), min(max(z, 0), 9)
                values.append(bilinear(plane, y, z) if inside else 0.0)
            assert found[k, c, i, j] == pytest.approx(numpy.mean(values))


def test_ps_roi_pool():
    x = RNG.standard_normal((2, 12, 9, 10))
    found = ops.ps_roi_pool(rl.from_numpy(x), rl.from_numpy(ROIS), BINS, SCALE).numpy()
    for k, c, i, j in numpy.ndindex(*found.shape):
        left, top, right, bottom = (
            int(math.floor(abs(v) + 0.5) * (1 if v > 0 else -1)) for v in ROIS[k, 1:] * SCALE
        )
        spans = []
        for start, end, at, bins, size in ((top, bottom, i, 3, 9), (left, right, j, 2, 10)):
            length = max(end - start, 1) / bins
            first, last = math.floor(at * length) + start, math.ceil((at + 1) * length) + start
            spans.append(slice(min(max(first, 0), size - 1), min(max(last, 0), size - 1)))
        part = x[int(ROIS[k, 0]), (c * BINS[0] + i) * BINS[1] + j][tuple(spans)]
        assert found[k, c, i, j] == pytest.approx(part.mean() if part.size else 0.0)


def test_no_regions():
    assert ops.ps_roi_align(rl.zeros(1, 8, 3, 3), rl.zeros(0, 5), 2).shape == (0, 2, 2, 2)


def test_old_checkpoints_of_pyramids():
    state = {
        name.replace(".0.0.", ".0."): value
        for name, value in ops.FeaturePyramidNetwork([4], 5).state_dict().items()
    }
    assert "inner_blocks.0.weight" in state
    ops.FeaturePyramidNetwork([4], 5).load_state_dict(state)


def deform(x, offset, weight, **options):
    return ops.deform_conv2d(rl.zeros(*x), rl.zeros(*offset), rl.zeros(*weight), **options)


REFUSED = [
    ("offset tensor at dimension 1", RuntimeError, lambda: deform((1, 1, 3, 3), (1, 1, 3, 3), (1, 1, 1, 1))),
    ("offset: got a shape", RuntimeError, lambda: deform((1, 1, 3, 3), (1, 2, 9, 3), (1, 1, 1, 1))),
    ("mask: got a shape", RuntimeError, lambda: deform((1, 1, 3, 3), (1, 2, 3, 3), (1, 1, 1, 1), mask=rl.zeros(1))),
    ("in_channels must be", ValueError, lambda: ops.DeformConv2d(3, 4, 1, groups=2)),
    ("out_channels must be", ValueError, lambda: ops.DeformConv2d(4, 3, 1, groups=2)),
    ("multiple of pooling", RuntimeError, lambda: ops.ps_roi_pool(rl.zeros(1, 3, 4, 4), rl.zeros(1, 5), 2)),
    ("Invalid Value for arg", ValueError, lambda: ops.distance_box_iou_loss(rl.zeros(1, 4), rl.zeros(1, 4), "x")),
    ("in_channels=0", ValueError, lambda: ops.FeaturePyramidNetwork([0], 4)),
    ("extra_blocks should be", TypeError, lambda: ops.FeaturePyramidNetwork([2], 4, 3)),
    ("images list should not", ValueError, lambda: ops.MultiScaleRoIAlign(["a"], 1, 1)({"a": rl.zeros(1, 1, 1, 1)}, [], [])),
]  # fmt: skip


@pytest.mark.parametrize("text, error, call", REFUSED, ids=[text for text, _, _ in REFUSED])
def test_refused(text, error, call):
    with pytest.raises(error, match=text):
        call()
