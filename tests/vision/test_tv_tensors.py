"""Tensors that say what they hold, and how transforms take samples apart; what cannot be done is refused."""

from __future__ import annotations

import copy
import pickle

import pytest

import rushlight as rl
from rushlight.vision import tv_tensors as tv
from rushlight.vision.transforms import v2
from rushlight.vision.transforms.v2 import functional as F

BOXES = [[1.0, 1.0, 3.0, 4.0], [0.0, 0.0, 8.0, 9.0]]


def boxes(format="XYXY", data=BOXES):
    return tv.BoundingBoxes(data, format=format, canvas_size=(6, 8))


def test_operators_give_plain_tensors():
    image = tv.Image(rl.zeros(3, 4, 5))
    for plain in (image + 1, image[0], image.view(-1), rl.stack([image, image]), image.add_(1)):
        assert type(plain) is rl.Tensor
    for kept in (image.clone(), image.to(rl.float64), image.detach(), image.requires_grad_()):
        assert type(kept) is tv.Image


def test_return_type_within_a_block():
    with tv.set_return_type("TVTensor"):
        moved = boxes() + 1
        assert type(moved) is tv.BoundingBoxes and moved.canvas_size == (6, 8)
        assert [type(part) for part in boxes().unbind(0)] == [tv.BoundingBoxes] * 2
    assert type(boxes() + 1) is rl.Tensor


def test_copies_keep_particulars():
    for made in (copy.deepcopy(boxes()), pickle.loads(pickle.dumps(boxes())), boxes().clone()):
        assert type(made) is tv.BoundingBoxes
        assert (made.format, made.canvas_size) == (tv.BoundingBoxFormat.XYXY, (6, 8))
        assert made.tolist() == BOXES


def test_sample_of_any_structure():
    label, more = rl.tensor([3]), rl.ones(2)
    sample = {"a": [tv.Image(rl.arange(4).view(1, 2, 2)), (label, "text")], "b": more, "c": None}
    result = v2.RandomHorizontalFlip(p=1.0)(sample)
    assert result["a"][0].tolist() == [[[1, 0], [3, 2]]]
    assert result["a"][1] == (label, "text") and result["b"] is more and result["c"] is None


def test_only_the_first_plain_tensor_is_an_image():
    first, second = v2.RandomHorizontalFlip(p=1.0)(rl.arange(2).view(1, 1, 2), rl.arange(2))
    assert first.flatten().tolist() == [1, 0] and second.tolist() == [0, 1]


def test_get_params_of_v1():
    rl.manual_seed(0)
    box = v2.RandomCrop.get_params(rl.zeros(3, 9, 9), (4, 4))
    rl.manual_seed(0)
    assert box == v2.RandomCrop(4)._v1_transform_cls.get_params(rl.zeros(3, 9, 9), (4, 4))


def test_transform_of_ones_own():
    class Add(v2.Transform):
        def make_params(self, flat_inputs):
            return {"n": len(flat_inputs)}

        def transform(self, inpt, params):
            return inpt + params["n"]

    image, mask = Add()(tv.Image(rl.zeros(1, 1, 1)), tv.Mask(rl.zeros(1, 1)))
    assert image.item() == mask.item() == 2


class Own(tv.TVTensor):
    pass


REFUSED = [
    (ValueError, "Tensor must be 2D or higher", lambda: tv.Image(rl.zeros(2))),
    (ValueError, "a video has four dimensions", lambda: tv.Video(rl.zeros(3, 4, 5))),
    (ValueError, "Expected a 1D or 2D tensor, got 3D", lambda: boxes(data=rl.zeros(1, 2, 4))),
    (KeyError, "XY", lambda: boxes("xy")),
    (ValueError, "Rotated bounding boxes should be floating", lambda: boxes("XYWHR", [[1] * 5])),
    (ValueError, "clamping_mode must be", lambda: tv.wrap(rl.zeros(1, 4), like=boxes(), clamping_mode="a")),
    (ValueError, "return_type must be", lambda: tv.set_return_type("list")),
    (NotImplementedError, "may be turned", lambda: F.horizontal_flip(boxes("XYWHR", [[1.0] * 5]))),
    (TypeError, "F.adjust_hue supports inputs of type", lambda: F.adjust_hue(boxes(), 0.1)),
    (TypeError, "has no kernel", lambda: F.get_dimensions(boxes())),
    (ValueError, "Could not find functional", lambda: F.register_kernel("flop", Own)),
    (ValueError, "no functional of", lambda: F.register_kernel(print, Own)),
    (ValueError, "only be registered for subclasses", lambda: F.register_kernel("resize", int)),
    (ValueError, "builtin tv_tensor classes", lambda: F.register_kernel("resize", tv.Image)),
    (TypeError, "missing 1 required", lambda: F.convert_bounding_box_format(boxes())),
    (ValueError, "must not be passed", lambda: F.convert_bounding_box_format(boxes(), "XYXY", "XYWH")),
    (ValueError, "has to be passed", lambda: F.convert_bounding_box_format(rl.zeros(4), None, "XYWH")),
    (TypeError, "Input can either be", lambda: F.convert_bounding_box_format(3, None, "XYWH")),
    (ValueError, "must not be passed", lambda: F.clamp_bounding_boxes(boxes(), "XYXY")),
    (ValueError, "have to be passed", lambda: F.clamp_bounding_boxes(rl.zeros(4))),
    (TypeError, "Input can either be", lambda: F.clamp_bounding_boxes(3)),
    (ValueError, "must be None when", lambda: F.sanitize_bounding_boxes(boxes(), "XYXY")),
    (ValueError, "cannot be None if", lambda: F.sanitize_bounding_boxes(rl.zeros(1, 4))),
    (ValueError, "must not be passed", lambda: F.clamp_keypoints(tv.KeyPoints([1, 2], canvas_size=(3, 3)), (3, 3))),
    (ValueError, "has to be passed", lambda: F.clamp_keypoints(rl.zeros(2))),
    (TypeError, "Input can either be", lambda: F.clamp_keypoints(3)),
    (ValueError, "is not supported with bounding boxes", lambda: F.pad(boxes(), 1, padding_mode="edge")),
    (ValueError, "Non-scalar fill", lambda: F.pad(tv.Mask(rl.zeros(2, 2)), 1, [1, 2])),
    (ValueError, "not supported if fill", lambda: F.pad(rl.zeros(2, 2, 2), 1, [1, 2], "edge")),
    (ValueError, "fill has 2 values", lambda: F.pad(rl.zeros(3, 2, 2), 1, [1, 2])),
    (ValueError, "concurrently", lambda: F.perspective(boxes(), [], [], coefficients=[1.0] * 8)),
    (ValueError, "8 float values", lambda: F.perspective(boxes(), None, None, coefficients=[1.0])),
    (ValueError, "non `None` values", lambda: F.perspective(boxes(), None, None)),
    (RuntimeError, "can not be inverted", lambda: F.perspective(boxes(), None, None, coefficients=[0.0] * 8)),
    (ValueError, "Argument interpolation should be", lambda: F.resize(rl.zeros(1, 2, 2), 1, 1.5)),
    (ValueError, "Length of permutation", lambda: F.permute_channels(rl.zeros(3, 1, 1), [0])),
    (ValueError, "uint8 or float", lambda: F.gaussian_noise(rl.zeros(1, 1, 1, dtype=rl.int32))),
    (ValueError, "sigma shouldn't be negative", lambda: F.gaussian_noise(rl.zeros(1, 1, 1), sigma=-1)),
    (TypeError, "Threshold should be less", lambda: F.solarize(rl.zeros(1, 1, 1), 2)),
    (TypeError, "pure Tensor, a numpy array", lambda: F.to_image("a")),
    (ValueError, "max_size must be an integer", lambda: v2.Resize(None)),
    (ValueError, "size can be an integer", lambda: v2.Resize([1, 2, 3])),
    (TypeError, "size should be int", lambda: v2.CenterCrop(None)),
    (ValueError, "`p` should be", lambda: v2.RandomHorizontalFlip(2.0)),
    (TypeError, "inappropriate fill", lambda: v2.Pad(1, fill="a")),
    (ValueError, "Invalid side range", lambda: v2.RandomZoomOut(side_range=(0.5, 1.0))),
    (ValueError, "Required crop size", lambda: v2.RandomCrop(9)(rl.zeros(3, 4, 4))),
    (TypeError, "requires input sample", lambda: v2.RandomIoUCrop()(rl.zeros(3, 4, 4))),
    (TypeError, "are not supported by FiveCrop", lambda: v2.FiveCrop(1)(boxes())),
    (ValueError, "distortion_scale", lambda: v2.RandomPerspective(2.0)),
    (ValueError, "quality must be", lambda: v2.JPEG(0)),
    (ValueError, "No dtype was specified", lambda: v2.ToDtype({tv.Mask: rl.uint8})(rl.zeros(1))),
    (ValueError, "When scale is set", lambda: v2.ToDtype({"others": None}, scale=True)(rl.zeros(1))),
    (ValueError, "clamping_mode must be soft", lambda: v2.SetClampingMode("x")),
    (ValueError, "min_size must be", lambda: v2.SanitizeBoundingBoxes(0)),
    (ValueError, "min_area must be", lambda: v2.SanitizeBoundingBoxes(1, 0)),
    (ValueError, "labels_getter should", lambda: v2.SanitizeBoundingBoxes(labels_getter=3)),
    (ValueError, "Could not infer", lambda: v2.SanitizeBoundingBoxes()({"boxes": boxes()})),
    (ValueError, "using the default labels_getter", lambda: v2.SanitizeBoundingBoxes()(boxes(), 3)),
    (ValueError, "No bounding boxes were found", lambda: v2.SanitizeBoundingBoxes(labels_getter=None)([])),
    (ValueError, "must match the number of labels", lambda: v2.SanitizeBoundingBoxes()(boxes(), rl.zeros(3))),
    (ValueError, "must be a tensor or None", lambda: v2.SanitizeBoundingBoxes(labels_getter=lambda s: "a")(boxes())),
    (ValueError, "multiple bounding boxes", lambda: v2.get_bounding_boxes([boxes(), boxes()])),
    (TypeError, "No image or video", lambda: v2.query_chw([])),
    (TypeError, "No image, video", lambda: v2.query_size([])),
    (ValueError, "multiple CxHxW", lambda: v2.query_chw([rl.zeros(1, 2, 2), rl.zeros(1, 2, 3)])),
    (ValueError, "multiple HxW", lambda: v2.query_size([rl.zeros(1, 2, 2), boxes()])),
    (TypeError, "sequence of callables", lambda: v2.Compose(3)),
    (ValueError, "at least one", lambda: v2.Compose([])),
    (TypeError, "nn.ModuleList", lambda: v2.RandomApply(3)),
    (ValueError, "Length of p", lambda: v2.RandomChoice([print], p=[1, 2])),
    (TypeError, "sequence of callables", lambda: v2.RandomOrder(3)),
    (TypeError, "Inputs of type Mask", lambda: v2.RandAugment()(tv.Mask(rl.zeros(2, 2)))),
    (TypeError, "Found no image", lambda: v2.RandAugment()(3)),
    (ValueError, "does not support PIL", lambda: v2.MixUp(num_classes=2)(boxes(), rl.zeros(2))),
    (ValueError, "labels must be a tensor", lambda: v2.MixUp(labels_getter=lambda s: 3)(rl.zeros(1))),
    (ValueError, "labels should be index", lambda: v2.MixUp()(rl.zeros(1), rl.zeros(1, 1, 1))),
    (ValueError, "must match num_classes", lambda: v2.MixUp(num_classes=3)(rl.zeros(1), rl.zeros(1, 2))),
    (ValueError, "num_classes must be passed", lambda: v2.CutMix()(rl.zeros(1), rl.zeros(1))),
    (ValueError, "Expected a batched input", lambda: v2.MixUp()(rl.zeros(1, 2, 2), rl.zeros(1, 2))),
    (ValueError, "batch size of the image", lambda: v2.MixUp()(rl.zeros(2, 1, 2, 2), rl.zeros(1, 2))),
    (ValueError, "number of inpt channels", lambda: v2.RandomErasing(1.0, value=(1, 2))(rl.zeros(3, 9, 9))),
]  # fmt: skip


@pytest.mark.parametrize("kind, text, call", REFUSED, ids=[text for _, text, _ in REFUSED])
def test_refused(kind, text, call):
    with pytest.raises(kind, match=text):
        call()


def test_double_registration_is_refused():
    class Another(tv.TVTensor):
        pass

    F.register_kernel(F.resize, Another)(lambda inpt, *a, **k: inpt)
    assert v2.Resize(1)(rl.zeros(2).as_subclass(Another)).shape == (2,)
    with pytest.raises(ValueError, match="already has a kernel"):
        F.register_kernel("resize", Another)


def test_pil_images_where_tensors_are_needed():
    pytest.importorskip("PIL")
    from PIL import Image

    with pytest.raises(TypeError, match="does not support PIL"):
        v2.Normalize([0.5], [0.5])(Image.new("L", (2, 2)))
    with pytest.raises(ValueError, match="noise is added to tensors alone"):
        v2.GaussianNoise()(Image.new("L", (2, 2)))
    with pytest.raises(TypeError, match="single image"):
        v2.RandAugment()(Image.new("L", (2, 2)), tv.Image(rl.zeros(1, 2, 2)))
