"""Detectors side by side with torchvision: starting values, printed text, losses, detections, published weights."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

from torchvision_reference import reference  # noqa: E402

import rushlight  # noqa: E402
from rushlight.vision import models, ops  # noqa: E402

torchvision = reference()
theirs, ours = torchvision.models.detection, models.detection
LIBRARIES = (torch, theirs), (rushlight, ours)
NAMES = [
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
]
RNG = np.random.default_rng(0)
IMAGES = [RNG.random((3, 60, 80), dtype="float32"), RNG.random((3, 72, 56), dtype="float32")]
BOXES = [[[5, 6, 40, 50], [30, 10, 70, 55]], [[10, 10, 50, 60]]]
# Proposals are random before training, and none reaches the usual score.
SMALL = {"min_size": 64, "max_size": 96, "box_detections_per_img": 8, "num_classes": 3}
FEW = {"box_batch_size_per_image": 16, "rpn_post_nms_top_n_train": 40}


@pytest.fixture(autouse=True, scope="module")
def suppression():
    """torchvision's native operators, where its library was built for another PyTorch: our `nms`, on its tensors."""
    if torchvision.extension._has_ops():
        yield
        return
    patch = pytest.MonkeyPatch()

    def nms(boxes, scores, threshold):
        ordered = boxes.detach(), scores.detach()
        kept = ops.nms(*(rushlight.from_numpy(t.numpy()) for t in ordered), threshold)
        return torch.from_numpy(kept.numpy())

    patch.setattr(torchvision.ops.boxes, "nms", nms)
    patch.setattr(torch._dynamo.config, "disable", True)  # its roi_align in Python runs as it is
    yield
    patch.undo()


def build(library, package, name, **options):
    library.manual_seed(0)
    return getattr(package, name)(weights=None, weights_backbone=None, **{**SMALL, **options})


@pytest.mark.parametrize("name", NAMES)
def test_same_state_and_text(name):
    expected, model = (build(*each, name) for each in LIBRARIES)
    state = model.state_dict()
    assert list(state) == list(expected.state_dict())
    for key, value in expected.state_dict().items():
        np.testing.assert_array_equal(state[key].numpy(), value.numpy(), err_msg=key, strict=True)
    assert repr(model) == repr(expected)
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        n for n, p in expected.named_parameters() if p.requires_grad
    ]


def targets(library):
    found = []
    for image, boxes in zip(IMAGES, BOXES):
        masks = np.zeros((len(boxes), *image.shape[1:]), "uint8")
        for mask, (x1, y1, x2, y2) in zip(masks, boxes):
            mask[y1:y2, x1:x2] = 1
        found.append(
            {
                "boxes": library.tensor(boxes, dtype=library.float32),
                "labels": library.tensor([1, 2][: len(boxes)]),
                "masks": library.from_numpy(masks),
            }
        )
    return found


def images(library):
    return [library.from_numpy(image) for image in IMAGES]


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_same_losses(name):
    found = []
    for library, package in LIBRARIES:
        model = build(library, package, name, **FEW)
        model.eval()  # batch normalisation of statistics that do not depend on sums of roundings
        model.training = model.rpn.training = model.roi_heads.training = True
        model.transform.training = True
        library.manual_seed(1)
        losses = model(images(library), targets(library))
        sum(losses.values()).backward()
        gradient = model.roi_heads.box_predictor.cls_score.weight.grad
        found.append(({k: v.item() for k, v in losses.items()}, gradient.numpy()))
    (expected, gradient), (losses, ours_gradient) = found
    assert list(losses) == list(expected)
    for key, value in expected.items():
        assert losses[key] == pytest.approx(value, rel=1e-3), key
    assert np.abs(ours_gradient - gradient).max() <= 1e-2 * np.abs(gradient).max()


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_same_detections(name):
    found = []
    for library, package in LIBRARIES:
        model = build(
            library, package, name, box_score_thresh=0.0, rpn_post_nms_top_n_test=40
        ).eval()
        with library.no_grad():
            found.append(model(images(library)))
    for expected, result in zip(*found):
        assert list(result) == list(expected)
        assert len(result["boxes"]) == len(expected["boxes"]) > 0
        for key, value in expected.items():
            torch.testing.assert_close(
                torch.from_numpy(result[key].numpy()), value, rtol=1e-2, atol=1e-2, msg=key
            )


@pytest.mark.parametrize("name", NAMES)
def test_same_weights(name):
    enum, expected = models.get_model_weights(name), torchvision.models.get_model_weights(name)
    assert enum.__name__ == expected.__name__ and list(enum.__members__) == list(
        expected.__members__
    )
    for weights, other in zip(enum, expected):
        assert weights.url == other.url and repr(weights) == repr(other)
        for key, value in weights.meta.items():
            assert value == other.meta.get(key, (1, 1)), key
        assert repr(weights.transforms()) == repr(other.transforms())
        assert models.get_weight(str(weights)) is weights
