"""vision.io: what is written comes back, and hostile files are refused before they cost anything."""

from __future__ import annotations

import io
import struct
import zlib

import numpy
import pytest
from PIL import Image, PngImagePlugin

import rushlight as torch
from rushlight.vision import io as vio


def some_image(channels, height=5, width=7):
    rng = numpy.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (channels, height, width), dtype="uint8"))


def encoded(image, format, **options) -> torch.Tensor:
    file = io.BytesIO()
    image.save(file, format, **options)
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def smooth():
    y, x = numpy.mgrid[:16, :24]
    return torch.from_numpy(numpy.stack([y * 8, x * 8, y + x]).astype("uint8"))


@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip(channels, tmp_path):
    image = some_image(channels)
    for level in (0, 9):
        data = vio.encode_png(image, level)
        assert torch.equal(vio.decode_image(data), image)
        assert torch.equal(vio.decode_png(data), image)
    vio.write_png(image, tmp_path / "a.png")
    assert torch.equal(vio.read_image(tmp_path / "a.png"), image)
    assert torch.equal(vio.decode_image(str(tmp_path / "a.png")), image)
    assert [f.name for f in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_round_trip(channels, tmp_path):
    image = smooth()[:channels]
    vio.write_jpeg(image, tmp_path / "a.jpg", quality=100)
    back = vio.read_image(tmp_path / "a.jpg")
    assert back.shape == image.shape
    assert (back.int() - image.int()).abs().float().mean().item() < 2
    small, large = (vio.encode_jpeg(image, q).numel() for q in (1, 100))
    assert small < large
    listed = vio.decode_jpeg(vio.encode_jpeg([image, image], 100))
    assert len(listed) == 2 and torch.equal(listed[0], back)


def test_modes():
    rng = numpy.random.default_rng(1)
    for channels in (1, 2, 3, 4):
        array = rng.integers(0, 256, (4, 5, channels), dtype="uint8")
        image = Image.fromarray(array[:, :, 0] if channels == 1 else array)
        data = encoded(image, "PNG")
        assert vio.decode_image(data).shape[0] == channels
        for wanted, name in (
            (vio.ImageReadMode.GRAY, "L"),
            (vio.ImageReadMode.GRAY_ALPHA, "LA"),
            (vio.ImageReadMode.RGB, "RGB"),
            ("RGBA", "RGBA"),
        ):
            found = vio.decode_image(data, wanted)
            expected = numpy.array(image.convert(name))
            expected = expected if expected.ndim == 3 else expected[:, :, None]
            numpy.testing.assert_array_equal(found.numpy(), expected.transpose(2, 0, 1))


def test_palettes_bits_and_16_bit_images():
    colours = Image.new("P", (3, 2), 1)
    colours.putpalette([0, 0, 0, 10, 20, 30])
    assert vio.decode_image(encoded(colours, "PNG"))[:, 0, 0].tolist() == [10, 20, 30]
    bits = Image.new("1", (3, 2), 1)
    assert vio.decode_image(encoded(bits, "PNG")).unique().tolist() == [255]
    deep = Image.fromarray(numpy.array([[0, 256, 65535]], "uint16"))
    found = vio.decode_image(encoded(deep, "PNG"))
    assert found.tolist() == [[[0, 256, 65535]]] and found.dtype is torch.int32
    assert vio.decode_image(encoded(deep, "PNG"), "GRAY").tolist() == [[[0, 1, 255]]]


def test_orientation():
    image = Image.fromarray(numpy.arange(6, dtype="uint8").reshape(2, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    data = encoded(image, "PNG", exif=exif)
    assert vio.decode_image(data).shape == (1, 2, 3)
    turned = vio.decode_image(data, apply_exif_orientation=True)
    numpy.testing.assert_array_equal(turned.numpy()[0], numpy.rot90(numpy.array(image), -1))


def test_films():
    frames = [Image.new("RGB", (4, 3), (40 * n, 0, 0)) for n in range(3)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    film = vio.decode_image(data)
    assert film.shape == (3, 3, 3, 4)
    assert film[:, 0, 0, 0].tolist() == [0, 40, 80]
    assert vio.decode_gif(encoded(frames[1], "GIF")).shape == (3, 3, 4)
    assert vio.decode_webp(encoded(frames[1], "WEBP", lossless=True))[0, 0, 0].item() == 40


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 1, extra: bytes = b"") -> torch.Tensor:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 10))
    data = b"\x89PNG\r\n\x1a\n" + header + extra + body + chunk(b"IEND", b"")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


@pytest.mark.parametrize(("width", "height"), [(60000, 60000), (10000, 9000), (2**31 - 1, 1)])
def test_too_many_pixels_are_refused_by_the_header(width, height):
    with pytest.raises(RuntimeError, match="decode_image: the image is too large"):
        vio.decode_image(png(width, height))


def test_the_cap_itself():
    # Pillow warns from this size on: an error here, and none below it.
    assert vio.image.MAX_PIXELS == 89_478_485
    with pytest.raises(
        RuntimeError, match="got 89478486 x 1 pixels, expected at most 89,478,485; make it smaller"
    ):
        vio.decode_image(png(89_478_486, 1))


def test_films_of_too_many_frames(monkeypatch):
    frames = [Image.new("RGB", (4, 4), (n, 0, 0)) for n in range(5)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(vio.image, "MAX_PIXELS", 63)
    with pytest.raises(RuntimeError, match="got 4 x 4 x 4 frames pixels, expected at most 63"):
        vio.decode_gif(data)


def test_truncated_files():
    for data in (vio.encode_png(some_image(3, 40, 40)), vio.encode_jpeg(some_image(3, 40, 40))):
        for length in range(1, data.numel() - 12, 37):
            with pytest.raises(RuntimeError, match="decode_image: (damaged|unsupported) image"):
                vio.decode_image(data[:length])


def test_text_that_unpacks_to_gigabytes():
    packed = zlib.compress(b"\0" * (PngImagePlugin.MAX_TEXT_CHUNK + 1), 9)
    bomb = chunk(b"zTXt", b"name\0\0" + packed)
    with pytest.raises(RuntimeError, match="decode_image: damaged image file"):
        vio.decode_image(png(8, 8, extra=bomb))


def test_other_files():
    with pytest.raises(RuntimeError, match="decode_image: unsupported image file: got b'%PDF"):
        vio.decode_image(torch.frombuffer(bytearray(b"%PDF-1.4 ..."), dtype=torch.uint8))
    with pytest.raises(RuntimeError, match="decode_jpeg: unsupported image file"):
        vio.decode_jpeg(vio.encode_png(some_image(3)))
    with pytest.raises(RuntimeError, match="No such file or directory: 'nowhere.png'"):
        vio.read_image("nowhere.png")


def test_arguments():
    image = some_image(3)
    for call, kind, text in (
        (lambda: vio.decode_image(torch.zeros(4)), RuntimeError, "Expected a torch.uint8 tensor"),
        (lambda: vio.decode_image(image), RuntimeError, "non empty 1-dimensional tensor"),
        (lambda: vio.encode_png(image.float()), RuntimeError, "dtype should be uint8"),
        (lambda: vio.encode_png(image[0]), RuntimeError, "should be a 3-dimensional tensor"),
        (lambda: vio.encode_jpeg(some_image(2)), RuntimeError, "should be 1 or 3, got: 2"),
        (lambda: vio.encode_png(image, 10), RuntimeError, "level should be between 0 and 9"),
        (lambda: vio.encode_jpeg(image, 0), ValueError, "positive number between 1 and 100"),
        (lambda: vio.encode_jpeg([], 50), ValueError, "at least one input tensor"),
        (lambda: vio.decode_jpeg([]), ValueError, "must contain at least one element"),
        (lambda: vio.decode_jpeg([3]), ValueError, "input list must be tensors"),
    ):
        with pytest.raises(kind, match=text):
            call()


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    vio.write_file(path, torch.tensor([1, 2], dtype=torch.uint8))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        vio.write_file(path, torch.tensor([3], dtype=torch.uint8))
    assert vio.read_file(path).tolist() == [1, 2]
    assert [f.name for f in tmp_path.iterdir()] == ["a.bin"]
    (tmp_path / "empty").touch()
    with pytest.raises(RuntimeError, match="the file is empty"):
        vio.read_file(tmp_path / "empty")
