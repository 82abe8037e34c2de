"""Models of segmentation side by side with torchvision: starting values, printed text, outputs, published weights."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

from torchvision_reference import reference  # noqa: E402

import rushlight  # noqa: E402
from rushlight.vision import models  # noqa: E402

theirs = reference().models.segmentation
ours = models.segmentation

CASES = [
    ("fcn_resnet50", {"aux_loss": True}),
    ("fcn_resnet101", {"num_classes": 3}),
    ("deeplabv3_resnet50", {}),
    ("deeplabv3_mobilenet_v3_large", {"aux_loss": True, "num_classes": 4}),
    ("lraspp_mobilenet_v3_large", {}),
    ("lraspp_mobilenet_v3_large", {"num_classes": 5, "inter_channels": 32}),
]


@pytest.mark.parametrize("name, options", CASES)
def test_same_state_text_and_outputs(name, options):
    made = []
    for library, package in ((torch, theirs), (rushlight, ours)):
        library.manual_seed(0)
        model = getattr(package, name)(weights=None, weights_backbone=None, **options)
        made.append((model, library.rand(1).item()))
    (expected, stream), (model, found_stream) = made
    state = model.state_dict()
    assert list(state) == list(expected.state_dict())
    for key, value in expected.state_dict().items():
        np.testing.assert_array_equal(state[key].numpy(), value.numpy(), err_msg=key, strict=True)
    assert repr(model) == repr(expected)
    assert stream == found_stream
    images = np.random.default_rng(0).standard_normal((1, 3, 64, 80), dtype="float32")
    with torch.no_grad(), rushlight.no_grad():
        wanted = expected.eval()(torch.from_numpy(images))
        found = model.eval()(rushlight.from_numpy(images))
    assert list(found) == list(wanted)
    for key, value in wanted.items():
        scale = value.abs().max()
        torch.testing.assert_close(
            torch.from_numpy(found[key].numpy()) / scale, value / scale, rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES} | {"deeplabv3_resnet101"}))
def test_same_weights(name):
    enum = models.get_model_weights(name)
    expected = reference().models.get_model_weights(name)
    assert enum.__name__ == expected.__name__ and list(enum.__members__) == list(
        expected.__members__
    )
    for weights, other in zip(enum, expected):
        assert weights.url == other.url and repr(weights) == repr(other)
        for key, value in weights.meta.items():
            assert value == other.meta[key]
        assert repr(weights.transforms()) == repr(other.transforms())
        assert models.get_weight(str(weights)) is weights


def test_preprocessing():
    from PIL import Image

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype="uint8"))
    found, expected = (p.FCN_ResNet50_Weights.DEFAULT.transforms()(image) for p in (ours, theirs))
    torch.testing.assert_close(torch.from_numpy(found.numpy()), expected)


def test_refused():
    with pytest.raises(NotImplementedError, match="auxiliary loss"):
        ours.lraspp_mobilenet_v3_large(weights_backbone=None, aux_loss=True)
    with pytest.raises(ValueError, match="'num_classes' expected value 21"):
        ours.fcn_resnet50(weights="DEFAULT", num_classes=3)
