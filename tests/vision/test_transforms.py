"""Transforms against numpy and PIL."""

from __future__ import annotations

import numpy
import pytest
from PIL import Image

import rushlight as torch
from rushlight.vision import transforms as T
from rushlight.vision.transforms import functional as F


def picture(mode="RGB", size=(6, 4)):
    rng = numpy.random.default_rng(1)
    channels = {"RGB": 3, "L": 1, "RGBA": 4}[mode]
    array = rng.integers(0, 256, (size[1], size[0], channels), dtype="uint8")
    return Image.fromarray(array[:, :, 0] if channels == 1 else array), array


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_to_tensor(mode):
    image, array = picture(mode)
    for source in (image, array):
        found = T.ToTensor()(source)
        assert found.dtype is torch.float32
        numpy.testing.assert_array_equal(
            found.numpy(), array.transpose(2, 0, 1).astype("float32") / 255
        )
    raw = T.PILToTensor()(image)
    assert raw.dtype is torch.uint8
    numpy.testing.assert_array_equal(raw.numpy(), array.transpose(2, 0, 1))


def test_to_tensor_keeps_other_types_and_refuses_other_things():
    floats = numpy.ones((2, 3), "float64")
    assert T.ToTensor()(floats).dtype is torch.float64
    assert tuple(T.ToTensor()(Image.new("F", (3, 2))).shape) == (1, 2, 3)
    assert T.ToTensor()(Image.new("1", (3, 2), 1)).max().item() == 1.0
    with pytest.raises(TypeError, match="pic should be PIL Image or ndarray. Got <class 'list'>"):
        T.ToTensor()([1])
    with pytest.raises(ValueError, match="pic should be 2/3 dimensional. Got 1 dimensions."):
        T.ToTensor()(numpy.ones(3))


def test_round_trip_to_pil():
    image, array = picture()
    back = T.ToPILImage()(T.ToTensor()(image))
    numpy.testing.assert_array_equal(numpy.array(back), array)


def test_normalize():
    x = torch.arange(12.0).reshape(3, 2, 2)
    found = T.Normalize((1.0, 2.0, 3.0), (2.0, 4.0, 8.0))(x)
    expected = (x.numpy() - numpy.array([1, 2, 3.0])[:, None, None]) / numpy.array([2, 4, 8.0])[
        :, None, None
    ]
    numpy.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    assert x[0, 0, 0].item() == 0.0
    with pytest.raises(TypeError, match="Input tensor should be a float tensor. Got torch.int64."):
        F.normalize(torch.ones(3, 2, 2, dtype=torch.int64), (1,), (1,))
    with pytest.raises(ValueError, match="std evaluated to zero"):
        F.normalize(x, (0.0,), (0.0,))
    with pytest.raises(ValueError, match=r"size \(\.\.\., C, H, W\)"):
        F.normalize(torch.ones(2, 2), (0.0,), (1.0,))


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((8, 10), {}, (10, 8)),
        (8, {}, (12, 8)),
        ([3], {}, (4, 3)),
        (8, {"max_size": 9}, (9, 6)),
    ],
)
def test_resize_of_pil_images(size, options, expected):
    image, _ = picture(size=(6, 4))
    found = T.Resize(size, **options)(image)
    assert found.size == expected
    numpy.testing.assert_array_equal(
        numpy.array(found), numpy.array(image.resize(expected, Image.BILINEAR))
    )


def test_center_crop():
    image, array = picture(size=(6, 4))
    found = T.CenterCrop(2)(image)
    numpy.testing.assert_array_equal(numpy.array(found), array[1:3, 2:4])
    tensor = T.PILToTensor()(image)
    numpy.testing.assert_array_equal(
        T.CenterCrop((2, 2))(tensor).numpy(), array[1:3, 2:4].transpose(2, 0, 1)
    )
    assert tuple(T.CenterCrop(8)(tensor).shape) == (3, 8, 8)


def test_compose_and_reprs():
    chain = T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.5,)), T.Lambda(lambda x: x + 1)])
    image, array = picture("L")
    assert torch.equal(chain(image), (T.ToTensor()(image) - 0.5) / 0.5 + 1)
    assert repr(chain) == (
        "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.5,))\n    Lambda()\n)"
    )
    assert (
        repr(T.Resize(3)) == "Resize(size=3, interpolation=bilinear, max_size=None, antialias=True)"
    )
    assert repr(T.CenterCrop(3)) == "CenterCrop(size=(3, 3))"


def test_grayscale_is_pils():
    image, _ = picture()
    numpy.testing.assert_array_equal(
        numpy.array(T.Grayscale()(image)), numpy.array(image.convert("L"))
    )
    tensor = T.PILToTensor()(image)
    weights = numpy.array([0.2989, 0.587, 0.114])[:, None, None]
    expected = (tensor.numpy() * weights).sum(0)
    numpy.testing.assert_allclose(F.rgb_to_grayscale(tensor).numpy()[0], expected, atol=1)
