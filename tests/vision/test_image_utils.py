"""vision.utils: grids against numpy, drawings against Pillow's own."""

from __future__ import annotations

import io

import numpy
import pytest
from PIL import Image, ImageDraw

import rushlight as torch
from rushlight.vision import utils


def test_grid():
    x = torch.arange(5 * 3 * 2 * 2).float().view(5, 3, 2, 2)
    grid = utils.make_grid(x, nrow=3, padding=1, pad_value=-1)
    assert grid.shape == (3, 7, 10)
    expected = numpy.full((3, 7, 10), -1.0)
    for number, image in enumerate(x.numpy()):
        top, left = 1 + number // 3 * 3, 1 + number % 3 * 3
        expected[:, top : top + 2, left : left + 2] = image
    numpy.testing.assert_array_equal(grid.numpy(), expected)


def test_grid_of_other_shapes():
    assert utils.make_grid(torch.zeros(4, 5)).shape == (3, 4, 5)
    assert utils.make_grid(torch.zeros(1, 4, 5)).shape == (3, 4, 5)
    assert utils.make_grid([torch.zeros(1, 4, 5)] * 2).shape == (3, 8, 16)
    with pytest.raises(TypeError, match="tensor or list of tensors expected, got <class 'int'>"):
        utils.make_grid(3)
    with pytest.raises(TypeError, match="got a list containing <class 'int'>"):
        utils.make_grid([3])
    with pytest.raises(TypeError, match="value_range has to be a tuple"):
        utils.make_grid(torch.zeros(2, 3, 4, 4), normalize=True, value_range=[0, 1])


def test_grid_normalized():
    x = torch.tensor([1.0, 3.0, 10.0, 20.0]).view(2, 1, 1, 2)
    whole = utils.make_grid(x, padding=0, normalize=True)[0, 0]
    numpy.testing.assert_allclose(whole.numpy(), (x.flatten().numpy() - 1) / 19, rtol=1e-6)
    each = utils.make_grid(x, padding=0, normalize=True, scale_each=True)[0, 0]
    assert each.tolist() == [0, 1, 0, 1]
    ranged = utils.make_grid(x, padding=0, normalize=True, value_range=(2.0, 10.0))[0, 0]
    assert ranged.tolist() == [0, 0.125, 1, 1]
    assert x.flatten().tolist() == [1, 3, 10, 20]


def test_save_image(tmp_path):
    x = torch.rand(3, 6, 5)
    utils.save_image(x, tmp_path / "a.png")
    expected = (x.numpy() * 255 + 0.5).astype("uint8").transpose(1, 2, 0)
    numpy.testing.assert_array_equal(numpy.array(Image.open(tmp_path / "a.png")), expected)
    file = io.BytesIO()
    utils.save_image([x, x], file, format="png", nrow=1, padding=0)
    assert Image.open(file).size == (5, 12)
    with pytest.raises(ValueError, match="unknown file extension: .what"):
        utils.save_image(x, tmp_path / "a.what")
    assert [f.name for f in tmp_path.iterdir()] == ["a.png"]


def canvas(image):
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def picture():
    rng = numpy.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (3, 30, 40), dtype="uint8"))


def test_boxes():
    image, boxes = picture(), torch.tensor([[2, 3, 20, 25], [10, 10, 35, 28]])
    found = utils.draw_bounding_boxes(image, boxes, ["a", None], ["red", (1, 2, 3)], width=2)
    expected = canvas(image)
    draw = ImageDraw.Draw(expected)
    draw.rectangle([2, 3, 20, 25], outline="red", width=2)
    draw.text((5, 6), "a", fill="red")
    draw.rectangle([10, 10, 35, 28], outline=(1, 2, 3), width=2)
    numpy.testing.assert_array_equal(found.numpy(), numpy.array(expected).transpose(2, 0, 1))
    floats = utils.draw_bounding_boxes(image / 255, boxes, colors="blue", fill=True)
    assert floats.dtype is torch.float32 and floats[:, 3, 2].tolist() == [0, 0, 1]
    assert utils.draw_bounding_boxes(image[:1], boxes).shape == (3, 30, 40)
    turned = torch.tensor([[5, 5, 25, 5, 25, 20, 5, 20]])
    lines = utils.draw_bounding_boxes(torch.zeros_like(image), turned, colors="white")[0]
    assert lines[20, 5:26].min().item() == 255  # three sides are whole, the first one is dashed
    assert 0 < (lines[5, 5:26] == 255).sum().item() < 21


def test_masks():
    image = picture()
    masks = torch.zeros(2, 30, 40, dtype=torch.bool)
    masks[0, :10], masks[1, 5:20] = True, True
    found = utils.draw_segmentation_masks(image, masks, 0.5, ["red", (0, 255, 0)]).numpy()
    before = image.numpy().astype("float32")
    red = numpy.array([255, 0, 0], "float32")[:, None, None]
    numpy.testing.assert_array_equal(
        found[:, :5], (before[:, :5] * 0.5 + red * 0.5).astype("uint8")
    )
    numpy.testing.assert_array_equal(found[:, 5:10], (before[:, 5:10] * 0.5).astype("uint8"))
    numpy.testing.assert_array_equal(found[:, 20:], image.numpy()[:, 20:])
    one = utils.draw_segmentation_masks(image / 255, masks[0], 1.0, "blue")
    assert one[:, 0, 0].tolist() == [0, 0, 1]


def test_points():
    image = torch.zeros(3, 30, 40, dtype=torch.uint8)
    points = torch.tensor([[[5.0, 6], [20, 6], [30, 20]]])
    seen = torch.tensor([[True, True, False]])
    found = utils.draw_keypoints(image, points, [(0, 1), (1, 2)], "red", 1, 1, seen)
    expected = canvas(image)
    draw = ImageDraw.Draw(expected)
    for x, y in ((5, 6), (20, 6)):
        draw.ellipse([x - 1, y - 1, x + 1, y + 1], fill="red", width=0)
    draw.line(((5, 6), (20, 6)), width=1)
    numpy.testing.assert_array_equal(found.numpy(), numpy.array(expected).transpose(2, 0, 1))
    assert utils.draw_keypoints(image / 255, points, colors="red").max().item() == 1


def test_nothing_to_draw():
    image = picture()
    with pytest.warns(UserWarning, match="boxes doesn't contain any box"):
        assert utils.draw_bounding_boxes(image, torch.zeros(0, 4)) is image
    with pytest.warns(UserWarning, match="masks doesn't contain any mask"):
        none = torch.zeros(0, 30, 40, dtype=torch.bool)
        assert utils.draw_segmentation_masks(image, none) is image
    with pytest.warns(UserWarning, match="'font_size' will be ignored"):
        utils.draw_bounding_boxes(image, torch.tensor([[1, 1, 2, 2]]), font_size=3)


def test_arguments():
    image, box = picture(), torch.tensor([[1, 1, 2, 2]])
    mask = torch.zeros(30, 40, dtype=torch.bool)
    point = torch.zeros(1, 2, 2)
    boxes, masks, points = (
        utils.draw_bounding_boxes,
        utils.draw_segmentation_masks,
        utils.draw_keypoints,
    )
    for call, kind, text in (
        (lambda: boxes(3, box), TypeError, "Tensor expected, got <class 'int'>"),
        (lambda: boxes(image.int(), box), ValueError, "must be uint8 or float, got torch.int32"),
        (lambda: boxes(image[None], box), ValueError, "Pass individual images, not batches"),
        (lambda: boxes(image[:2], box), ValueError, "Only grayscale and RGB images"),
        (lambda: boxes(image, torch.tensor([[3, 1, 2, 2]])), ValueError, "Boxes need to be in"),
        (lambda: boxes(image, box, ["a", "b"]), ValueError, r"boxes \(1\) and labels \(2\)"),
        (lambda: boxes(image, box, colors=[]), ValueError, "got 0 < 1"),
        (lambda: boxes(image, box, colors=3), ValueError, "must be a tuple or a string"),
        (lambda: boxes(image, box, colors=(1, 2)), ValueError, "should be an RGB triplet"),
        (lambda: masks(image[:1], mask), ValueError, "Pass an RGB image"),
        (lambda: masks(image, mask.int()), ValueError, "must be of dtype bool. Got torch.int32"),
        (lambda: masks(image, mask[None, None]), ValueError, "masks must be of shape"),
        (lambda: masks(image, mask[:3]), ValueError, "must have the same height and width"),
        (lambda: points(image, point[0]), ValueError, "keypoints must be of shape"),
        (
            lambda: points(image, point, visibility=torch.ones(3)),
            ValueError,
            "visibility must be of shape",
        ),
        (
            lambda: points(image, point, visibility=torch.ones(1, 3)),
            ValueError,
            "keypoints and visibility must have the same dimensionality",
        ),
    ):
        with pytest.raises(kind, match=text):
            call()
