"""Resizing and sampling of images against plain definitions in float64, and their gradients."""

from __future__ import annotations

import numpy
import pytest

import rushlight as torch
from rushlight.autograd import gradcheck, gradgradcheck

F = torch.nn.functional


def triangle(x):
    return max(0.0, 1 - abs(x))


def keys(x, a):
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def weights(size, out, mode, antialias):
    """(out, size): the definition, an interpolating kernel, or one stretched and normalised."""
    step = size / out
    stretch = max(step, 1.0) if antialias else 1.0
    matrix = numpy.zeros((out, size))
    for i in range(out):
        center = (i + 0.5) * step - 0.5
        if mode == "bilinear" and not antialias:
            center = max(center, 0.0)
        reach = int(3 * stretch) + 2
        for k in range(int(center) - reach, int(center) + reach + 1):
            x = (k - center) / stretch
            w = triangle(x) if mode == "bilinear" else keys(x, -0.5 if antialias else -0.75)
            if antialias and not 0 <= k < size:
                continue
            matrix[i, min(max(k, 0), size - 1)] += w
    return matrix / matrix.sum(1, keepdims=True) if antialias else matrix


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(7, 9), (23, 40), (20, 5), (1, 1), (20, 31)])
def test_interpolate(size, mode, antialias, dtype):
    x = numpy.random.default_rng(0).standard_normal((2, 3, 20, 31))
    down, across = (weights(n, m, mode, antialias) for n, m in zip((20, 31), size))
    expected = numpy.einsum("ih,nchw,jw->ncij", down, x, across)
    found = F.interpolate(
        torch.from_numpy(x.astype(dtype)),
        size=size,
        mode=mode,
        align_corners=False,
        antialias=antialias,
    ).numpy()
    assert found.dtype == dtype
    # Those of assert_close for float32.
    rtol, atol = (1e-12, 1e-12) if dtype == "float64" else (1.3e-6, 1e-5)
    numpy.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def test_interpolate_large_and_strided_inputs():
    x = torch.rand(4, 3, 150, 170)
    whole = F.interpolate(x, size=(80, 90), mode="bilinear", antialias=True)
    parts = [
        F.interpolate(x[i : i + 1], size=(80, 90), mode="bilinear", antialias=True)
        for i in range(4)
    ]
    assert torch.equal(whole, torch.cat(parts))
    last = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    for antialias in (False, True):
        options = {"size": (80, 190), "mode": "bilinear", "antialias": antialias}
        assert torch.equal(F.interpolate(last, **options), F.interpolate(x, **options))


# What PyTorch 2.13 gives; each dimension is rounded to bytes by itself, so floats rounded at the end differ.
BYTES = {
    ("bilinear", False): [
        [29, 56, 54, 52, 105, 102, 154, 205, 221],
        [92, 57, 22, 51, 231, 222, 222, 229, 240],
        [80, 153, 169, 136, 111, 31, 100, 177, 184],
    ],
    ("bilinear", True): [
        [37, 70, 65, 57, 117, 102, 156, 206, 212],
        [74, 77, 60, 77, 213, 160, 178, 211, 222],
        [70, 138, 157, 136, 123, 35, 97, 175, 192],
    ],
    ("bicubic", False): [
        [24, 62, 58, 49, 100, 86, 149, 214, 218],
        [95, 60, 0, 42, 231, 229, 219, 229, 241],
        [70, 163, 191, 141, 107, 5, 83, 193, 183],
    ],
    ("bicubic", True): [
        [36, 75, 66, 48, 115, 97, 159, 214, 211],
        [75, 78, 48, 68, 223, 161, 176, 215, 223],
        [65, 139, 166, 139, 121, 18, 88, 184, 194],
    ],
}


@pytest.mark.parametrize("mode, antialias", BYTES)
def test_interpolate_of_bytes(mode, antialias):
    x = (torch.arange(35) ** 2 * 7 % 256).to(torch.uint8).view(1, 1, 5, 7)
    found = F.interpolate(x, size=(3, 9), mode=mode, antialias=antialias)
    assert found.dtype is torch.uint8 and found[0, 0].tolist() == BYTES[mode, antialias]


def test_interpolate_refuses_other_integers():
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        F.interpolate(torch.zeros(1, 3, 9, 11).long(), size=(5, 20), mode="bilinear")


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolate_gradients(mode, antialias):
    x = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    for size in ((3, 8), (7, 4)):

        def resize(t, size=size):
            return F.interpolate(t, size=size, mode=mode, antialias=antialias)

        assert gradcheck(resize, (x,))
        assert gradgradcheck(resize, (x,))


def reflect(p, size, align):
    low, high = (0, size - 1) if align else (-0.5, size - 0.5)
    while not low <= p <= high:
        p = 2 * low - p if p < low else 2 * high - p
    return p


def sample(plane, x, y, mode, padding, align):
    height, width = plane.shape
    place = []
    for g, size in ((y, height), (x, width)):
        p = (g + 1) / 2 * (size - 1) if align else ((g + 1) * size - 1) / 2
        if padding == "reflection":
            p = reflect(p, size, align)
        place.append(p if padding == "zeros" else min(max(p, 0), size - 1))

    def at(i, j):
        return plane[i, j] if 0 <= i < height and 0 <= j < width else 0.0

    if mode == "nearest":
        return at(*(int(numpy.rint(p)) for p in place))
    i, j = (int(numpy.floor(p)) for p in place)
    v, u = place[0] - i, place[1] - j
    return (
        (1 - v) * ((1 - u) * at(i, j) + u * at(i, j + 1))
        + v * ((1 - u) * at(i + 1, j) + u * at(i + 1, j + 1))
    )  # fmt: skip


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_grid_sample(mode, padding, align):
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((2, 2, 5, 6))
    grid = rng.random((2, 7, 19, 2)) * 4 - 2
    options = {"mode": mode, "padding_mode": padding, "align_corners": align}
    expected = [
        [[[sample(p, *g, mode, padding, align) for g in row] for row in points] for p in image]
        for image, points in zip(x, grid)
    ]
    found = F.grid_sample(torch.from_numpy(x), torch.from_numpy(grid), **options)
    numpy.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    image = torch.from_numpy(x).requires_grad_()
    places = torch.from_numpy(grid[:, :2, :3].copy()).requires_grad_()
    assert gradcheck(lambda a, b: F.grid_sample(a, b, **options), (image, places))
    assert gradgradcheck(lambda a, b: F.grid_sample(a, b, **options), (image, places))


def test_grid_sample_of_places_that_are_no_numbers():
    grid = torch.tensor([float("nan"), float("inf"), -1e30, 1e30]).view(1, 2, 1, 2)
    image = torch.ones(1, 1, 3, 3, requires_grad=True)
    for mode in ("bilinear", "nearest"):
        for padding in ("zeros", "border"):
            F.grid_sample(
                image, grid, mode=mode, padding_mode=padding, align_corners=False
            ).sum().backward()
    assert F.grid_sample(image, grid, align_corners=False)[0, 0, 1, 0].item() == 0


def test_grid_sample_refuses():
    image, grid = torch.zeros(1, 1, 3, 3), torch.zeros(1, 2, 2, 2)
    for a, b, text in (
        (image, grid.double(), "expected input and grid to have same dtype"),
        (image[:, :, :0], grid, "expected input to have non-empty spatial dimensions"),
        (image.expand(2, 1, 3, 3), grid, "expected grid and input to have same batch size"),
        (image, grid[..., :1], "expected grid to have size 2 in last dimension"),
    ):
        with pytest.raises(RuntimeError, match=text):
            F.grid_sample(a, b, align_corners=False)


@pytest.mark.parametrize(
    "dtype", ["uint8", "float16", "int32", "float64", "complex64", "complex128"]
)
@pytest.mark.parametrize("dims", [(0,), (1,), (2,), (0, 2), (-1, -2), ()])
def test_flip(dims, dtype):
    x = numpy.arange(3 * 4 * 19).reshape(3, 4, 19).astype(dtype)
    found = torch.from_numpy(x).flip(dims)
    numpy.testing.assert_array_equal(found.numpy(), numpy.flip(x, dims))
    turned = torch.from_numpy(x).transpose(0, 2).flip(dims)
    numpy.testing.assert_array_equal(turned.numpy(), numpy.flip(x.transpose(2, 1, 0), dims))


def test_flip_of_scalars_empty_and_large_tensors():
    assert torch.tensor(3).flip(()).item() == 3
    assert torch.zeros(0, 3).flip(0, 1).shape == (0, 3)
    x = torch.arange(400_000).view(8, 50, 1000)
    numpy.testing.assert_array_equal(x.flip(1, 2).numpy(), numpy.flip(x.numpy(), (1, 2)))


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", "complex128"])
def test_index_select_of_single_elements(dtype):
    x = numpy.random.default_rng(0).standard_normal((300, 41)).astype(dtype)
    index = numpy.random.default_rng(1).integers(0, 41, 77)
    found = torch.from_numpy(x).index_select(1, torch.from_numpy(index))
    numpy.testing.assert_array_equal(found.numpy(), x[:, index])


def test_where_as_a_method_and_of_a_condition_alone():
    x, y = torch.tensor([1, 2, 3]), torch.tensor([7, 8, 9])
    mask = torch.tensor([True, False, True])
    assert x.where(mask, y).tolist() == [1, 8, 3]
    assert [t.tolist() for t in torch.where(torch.tensor([[0, 5], [6, 0]]))] == [[0, 1], [1, 0]]
    assert [t.tolist() for t in torch.where(torch.tensor(True))] == [[0]]


def test_linspace_rounds_once():
    # 19 steps of float32(0.99 / 30), added in one rounding.
    step = float(numpy.float32(numpy.float32(0.99) / numpy.float32(30)))
    expected = numpy.float32(float(numpy.float32(0.99)) - 11 * step)
    assert torch.linspace(0, 0.99, 31)[19].item() == expected


def test_reflection_names_the_padding_that_does_not_fit():
    x = torch.zeros(1, 1, 3, 5)
    with pytest.raises(RuntimeError, match=r"Argument #4: .*\(5, 0\) at dimension 3 of input"):
        F.pad(x, [5, 0, 0, 3], mode="reflect")
    with pytest.raises(RuntimeError, match=r"Argument #6: .*\(0, 3\) at dimension 2 of input"):
        F.pad(x, [4, 0, 0, 3], mode="reflect")
