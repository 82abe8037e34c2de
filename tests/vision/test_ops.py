"""vision.ops against plain definitions in float64."""

from __future__ import annotations

import math

import numpy
import pytest

import rushlight as torch
from rushlight.autograd import gradcheck
from rushlight.vision import ops


def iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area - width * height)


def some_boxes(count, seed=0):
    rng = numpy.random.default_rng(seed)
    corner = rng.random((count, 2)) * 20
    return numpy.concatenate([corner, corner + 1 + rng.random((count, 2)) * 15], 1)


def naive_nms(boxes, scores, threshold):
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(iou(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("count", [1, 2, 60])
def test_nms(threshold, count):
    boxes, scores = some_boxes(count), numpy.random.default_rng(1).random(count)
    found = ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert found.dtype is torch.int64
    assert found.tolist() == naive_nms(boxes, scores, threshold)


def test_nms_of_nothing_equal_scores_and_flat_boxes():
    assert ops.nms(torch.zeros(0, 4), torch.zeros(0), 0.5).shape == (0,)
    boxes = torch.tensor([[0.0, 0, 1, 1]]).expand(3, 4)
    assert ops.nms(boxes, torch.ones(3), 0.5).tolist() == [0]
    flat = torch.zeros(2, 4)  # their overlap is 0 / 0, which is not above the threshold
    assert ops.nms(flat, torch.ones(2), 0.5).tolist() == [0, 1]


def test_nms_refuses_other_shapes():
    for boxes, scores, text in (
        (torch.zeros(4), torch.zeros(1), "boxes should be a 2d tensor, got 1D"),
        (torch.zeros(2, 5), torch.zeros(2), "boxes should have 4 elements in dimension 1, got 5"),
        (torch.zeros(2, 4), torch.zeros(2, 1), "scores should be a 1d tensor, got 2D"),
        (torch.zeros(2, 4), torch.zeros(3), "same number of elements in dimension 0, got 2 and 3"),
    ):
        with pytest.raises(RuntimeError, match=text):
            ops.nms(boxes, scores, 0.5)


@pytest.mark.parametrize("count", [40, 1200])  # by moved boxes, by one call for each class
def test_batched_nms(count):
    rng = numpy.random.default_rng(2)
    boxes, scores = some_boxes(count, 3), rng.random(count)
    classes = rng.integers(0, 3, count)
    expected = []
    for each in range(3):
        members = numpy.nonzero(classes == each)[0]
        expected += list(members[naive_nms(boxes[members], scores[members], 0.4)])
    found = ops.batched_nms(*map(torch.from_numpy, (boxes, scores, classes)), 0.4)
    assert found.tolist() == sorted(expected, key=lambda i: -scores[i])
    assert ops.batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), 0.4).shape == (0,)


def test_overlaps():
    a, b = some_boxes(5), some_boxes(4, 1)
    pairs = [[iou(p, q) for q in b] for p in a]
    ta, tb = torch.from_numpy(a), torch.from_numpy(b)
    numpy.testing.assert_allclose(ops.box_iou(ta, tb).numpy(), pairs, rtol=1e-12)
    for fmt in ("xywh", "cxcywh"):
        other = [ops.box_convert(t, "xyxy", fmt) for t in (ta, tb)]
        numpy.testing.assert_allclose(ops.box_iou(*other, fmt).numpy(), pairs, rtol=1e-9)
        numpy.testing.assert_allclose(
            ops.box_area(other[0], fmt).numpy(), ops.box_area(ta).numpy(), rtol=1e-12
        )
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            around = (max(p[2], q[2]) - min(p[0], q[0])) * (max(p[3], q[3]) - min(p[1], q[1]))
            union = sum((t[2] - t[0]) * (t[3] - t[1]) for t in (p, q)) / (1 + pairs[i][j])
            expected = pairs[i][j] - (around - union) / around
            assert ops.generalized_box_iou(ta, tb)[i, j].item() == pytest.approx(expected)
    # The same box, and one beside it: distance of centres over that of corners.
    one = torch.tensor([[0.0, 0, 2, 2]], dtype=torch.float64)
    assert ops.distance_box_iou(one, one).item() == pytest.approx(1)
    assert ops.distance_box_iou(one, one + 2).item() == pytest.approx(-8 / 32)
    assert ops.complete_box_iou(one, one + 2).item() == pytest.approx(-8 / 32)
    tall = torch.tensor([[0.0, 0, 1, 4]], dtype=torch.float64)
    v = 4 / math.pi**2 * (math.atan(1) - math.atan(0.25)) ** 2
    shared = 2 / 6
    expected = ops.distance_box_iou(one, tall).item() - v * v / (1 - shared + v)
    assert ops.complete_box_iou(one, tall).item() == pytest.approx(expected)


def test_whole_numbered_boxes_do_not_overflow():
    boxes = torch.tensor([[0, 0, 200, 200]], dtype=torch.uint8)
    assert ops.box_area(boxes).item() == 40000
    assert ops.box_iou(boxes, boxes).item() == 1.0


@pytest.mark.parametrize("out", ["xywhr", "cxcywhr", "xyxyxyxy"])
@pytest.mark.parametrize("fmt", ["xywhr", "cxcywhr", "xyxyxyxy"])
def test_rotated_formats_and_back(fmt, out):
    start = torch.tensor([[3.0, 4.0, 5.0, 2.0, 30.0]], dtype=torch.float64)
    boxes = ops.box_convert(start, "xywhr", fmt)
    back = ops.box_convert(ops.box_convert(boxes, fmt, out), out, fmt)
    numpy.testing.assert_allclose(back.numpy(), boxes.numpy(), rtol=1e-12)


def test_corners_of_a_rotated_box():
    found = ops.box_convert(torch.tensor([[0.0, 0.0, 2.0, 1.0, 90.0]]), "xywhr", "xyxyxyxy")
    expected = [[0, 0, 0, -2, 1, -2, 1, 0]]
    numpy.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_formats_that_do_not_exist():
    boxes = torch.zeros(1, 4)
    with pytest.raises(ValueError, match="Unsupported Bounding Box Conversions"):
        ops.box_convert(boxes, "xyxy", "yxyx")
    with pytest.raises(NotImplementedError, match="Unsupported Bounding Box Conversions"):
        ops.box_convert(boxes, "xyxy", "xywhr")
    with pytest.raises(ValueError, match="Unsupported Bounding Box area"):
        ops.box_area(boxes, "xywhr")
    with pytest.raises(ValueError, match="Unsupported format 'yx'"):
        ops.box_iou(boxes, boxes, "yx")
    with pytest.raises(NotImplementedError, match="box_iou: rotated boxes are not supported"):
        ops.box_iou(torch.zeros(1, 5), torch.zeros(1, 5), "xywhr")


def test_small_clipped_and_mask_boxes():
    boxes = torch.tensor([[-3.0, 2, 30, 50], [4, 4, 5, 5]])
    assert ops.clip_boxes_to_image(boxes, (20, 10)).tolist() == [[0, 2, 10, 20], [4, 4, 5, 5]]
    assert ops.remove_small_boxes(boxes, 2).tolist() == [0]
    masks = torch.zeros(3, 6, 7)
    masks[0, 2:4, 3:6] = 1
    masks[2, 5, 0] = -1
    assert ops.masks_to_boxes(masks).tolist() == [[3, 2, 5, 3], [0, 0, 0, 0], [0, 5, 0, 5]]
    assert ops.masks_to_boxes(torch.zeros(0, 3, 3)).shape == (0, 4)


def sample(plane, y, x):
    height, width = plane.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    v, u = y - top, x - left
    return (
        (1 - v) * ((1 - u) * plane[top, left] + u * plane[top, right])
        + v * ((1 - u) * plane[bottom, left] + u * plane[bottom, right])
    )  # fmt: skip


def naive_roi_align(image, box, bins, scale, ratio, aligned):
    x1, y1, x2, y2 = (v * scale - (0.5 if aligned else 0) for v in box)
    width, height = x2 - x1, y2 - y1
    if not aligned:
        width, height = max(width, 1), max(height, 1)
    rows, columns = bins
    out = numpy.zeros((len(image), rows, columns))
    ny = ratio if ratio > 0 else math.ceil(height / rows)
    nx = ratio if ratio > 0 else math.ceil(width / columns)
    for c, plane in enumerate(image):
        for i in range(rows):
            for j in range(columns):
                values = [
                    sample(
                        plane,
                        y1 + (i + (k + 0.5) / ny) * height / rows,
                        x1 + (j + (m + 0.5) / nx) * width / columns,
                    )
                    for k in range(ny)
                    for m in range(nx)
                ]
                out[c, i, j] = sum(values) / max(len(values), 1)
    return out


REGIONS = [[0, 1, 1, 8, 9], [1, -2, -3, 5, 30], [1, 3.3, 4.4, 3.5, 4.6], [0, 6, 5, 4, 3]]


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(("scale", "ratio"), [(1.0, -1), (0.5, 2)])
def test_roi_align(scale, ratio, aligned):
    x = numpy.random.default_rng(0).standard_normal((2, 3, 12, 14))
    regions = numpy.array(REGIONS)
    found = ops.roi_align(
        torch.from_numpy(x), torch.from_numpy(regions), (4, 3), scale, ratio, aligned
    )
    for one, region in zip(found.numpy(), regions):
        expected = naive_roi_align(x[int(region[0])], region[1:], (4, 3), scale, ratio, aligned)
        numpy.testing.assert_allclose(one, expected, atol=1e-12)


def test_roi_align_of_lists_nothing_and_16_bits():
    x = torch.rand(2, 3, 12, 14)
    one, none = torch.tensor([[1.0, 2, 7, 8]]), torch.zeros(0, 4)
    listed = ops.roi_align(x, [none, one], 2)
    rows = torch.tensor([[1.0, 1, 2, 7, 8]])
    assert torch.equal(listed, ops.roi_align(x, rows, (2, 2)))
    assert torch.equal(ops.RoIAlign(2, 1.0, -1)(x, rows), listed)
    assert ops.roi_align(x, [none, none], 2).shape == (0, 3, 2, 2)
    half = ops.roi_align(x.half(), rows.half(), 2)
    assert half.dtype is torch.float16
    numpy.testing.assert_allclose(half.float().numpy(), listed.numpy(), atol=3e-3)


def test_roi_gradients():
    x = torch.rand(2, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    regions = torch.tensor([[0, 1, 1, 5, 4], [1, 0, 0, 6, 5.5]], dtype=torch.float64)
    assert gradcheck(lambda t: ops.roi_align(t, regions, 2), (x,))
    assert gradcheck(lambda t: ops.roi_pool(t, regions, 2), (x,))


def test_roi_pool():
    x = numpy.random.default_rng(0).standard_normal((2, 3, 12, 14))
    regions = numpy.array([*REGIONS[:2], [1, 0.5, 2.5, 6.5, 7.4], [0, 11, 10, 40, 40]])
    found = ops.roi_pool(torch.from_numpy(x), torch.from_numpy(regions), (4, 3), 0.5).numpy()
    for one, region in zip(found, regions):
        x1, y1, x2, y2 = (int(math.copysign(math.floor(abs(v * 0.5) + 0.5), v)) for v in region[1:])
        height, width = max(y2 - y1 + 1, 1) / 4, max(x2 - x1 + 1, 1) / 3
        for i in range(4):
            for j in range(3):
                top, bottom = math.floor(i * height) + y1, math.ceil((i + 1) * height) + y1
                left, right = math.floor(j * width) + x1, math.ceil((j + 1) * width) + x1
                part = x[int(region[0])][
                    :, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)
                ]
                expected = part.max((1, 2)) if part.size else 0
                numpy.testing.assert_array_equal(one[:, i, j], expected)
    assert repr(ops.RoIPool(3, 0.5)) == "RoIPool(output_size=3, spatial_scale=0.5)"


def test_regions_of_other_shapes():
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(AssertionError, match=r"not correct as Tensor\[K, 5\]"):
        ops.roi_align(x, torch.zeros(2, 4), 2)
    with pytest.raises(AssertionError, match=r"not correct as List\[Tensor\[L, 4\]\]"):
        ops.roi_pool(x, [torch.zeros(2, 5)], 2)
    with pytest.raises(AssertionError, match="boxes is expected to be"):
        ops.roi_align(x, 3, 2)
    with pytest.raises(IndexError, match="no such image: got index 7, expected less than 1"):
        ops.roi_align(x, torch.tensor([[7.0, 0, 0, 1, 1]]), 2)


def test_sigmoid_focal_loss():
    x = numpy.array([-2.0, -0.1, 0.3, 4.0])
    y = numpy.array([1.0, 0.0, 1.0, 0.0])
    p = 1 / (1 + numpy.exp(-x))
    right = numpy.where(y == 1, p, 1 - p)
    plain = -((1 - right) ** 2) * numpy.log(right)
    weighted = plain * numpy.where(y == 1, 0.25, 0.75)
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    numpy.testing.assert_allclose(ops.sigmoid_focal_loss(tx, ty).numpy(), weighted, rtol=1e-12)
    mean = ops.sigmoid_focal_loss(tx, ty, alpha=-1, reduction="mean")
    assert mean.item() == pytest.approx(plain.mean())
    with pytest.raises(ValueError, match="Invalid alpha value: 2"):
        ops.sigmoid_focal_loss(tx, ty, alpha=2)
    with pytest.raises(ValueError, match="Invalid Value for arg 'reduction': 'max"):
        ops.sigmoid_focal_loss(tx, ty, reduction="max")


def test_stochastic_depth():
    x = torch.ones(1000, 2, 2)
    rows = ops.stochastic_depth(x, 0.25, "row")
    each = rows.flatten(1)
    assert (each == each[:, :1]).all()
    assert rows.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert 0.7 < (rows > 0).float().mean().item() < 0.8
    assert len(ops.stochastic_depth(x, 0.5, "batch").unique()) == 1
    assert ops.StochasticDepth(0.5, "row").eval()(x) is x
    with pytest.raises(ValueError, match="drop probability has to be between 0 and 1, but got 2"):
        ops.stochastic_depth(x, 2, "row")
    with pytest.raises(ValueError, match="mode has to be either 'batch' or 'row', but got column"):
        ops.stochastic_depth(x, 0.5, "column")


def test_drop_block():
    x = torch.ones(2, 3, 32, 32)
    out = ops.drop_block2d(x, 0.2, 3)
    kept = out > 0
    assert 0.7 < kept.float().mean().item() < 0.9
    assert out.mean().item() == pytest.approx(1, abs=1e-4)
    # Whole blocks are dropped: each lost pixel lies in one.
    lost = (~kept).float()
    blocks = torch.nn.functional.avg_pool2d(lost, 3, 1) == 1
    covered = torch.nn.functional.max_pool2d(blocks.float(), 3, 1, 1)
    assert blocks.any() and covered.shape == (2, 3, 30, 30)
    assert ops.DropBlock2d(0.5, 3).eval()(x) is x
    deep = ops.DropBlock3d(0.5, 3)(torch.ones(1, 1, 8, 8, 8))
    assert deep.shape == (1, 1, 8, 8, 8) and (deep == 0).any()
    with pytest.raises(ValueError, match="block size should be odd. Got 4 which is even."):
        ops.drop_block2d(x, 0.5, 4)
    with pytest.raises(ValueError, match="input should be 4 dimensional. Got 3 dimensions."):
        ops.drop_block2d(x[0], 0.5, 3)


def test_frozen_batch_norm_is_batch_norm_in_evaluation():
    norm = torch.nn.BatchNorm2d(3)
    norm(torch.randn(8, 3, 4, 4) * 2 + 1)
    norm.eval()
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())  # with its num_batches_tracked
    x = torch.randn(2, 3, 4, 4)
    numpy.testing.assert_allclose(frozen(x).numpy(), norm(x).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_blocks():
    block = ops.Conv2dNormActivation(3, 4, (3, 5), dilation=2, norm_layer=None, inplace=None)
    assert block[0].padding == (2, 4) and block[0].bias is not None and block.out_channels == 4
    assert not block[1].inplace
    assert ops.Conv2dNormActivation(3, 4, activation_layer=None)[0].bias is None
    with pytest.warns(UserWarning, match="use Conv2dNormActivation or Conv3dNormActivation"):
        ops.misc.ConvNormActivation(3, 4)
    squeeze = ops.SqueezeExcitation(4, 2)
    x = torch.randn(2, 4, 3, 3)
    gate = squeeze.fc2(squeeze.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
    assert torch.allclose(squeeze(x), gate * x)
    mlp = ops.MLP(4, [8, 2], norm_layer=torch.nn.LayerNorm, inplace=True, dropout=0.5)
    kinds = ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear", "Dropout"]
    assert [type(m).__name__ for m in mlp] == kinds
    assert mlp[2].inplace and mlp[3].inplace and mlp[3].p == 0.5
