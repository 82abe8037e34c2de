"""Functions of `transforms.v2` on tensors, images, videos, masks, boxes and key points beside torchvision 0.28.

Also `interpolate` of bytes, beside PyTorch, which the functions of images rest on.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy
import pytest

pytest.importorskip("PIL")

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")

from PIL import Image  # noqa: E402
from torchvision_reference import reference  # noqa: E402

import rushlight  # noqa: E402
from rushlight import vision  # noqa: E402

torchvision = reference()

sys.path.insert(0, str(Path(__file__).parents[1] / "vision"))
import transform_v2_cases as cases  # noqa: E402


class Library(cases.Library):
    def __init__(self, torch, vision) -> None:
        super().__init__(torch, vision)
        self.F = self.T.functional


LIBRARIES = Library(torch, torchvision), Library(rushlight, vision)
RNG = numpy.random.default_rng(1)
PIXELS = RNG.integers(0, 256, (3, 14, 19), dtype="uint8")
BOXES = numpy.concatenate([RNG.uniform(-3, 14, (7, 2)), RNG.uniform(3, 25, (7, 2))], 1)
BOXES = numpy.concatenate([BOXES, [[1, 1, 5, 6.5], [0, 0, 19, 14], [2, 2, 3, 3]]])
GRID = (RNG.random((1, 14, 19, 2)) * 0.4 - 0.2).astype("float32")


def boxes(dtype, format="XYXY", rows=10, mode="soft"):
    def make(L):
        data = L.torch.from_numpy(BOXES[:rows].astype(dtype))
        options = {"format": format, "canvas_size": (14, 19), "clamping_mode": mode}
        return L.tv.BoundingBoxes(data, **options)

    return make


def tensor(array, kind=None):
    def make(L):
        data = L.torch.from_numpy(numpy.array(array))
        return data if kind is None else getattr(L.tv, kind)(data)

    return make


INPUTS = {
    "bytes": tensor(PIXELS),
    "floats": tensor((PIXELS / 255).astype("float32")),
    "doubles": tensor(PIXELS / 255),
    "int16": tensor(PIXELS.astype("int16")),
    "batch": tensor(numpy.stack([PIXELS, 255 - PIXELS])),
    "grey": tensor(PIXELS[:1]),
    "video": tensor(numpy.stack([PIXELS] * 4).reshape(2, 2, 3, 14, 19), "Video"),
    "image": tensor(PIXELS, "Image"),
    "mask": tensor(PIXELS[0], "Mask"),
    "masks": tensor(PIXELS > 100, "Mask"),
    "PIL": lambda L: Image.fromarray(PIXELS.transpose(1, 2, 0)),
    **{
        f"boxes {format} {dtype}": boxes(dtype, format)
        for format in ("XYXY", "XYWH", "CXCYWH")
        for dtype in ("float32", "int64")
    },
    "boxes unclamped": boxes("float32", mode=None),
    "no boxes": boxes("float32", rows=0),
    "points": lambda L: L.tv.KeyPoints(
        L.torch.from_numpy(BOXES[:, :2].astype("float32")), canvas_size=(14, 19)
    ),
    "whole points": lambda L: L.tv.KeyPoints(
        L.torch.from_numpy(BOXES[:, :2].astype("int64")), canvas_size=(14, 19)
    ),
}
CALLS = {
    "resize": lambda L, x: L.F.resize(x, [9, 11]),
    "resize larger": lambda L, x: L.F.resize(x, [29, 31], "bicubic"),
    "resize longer edge": lambda L, x: L.F.resize(x, None, max_size=33),
    "resized_crop": lambda L, x: L.F.resized_crop(x, 2, 3, 9, 8, [12, 13]),
    "crop": lambda L, x: L.F.crop(x, -3, -4, 9, 40),
    "center_crop": lambda L, x: L.F.center_crop(x, [9, 4]),
    "center_crop larger": lambda L, x: L.F.center_crop(x, [21, 24]),
    "pad": lambda L, x: L.F.pad(x, [1, 2], 3),
    "pad sides": lambda L, x: L.F.pad(x, (1, 2, 3, 4)),
    "horizontal_flip": lambda L, x: L.F.horizontal_flip(x),
    "vertical_flip": lambda L, x: L.F.vertical_flip(x),
    "rotate": lambda L, x: L.F.rotate(x, 33.3),
    "rotate expand": lambda L, x: L.F.rotate(x, 37.0, expand=True),
    "rotate -90": lambda L, x: L.F.rotate(x, -90, expand=True),
    "rotate 180": lambda L, x: L.F.rotate(x, 180),
    "rotate centre": lambda L, x: L.F.rotate(x, 400, expand=True, center=[3, 5]),
    "affine": lambda L, x: L.F.affine(x, 10, [2, -3], 0.8, [5, -7]),
    "perspective": lambda L, x: L.F.perspective(
        x, [[0, 0], [18, 0], [18, 13], [0, 13]], [[1, 2], [16, 1], [17, 12], [2, 10]]
    ),
    "perspective numbers": lambda L, x: L.F.perspective(
        x, None, None, coefficients=[0.8, 0.1, 1.0, 0.1, 0.7, 2.0, 0.001, 0.002]
    ),
    "elastic": lambda L, x: L.F.elastic(x, L.torch.from_numpy(GRID)),
    "get_size": lambda L, x: L.F.get_size(x),
}
IMAGE_CALLS = {
    "pad channels": lambda L, x: L.F.pad(x, [1, 2], [1, 2, 3]),
    "adjust_contrast": lambda L, x: L.F.adjust_contrast(x, 2.7),
    "adjust_saturation": lambda L, x: L.F.adjust_saturation(x, 0.3),
    "adjust_brightness": lambda L, x: L.F.adjust_brightness(x, 1.3),
    "adjust_hue": lambda L, x: L.F.adjust_hue(x, -0.13),
    "adjust_gamma": lambda L, x: L.F.adjust_gamma(x, 0.7, 1.1),
    "adjust_sharpness": lambda L, x: L.F.adjust_sharpness(x, 0.3),
    "autocontrast": lambda L, x: L.F.autocontrast(x),
    "posterize": lambda L, x: L.F.posterize(x, 3),
    "equalize": lambda L, x: L.F.equalize(x),
    "rgb_to_grayscale": lambda L, x: L.F.rgb_to_grayscale(x, 3),
    "gaussian_blur": lambda L, x: L.F.gaussian_blur(x, [3, 5]),
    "permute_channels": lambda L, x: L.F.permute_channels(x, [2, 0, 1]),
}
IMAGES = ("bytes", "floats", "doubles", "int16", "batch", "image", "PIL")


def outcome(library, call, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cases.parts(library, call(library, INPUTS[kind](library)))


def compare(call, kind):
    expected, found = (outcome(library, call, kind) for library in LIBRARIES)
    for (name, particulars, a), (other, others, b) in zip(found, expected, strict=True):
        assert (name, particulars) == (other, others)
        if b is None:
            continue
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if b.dtype.kind == "f":
            torch.testing.assert_close(torch.tensor(a), torch.tensor(b), rtol=1e-5, atol=1e-5)
        else:
            assert numpy.array_equal(a, b)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", CALLS)
def test_geometry(name, kind):
    compare(CALLS[name], kind)


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", IMAGE_CALLS)
def test_values(name, kind):
    compare(IMAGE_CALLS[name], kind)


@pytest.mark.parametrize("format", ["XYXY", "XYWH", "CXCYWH"])
@pytest.mark.parametrize("kind", [kind for kind in INPUTS if kind.startswith("boxes")])
def test_boxes(kind, format):
    compare(lambda L, x: L.F.convert_bounding_box_format(x, new_format=format), kind)
    compare(lambda L, x: L.F.clamp_bounding_boxes(x), kind)
    compare(lambda L, x: L.F.sanitize_bounding_boxes(x, min_size=3, min_area=20), kind)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("kind", ["bytes", "doubles", "int16", "image", "masks", "points"])
def test_to_dtype(kind, dtype):
    compare(lambda L, x: L.F.to_dtype(x, getattr(L.torch, dtype), scale=kind != "doubles"), kind)


SIZES = [{"size": size} for size in ([9, 11], [70, 90], [33, 80], [50, 30])]
SIZES += [{"scale_factor": f} for f in (0.37, (2.3, 1.7))]
SIZES += [{"scale_factor": 0.37, "recompute_scale_factor": True}]


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolate_of_bytes(mode, antialias, align_corners):
    image = numpy.random.default_rng(0).integers(0, 256, (1, 3, 50, 60), dtype="uint8")
    options = {"mode": mode, "antialias": antialias, "align_corners": align_corners}
    for size in SIZES:
        found, expected = (
            L.torch.nn.functional.interpolate(L.torch.from_numpy(image), **size, **options).numpy()
            for L in LIBRARIES
        )
        assert found.dtype == expected.dtype and numpy.array_equal(found, expected), size
