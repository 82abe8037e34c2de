"""Parts of detectors against their definitions, and what they refuse."""

from __future__ import annotations

import math

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.vision import ops
from rushlight.vision.models import detection
from rushlight.vision.models.detection import _utils, backbone_utils, transform
from rushlight.vision.models.detection.anchor_utils import AnchorGenerator
from rushlight.vision.models.detection.image_list import ImageList


class Tiny(nn.Module):
    """A backbone of one map of an eighth of the image's size."""

    out_channels = 4

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 8, 8)

    def forward(self, x):
        return self.conv(x)


def tiny(kind=detection.FasterRCNN, **options):
    anchors = AnchorGenerator(((16,),), ((1.0,),))
    pool = ops.MultiScaleRoIAlign(["0"], 2, 2)
    sizes = {"min_size": 32, "max_size": 64}
    return kind(Tiny(), 2, rpn_anchor_generator=anchors, box_roi_pool=pool, **{**sizes, **options})


IMAGES = [rl.rand(3, 32, 40), rl.rand(3, 24, 32)]
TARGETS = [
    {"boxes": rl.tensor([[2.0, 2, 20, 20]]), "labels": rl.tensor([1])},
    {"boxes": rl.zeros(0, 4), "labels": rl.zeros(0, dtype=rl.int64)},
]


def test_trains_with_an_image_without_objects():
    model = tiny()
    optimizer = rl.optim.SGD(model.parameters(), 0.01)
    totals = []
    for _ in range(5):
        rl.manual_seed(0)
        total = sum(model(IMAGES, TARGETS).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < totals[0] and all(math.isfinite(t) for t in totals)


def test_masks_have_the_size_of_the_image():
    model = tiny(
        detection.MaskRCNN,
        mask_roi_pool=ops.MultiScaleRoIAlign(["0"], 2, 2),
        box_score_thresh=0.0,
        box_detections_per_img=3,
    ).eval()
    found = model(IMAGES)
    assert [tuple(f["masks"].shape[1:]) for f in found] == [(1, 32, 40), (1, 24, 32)]
    assert all(len(f["boxes"]) == len(f["masks"]) <= 3 for f in found)


def test_codes_of_boxes_are_undone():
    coder = _utils.BoxCoder((10.0, 10.0, 5.0, 5.0))
    boxes, others = rl.tensor([[1.0, 2, 9, 20]]), rl.tensor([[0.0, 0, 8, 16]])
    code = coder.encode_single(boxes, others)
    assert code.tolist()[0] == pytest.approx([10 / 8, 10 * 3 / 16, 0, 5 * math.log(18 / 16)])
    rl.testing.assert_close(coder.decode_single(code, others), boxes)


def test_matches():
    overlaps = rl.tensor([[0.9, 0.5, 0.1, 0.2], [0.3, 0.4, 0.2, 0.25]])
    assert _utils.Matcher(0.7, 0.3)(overlaps).tolist() == [0, -2, -1, -1]
    # The second object overlaps the second box most, which then gets its own best object, the first.
    assert _utils.Matcher(0.7, 0.3, True)(overlaps).tolist() == [0, 0, -1, -1]


def test_sampler_balances():
    labels = rl.tensor([1.0] * 10 + [0.0] * 50 + [-1.0] * 5)
    positive, negative = _utils.BalancedPositiveNegativeSampler(16, 0.25)([labels])
    assert positive[0].sum() == 4 and negative[0].sum() == 12
    assert bool((labels[positive[0]] == 1).all()) and bool((labels[negative[0]] == 0).all())


def test_anchors():
    images = ImageList(rl.zeros(2, 3, 16, 32), [(16, 32)] * 2)
    first, second = AnchorGenerator(((4,),), ((1.0,),))(images, [rl.zeros(2, 1, 2, 2)])
    assert first.tolist() == [[-2, -2, 2, 2], [14, -2, 18, 2], [-2, 6, 2, 10], [14, 6, 18, 10]]
    assert second is first or second.tolist() == first.tolist()


def test_pasted_masks_cover_their_boxes():
    pasted = transform.paste_masks(rl.ones(1, 1, 4, 4), rl.tensor([[2.0, 1, 6, 4]]), (6, 8))
    assert pasted[0, 0, 2, 4] == 1 and pasted[0, 0, 5, 0] == 0


def test_frozen_stages():
    backbone = backbone_utils.resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, trainable_layers=1
    )
    trained = {n.split(".")[1] for n, p in backbone.named_parameters() if p.requires_grad}
    assert {n for n in trained if n.startswith("layer")} == {"layer4", "layer_blocks"}


def boxes(value):
    return [{"boxes": value, "labels": rl.tensor([1])}] * 2


REFUSED = [
    (AssertionError, "targets should not be none", lambda: tiny()(IMAGES)),
    (AssertionError, "to be of type Tensor", lambda: tiny()(IMAGES, boxes([1]))),
    (AssertionError, "shape", lambda: _utils.check_targets(boxes(rl.zeros(3)))),
    (AssertionError, "of type Tensor", lambda: _utils.check_targets(boxes(3))),
    (AssertionError, "positive height and width", lambda: tiny()(IMAGES, boxes(rl.zeros(1, 4)))),
    (ValueError, "list of 3d tensors", lambda: tiny().eval()([rl.zeros(3, 4)])),
    (TypeError, "floating type", lambda: tiny().eval()([rl.zeros(3, 8, 8, dtype=rl.uint8)])),
    (TypeError, "labels must of int64", lambda: tiny()(IMAGES, [{**TARGETS[0], "labels": rl.ones(1)}] * 2)),
    (TypeError, "boxes must of float", lambda: tiny().roi_heads._check([{"boxes": rl.ones(1, 4, dtype=rl.int64)}])),
    (ValueError, "targets should not be None", lambda: tiny().rpn(ImageList(rl.zeros(1, 3, 32, 32), [(32, 32)]), {"0": rl.zeros(1, 4, 4, 4)})),
    (ValueError, "targets cannot be None", lambda: tiny().roi_heads({}, [], [])),
    (ValueError, "out_channels", lambda: detection.FasterRCNN(nn.Linear(1, 1), 2)),
    (TypeError, "rpn_anchor_generator", lambda: detection.FasterRCNN(Tiny(), 2, rpn_anchor_generator=3)),
    (ValueError, "should be None when", lambda: tiny(box_predictor=nn.Identity())),
    (ValueError, "should not be None when", lambda: detection.FasterRCNN(Tiny())),
    (TypeError, "mask_roi_pool", lambda: tiny(detection.MaskRCNN, mask_roi_pool=3)),
    (ValueError, "mask_predictor is specified", lambda: tiny(detection.MaskRCNN, mask_predictor=nn.Identity())),
    (ValueError, "mask_predictor is not specified", lambda: detection.MaskRCNN(Tiny())),
    (AssertionError, "shape", lambda: detection.faster_rcnn.FastRCNNPredictor(3, 2)(rl.zeros(1, 3, 2, 2))),
    (AssertionError, "match between the number", lambda: AnchorGenerator()(ImageList(rl.zeros(1, 3, 8, 8), []), [])),
    (ValueError, "low_threshold", lambda: _utils.Matcher(0.1, 0.5)),
    (ValueError, "No ground-truth", lambda: _utils.Matcher(0.5, 0.5)(rl.zeros(0, 3))),
    (ValueError, "No proposal", lambda: _utils.Matcher(0.5, 0.5)(rl.zeros(3, 0))),
    (ValueError, "range \\[0,5\\]", lambda: _utils.validate_trainable_layers(True, 7, 5, 3)),
    (ValueError, "range \\[0,5\\]", lambda: backbone_utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=9)),
    (ValueError, "range \\[1,4\\]", lambda: backbone_utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None, returned_layers=[0])),
]  # fmt: skip


@pytest.mark.parametrize("kind, text, call", REFUSED, ids=[text for _, text, _ in REFUSED])
def test_refused(kind, text, call):
    with pytest.raises(kind, match=text):
        call()


def test_trainable_layers_without_weights_warn():
    with pytest.warns(UserWarning, match="has no effect"):
        assert _utils.validate_trainable_layers(False, 2, 5, 3) == 5
