"""Functional transforms, drawing and boxes, side by side with torchvision 0.28: results, and errors of bad arguments."""

from __future__ import annotations

import warnings

import numpy
import pytest

pytest.importorskip("PIL")

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

from PIL import Image  # noqa: E402
from torchvision_reference import reference  # noqa: E402

import rushlight  # noqa: E402
from rushlight import vision  # noqa: E402

torchvision = reference()

RNG = numpy.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (14, 19, 4), dtype="uint8")
BOXES = numpy.sort(RNG.random((9, 2, 2)) * 20, axis=1).reshape(9, 4).astype("float32")
GRID = (RNG.random((1, 14, 19, 2)) * 0.4 - 0.2).astype("float32")


class Library:
    """torch and torchvision, or Rushlight in their places, and images for them."""

    def __init__(self, torch, vision) -> None:
        self.torch, self.T = torch, vision.transforms
        self.F, self.ops, self.utils = vision.transforms.functional, vision.ops, vision.utils

    def tensor(self, array):
        return self.torch.from_numpy(numpy.array(array))

    def pixels(self, dtype="uint8", channels=3):
        """(C, H, W); floats in [0, 1]."""
        planes = PIXELS[..., :channels].transpose(2, 0, 1)
        return self.tensor(planes / 255 if dtype.startswith("float") else planes).to(
            getattr(self.torch, dtype)
        )

    def last(self):
        """Bytes whose channels are last in memory, as `pil_to_tensor` gives them."""
        return self.F.pil_to_tensor(Image.fromarray(PIXELS[..., :3]))

    def mode(self, name):
        return getattr(self.T.InterpolationMode, name)


LIBRARIES = Library(torch, torchvision), Library(rushlight, vision)


def outcome(library, call):
    """What a call gives, as numpy, or the class and first line of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(library, call(library))
        except Exception as error:
            return type(error).__name__, str(error).split("\n")[0]


def plain(library, value):
    if isinstance(value, library.torch.Tensor):
        return value.numpy()
    if isinstance(value, Image.Image):
        return value.mode, numpy.asarray(value)
    if isinstance(value, (tuple, list)):
        return [plain(library, v) for v in value]
    return value


def same(a, b, where=""):
    assert type(a) is type(b), f"{where}: {a!r} and {b!r}"
    if isinstance(a, numpy.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        if a.dtype.kind == "f":
            torch.testing.assert_close(torch.tensor(a), torch.tensor(b), equal_nan=True, msg=where)
        else:
            assert numpy.array_equal(a, b), where
    elif isinstance(a, (tuple, list)):
        assert len(a) == len(b), where
        for p, q in zip(a, b):
            same(p, q, where)
    else:
        assert a == b, where


def compare(call):
    expected, found = (outcome(library, call) for library in LIBRARIES)
    same(found, expected, f"{found!r:.300} instead of {expected!r:.300}")


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int16", "int32"])
@pytest.mark.parametrize(
    "call",
    [
        lambda L, x: L.F.resize(x, [9, 11]),
        lambda L, x: L.F.resize(x, [9, 11], antialias=False),
        lambda L, x: L.F.resize(x, 20, L.mode("NEAREST")),
        lambda L, x: L.F.resize(x[0], [9, 11]),
        lambda L, x: L.F.resize(x, [14, 19]),
        lambda L, x: L.F.resized_crop(x, 2, 3, 9, 8, [12, 13], L.mode("BICUBIC")),
        lambda L, x: L.F.crop(x, -3, -4, 9, 40),
        lambda L, x: L.F.crop(x, 10, 15, 9, 9),
        lambda L, x: L.F.center_crop(x, [20, 4]),
        lambda L, x: L.F.pad(x, [1, 2], 3, "constant"),
        lambda L, x: L.F.pad(x, (-2, 1, -3, 2), 0, "symmetric"),
        lambda L, x: L.F.pad(x, [1, 2, 3, 4], 0, "reflect"),
        lambda L, x: L.F.hflip(x[0]),
        lambda L, x: L.F.vflip(x),
        lambda L, x: L.F.rotate(x, -45.5, L.mode("BILINEAR"), True, [3, 5], [1.0, 2.0, 3.0]),
        lambda L, x: L.F.rotate(x, 180, center=[0, 0]),
        lambda L, x: L.F.affine(x, 10, (2, -3), 0.8, (5, -7), L.mode("BILINEAR"), [4.0]),
        lambda L, x: L.F.affine(x, 10.5, [2, -3], 1.2, 7, center=[1, 2]),
        lambda L, x: L.F.perspective(
            x, [[0, 0], [18, 0], [18, 13], [0, 13]], [[1, 2], [16, 1], [17, 12], [2, 10]]
        ),
        lambda L, x: L.F.erase(x, 1, 2, 3, 4, L.torch.ones(3, 1, 1)),
        lambda L, x: L.F.gaussian_blur(x, [3, 5]),
        lambda L, x: L.F.gaussian_blur(x, 5, [0.5, 2.0]),
        lambda L, x: L.F.adjust_brightness(x, 1.3),
        lambda L, x: L.F.adjust_contrast(x, 0.4),
        lambda L, x: L.F.adjust_contrast(x[:1], 1.7),
        lambda L, x: L.F.adjust_saturation(x, 2.5),
        lambda L, x: L.F.adjust_gamma(x, 0.7, 1.1),
        lambda L, x: L.F.adjust_sharpness(x, 3.0),
        lambda L, x: L.F.autocontrast(x),
        lambda L, x: L.F.invert(x),
        lambda L, x: L.F.solarize(x, 0.5),
        lambda L, x: L.F.solarize(x, 300),
        lambda L, x: L.F.posterize(x, 3),
        lambda L, x: L.F.equalize(x),
        lambda L, x: L.F.rgb_to_grayscale(x, 3),
        lambda L, x: L.F.normalize(x, [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]),
        lambda L, x: [L.F.get_dimensions(x), L.F.get_image_size(x), L.F.get_image_num_channels(x)],
    ],
)
def test_tensor_functions(call, dtype):
    compare(lambda L: call(L, L.pixels(dtype)))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("mode", ["BILINEAR", "NEAREST"])
def test_elastic_transform_of_a_given_displacement(mode, dtype):
    for fill in (None, [3.0], [1.0, 2.0, 3.0]):
        compare(
            lambda L: L.F.elastic_transform(L.pixels(dtype), L.tensor(GRID), L.mode(mode), fill)  # noqa: B023
        )


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_adjust_hue(dtype):
    for factor in (-0.5, -0.2, 0.0, 0.3, 0.5):
        compare(lambda L: L.F.adjust_hue(L.pixels(dtype), factor))  # noqa: B023
        compare(lambda L: L.F.adjust_hue(Image.fromarray(PIXELS[..., :3]), factor))  # noqa: B023


@pytest.mark.parametrize(
    "call",
    [
        lambda L: L.F.resize(L.last(), [9, 11]),
        lambda L: L.F.rotate(L.last(), 33.0),
        lambda L: L.F.adjust_contrast(L.last(), 0.3),
        lambda L: L.F.equalize(L.last()),
        lambda L: L.F.gaussian_blur(L.last(), 3),
    ],
)
def test_channels_last_in_memory(call):
    compare(call)


@pytest.mark.parametrize(
    "target", ["uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("source", ["uint8", "int16", "int32", "int64", "float32", "float64"])
def test_convert_image_dtype(source, target):
    compare(lambda L: L.F.convert_image_dtype(L.pixels(source), getattr(L.torch, target)))


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(PIXELS[..., 0]),
        Image.fromarray(PIXELS[..., :3]),
        Image.fromarray(PIXELS),
        Image.fromarray(PIXELS[..., :2]),
        Image.fromarray(PIXELS[..., 0] > 99),
        Image.fromarray(PIXELS[..., 0].astype("int32")),
        Image.fromarray(PIXELS[..., 0].astype("float32")),
        Image.fromarray(PIXELS[..., :3]).convert("P"),
        Image.fromarray(PIXELS[..., :3]).convert("HSV"),
        Image.fromarray(PIXELS[..., :3]).convert("CMYK"),
    ],
    ids=lambda image: image.mode,
)
def test_pil_modes(image):
    for call in (
        lambda L: L.F.to_tensor(image),
        lambda L: L.F.pil_to_tensor(image),
        lambda L: L.F.get_dimensions(image),
        lambda L: L.F.hflip(image),
        lambda L: L.F.pad(image, [1, 2]),
        lambda L: L.F.pad(image, (1, 2, 0, 3), padding_mode="edge"),
        lambda L: L.F.pad(image, 2, (1, 2, 3)),
        lambda L: L.F.rotate(image, 30, fill=7),
        lambda L: L.F.affine(image, 3, [1, 2], 1.5, [4, 5]),
        lambda L: L.F.adjust_hue(image, 0.2),
        lambda L: L.F.adjust_gamma(image, 0.5, 0.9),
        lambda L: L.F.to_grayscale(image, 3),
        lambda L: L.F.rgb_to_grayscale(image, 1),
    ):
        compare(call)


def test_to_tensor_and_back():
    arrays = [PIXELS[..., :n] for n in (1, 2, 3, 4)] + [PIXELS[..., 0]]
    arrays += [PIXELS[..., 0].astype(t) for t in ("int16", "int32", "float32", "float64", "int64")]
    arrays += [PIXELS[..., :3] / 255, numpy.zeros((2, 3, 5), "uint8"), numpy.zeros(3, "uint8")]
    for array in arrays:
        compare(lambda L: L.F.to_tensor(array))  # noqa: B023
        for mode in (None, "L", "F", "I", "LA", "RGB", "HSV", "YCbCr", "RGBA", "CMYK", "RGBX"):
            compare(lambda L: L.F.to_pil_image(array, mode))  # noqa: B023
            compare(lambda L: L.F.to_pil_image(L.tensor(array), mode))  # noqa: B023
    for bad in (3, [1], None):
        compare(lambda L: L.F.to_tensor(bad))  # noqa: B023
        compare(lambda L: L.F.pil_to_tensor(bad))  # noqa: B023
        compare(lambda L: L.F.to_pil_image(bad))  # noqa: B023


BAD_ARGUMENTS = [
    lambda L: L.F.resize(L.pixels(), [1, 2, 3]),
    lambda L: L.F.resize(L.pixels(), [5, 6], max_size=9),
    lambda L: L.F.resize(L.pixels(), 9, max_size=9),
    lambda L: L.F.resize(L.pixels(), 9, "bilinear"),
    lambda L: L.F.resize(3, 9),
    lambda L: L.F.pad(L.pixels(), "a"),
    lambda L: L.F.pad(L.pixels(), 1, "a"),
    lambda L: L.F.pad(L.pixels(), [1, 2, 3]),
    lambda L: L.F.pad(L.pixels(), 1, 0, "circular"),
    lambda L: L.F.pad(L.pixels(), 1, 0, 3),
    lambda L: L.F.pad(L.pixels()[0], 1, 0, "symmetric"),
    lambda L: L.F.pad(3, 1),
    lambda L: L.F.crop(3, 1, 1, 1, 1),
    lambda L: L.F.hflip(3),
    lambda L: L.F.hflip(L.torch.zeros(3)),
    lambda L: L.F.five_crop(L.pixels(), 40),
    lambda L: L.F.five_crop(L.pixels(), (1, 2, 3)),
    lambda L: L.F.rotate(L.pixels(), "a"),
    lambda L: L.F.rotate(L.pixels(), 3, center=4),
    lambda L: L.F.rotate(L.pixels(), 3, L.mode("BICUBIC")),
    lambda L: L.F.rotate(L.pixels(), 3, fill=[1.0, 2.0]),
    lambda L: L.F.rotate(Image.fromarray(PIXELS), 3, fill=[1, 2]),
    lambda L: L.F.affine(L.pixels(), 3, 4, 1.0, 1.0),
    lambda L: L.F.affine(L.pixels(), 3, [4], 1.0, 1.0),
    lambda L: L.F.affine(L.pixels(), 3, [4, 5], 0, 1.0),
    lambda L: L.F.affine(L.pixels(), 3, [4, 5], 1.0, "a"),
    lambda L: L.F.affine(L.pixels(), 3, [4, 5], 1.0, [1, 2, 3]),
    lambda L: L.F.affine(3, 3, [4, 5], 1.0, 1.0),
    lambda L: L.F.perspective(L.pixels(), [[0, 0]], [[0, 0]]),
    lambda L: L.F.elastic_transform(L.pixels(), 3),
    lambda L: L.F.elastic_transform(3, L.tensor(GRID)),
    lambda L: L.F.gaussian_blur(L.pixels(), 4),
    lambda L: L.F.gaussian_blur(L.pixels(), "a"),
    lambda L: L.F.gaussian_blur(L.pixels(), [3]),
    lambda L: L.F.gaussian_blur(L.pixels(), 3, "a"),
    lambda L: L.F.gaussian_blur(L.pixels(), 3, [1.0, 2.0, 3.0]),
    lambda L: L.F.gaussian_blur(L.pixels(), 3, -1.0),
    lambda L: L.F.gaussian_blur(3, 3),
    lambda L: L.F.adjust_brightness(L.pixels(), -1),
    lambda L: L.F.adjust_brightness(L.pixels(channels=2), 1),
    lambda L: L.F.adjust_contrast(3, 1),
    lambda L: L.F.adjust_hue(L.pixels(), 0.6),
    lambda L: L.F.adjust_gamma(L.pixels(), -1),
    lambda L: L.F.adjust_sharpness(L.pixels(), -1),
    lambda L: L.F.posterize(L.pixels(), 9),
    lambda L: L.F.invert(L.pixels()[0]),
    lambda L: L.F.equalize(L.pixels()[None, None]),
    lambda L: L.F.rgb_to_grayscale(L.pixels(), 2),
    lambda L: L.F.to_grayscale(L.pixels()),
    lambda L: L.F.erase(3, 1, 1, 1, 1, 0),
    lambda L: L.F.normalize(3, [0.5], [0.5]),
    lambda L: L.F.normalize(L.pixels("float32")[0], [0.5], [0.5]),
    lambda L: L.F.normalize(L.pixels("float32"), [0.5], [0.0]),
    lambda L: L.F.normalize(L.pixels("float32")[:1], [0.5] * 3, [0.5] * 3),
    lambda L: L.F.convert_image_dtype(3),
    lambda L: L.F.get_image_size(3),
    lambda L: L.T.Resize(None),
    lambda L: L.T.Resize([1, 2, 3]),
    lambda L: L.T.CenterCrop([1, 2, 3]),
    lambda L: L.T.Pad("a"),
    lambda L: L.T.Pad(1, "a"),
    lambda L: L.T.Pad([1, 2, 3]),
    lambda L: L.T.Pad(1, 0, "circular"),
    lambda L: L.T.Lambda(3),
    lambda L: L.T.RandomOrder(3),
    lambda L: L.T.RandomChoice([], p=3),
    lambda L: L.T.RandomCrop(40)(L.pixels()),
    lambda L: L.T.RandomResizedCrop(4, 3),
    lambda L: L.T.RandomResizedCrop(4, ratio=3),
    lambda L: L.T.RandomPerspective(fill=L.torch),
    lambda L: L.T.RandomRotation(-1),
    lambda L: L.T.RandomRotation([1, 2, 3]),
    lambda L: L.T.RandomRotation(1, center=3),
    lambda L: L.T.RandomAffine(1, translate=[2, 3]),
    lambda L: L.T.RandomAffine(1, scale=[0, 3]),
    lambda L: L.T.RandomAffine(1, shear=[1, 2, 3]),
    lambda L: L.T.ColorJitter(-1),
    lambda L: L.T.ColorJitter(hue=0.6),
    lambda L: L.T.ColorJitter([1, 2, 3]),
    lambda L: L.T.RandomErasing(value=None),
    lambda L: L.T.RandomErasing(value="noise"),
    lambda L: L.T.RandomErasing(scale=(-1, 2)),
    lambda L: L.T.RandomErasing(p=2),
    lambda L: L.T.RandomErasing(1.0, value=[1, 2])(L.pixels()),
    lambda L: L.T.GaussianBlur(2),
    lambda L: L.T.GaussianBlur([1, 3, 5]),
    lambda L: L.T.GaussianBlur(3, -1),
    lambda L: L.T.GaussianBlur(3, [2, 1]),
    lambda L: L.T.GaussianBlur(3, "a"),
    lambda L: L.T.ElasticTransform(3),
    lambda L: L.T.ElasticTransform([1.0]),
    lambda L: L.T.ElasticTransform(sigma=[1, 2]),
    lambda L: L.T.ElasticTransform(fill="a"),
    lambda L: L.T.LinearTransformation(L.torch.zeros(2, 3), L.torch.zeros(2)),
    lambda L: L.T.LinearTransformation(L.torch.zeros(2, 2), L.torch.zeros(3)),
    lambda L: L.T.LinearTransformation(L.torch.eye(2), L.torch.zeros(2))(L.pixels("float32")),
    lambda L: L.T.AutoAugment("imagenet"),
    lambda L: L.T.AugMix(severity=11),
]


@pytest.mark.parametrize("number", range(len(BAD_ARGUMENTS)))
def test_bad_arguments(number):
    expected, found = (outcome(library, BAD_ARGUMENTS[number]) for library in LIBRARIES)
    assert isinstance(expected, tuple), "torchvision accepts this"
    assert found == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda L: L.utils.make_grid(L.pixels("float32")[:, None], 2, 1, True, pad_value=0.5),
        lambda L: L.utils.draw_bounding_boxes(
            L.pixels(), L.tensor(BOXES.astype("int64")), list("abcdefghi"), width=2, fill=True
        ),
        lambda L: L.utils.draw_bounding_boxes(
            L.pixels("float32"), L.tensor(BOXES[:1]), ["a"], fill_labels=True
        ),
        lambda L: L.utils.draw_segmentation_masks(L.pixels(), L.tensor(PIXELS[None, ..., 0] > 99)),
        lambda L: L.utils.draw_keypoints(
            L.pixels(), L.tensor(BOXES.reshape(3, 6, 2)), [(0, 1), (2, 5)], "red"
        ),
        lambda L: L.ops.box_iou(L.tensor(BOXES), L.tensor(BOXES)),
        lambda L: L.ops.generalized_box_iou(L.tensor(BOXES), L.tensor(BOXES)),
        lambda L: L.ops.distance_box_iou(L.tensor(BOXES), L.tensor(BOXES)),
        lambda L: L.ops.complete_box_iou(L.tensor(BOXES), L.tensor(BOXES)),
        lambda L: L.ops.box_convert(L.tensor(BOXES), "xyxy", "cxcywh"),
        lambda L: L.ops.clip_boxes_to_image(L.tensor(BOXES), (9, 12)),
        lambda L: L.ops.remove_small_boxes(L.tensor(BOXES), 4.0),
        lambda L: L.ops.masks_to_boxes(L.tensor(PIXELS.transpose(2, 0, 1) > 230)),
        lambda L: L.ops.sigmoid_focal_loss(L.tensor(BOXES) - 8, L.tensor(BOXES) / 20),
    ],
)
def test_drawing_and_boxes(call):
    compare(call)


@pytest.mark.parametrize(
    "make",
    [
        lambda ops: ops.Conv2dNormActivation(3, 8, 5, 2, dilation=2),
        lambda ops: ops.Conv3dNormActivation(3, 4, (3, 1, 3)),
        lambda ops: ops.SqueezeExcitation(8, 2),
        lambda ops: ops.MLP(4, [8, 8, 2], inplace=True, dropout=0.1),
        lambda ops: ops.FrozenBatchNorm2d(3),
        lambda ops: ops.StochasticDepth(0.3, "row"),
        lambda ops: ops.DropBlock2d(0.3, 3),
        lambda ops: ops.Permute([0, 2, 1]),
    ],
)
def test_layers_start_alike(make):
    layers = []
    for library in LIBRARIES:
        library.torch.manual_seed(0)
        layers.append(make(library.ops))
    expected, found = layers
    assert repr(found) == repr(expected)
    assert list(found.state_dict()) == list(expected.state_dict())
    for a, b in zip(found.state_dict().values(), expected.state_dict().values()):
        assert numpy.array_equal(a.numpy(), b.numpy())


def test_random_layers_draw_alike():
    for name, args in (
        ("drop_block2d", (0.3, 3)),
        ("stochastic_depth", (0.4, "row")),
        ("stochastic_depth", (0.4, "batch")),
    ):
        for seed in range(5):

            def call(library, name=name, args=args, seed=seed):
                library.torch.manual_seed(seed)
                return getattr(library.ops, name)(library.pixels("float32")[None], *args)

            compare(call)
