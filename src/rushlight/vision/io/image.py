"""Reading and writing PNG, JPEG, GIF and WebP images by Pillow.

What a file claims is checked before anything of its size is allocated, and a file that ends early is an error,
not a grey picture.
"""

from __future__ import annotations

import io
import os
import warnings
from enum import Enum
from pathlib import Path
from typing import Any

from ... import Tensor, from_numpy, frombuffer, stack, uint8
from ..transforms._common import pillow

# As Pillow's own limit (a quarter of a gigabyte at three bytes), but an error from here on, not a warning.
MAX_PIXELS = 89_478_485

_FORMATS = ("GIF", "JPEG", "PNG", "WEBP")


class ImageReadMode(Enum):
    """The channels that decoding gives.

    Example:
        >>> from rushlight.vision.io import ImageReadMode
        >>> ImageReadMode.RGBA is ImageReadMode.RGB_ALPHA
        True
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_PIL_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_file(path: str) -> Tensor:
    """The bytes of a file, (n,) uint8.

    Raises:
        RuntimeError: if it cannot be read.

    Example:
        >>> from rushlight.vision.io import read_file, write_file
        >>> write_file("three.bin", torch.tensor([1, 2, 3], dtype=torch.uint8))
        >>> read_file("three.bin")
        tensor([1, 2, 3], dtype=torch.uint8)
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise RuntimeError(str(error)) from error
    if not data:
        raise RuntimeError(f"read_file: the file is empty: {path}")
    return frombuffer(bytearray(data), dtype=uint8)


def write_file(filename: str, data: Tensor) -> None:
    """Write bytes to a file, which keeps its old content until all are written.

    Args:
        filename: the file. data: (n,) uint8.

    Raises:
        RuntimeError: for other tensors, or if it cannot be written.

    Example:
        >>> from rushlight.vision.io import write_file
        >>> write_file("one.bin", torch.tensor([7], dtype=torch.uint8))
    """
    _write(filename, _bytes_of(data, "write_file"))


def _write(filename: str | os.PathLike, data: bytes) -> None:
    path = Path(filename)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RuntimeError(str(error)) from error


def _bytes_of(data: Any, op: str) -> bytes:
    if not isinstance(data, Tensor) or data.dtype != uint8:
        kind = data.dtype if isinstance(data, Tensor) else type(data)
        raise RuntimeError(f"Expected a torch.uint8 tensor\n{op}: got {kind}")
    if data.dim() != 1 or data.numel() == 0:
        raise RuntimeError(
            f"Expected a non empty 1-dimensional tensor\n{op}: got shape {tuple(data.shape)}"
        )
    return data.cpu().contiguous().numpy().tobytes()


def _read_mode(mode: Any) -> ImageReadMode:
    return ImageReadMode[mode.upper()] if isinstance(mode, str) else mode


class _Opened:
    """An image whose header has been read and found acceptable; errors of decoding become RuntimeErrors."""

    def __init__(self, data: bytes, op: str, formats: tuple[str, ...]) -> None:
        self.data, self.op, self.formats = data, op, formats

    def __enter__(self) -> Any:
        image = pillow()
        try:
            with warnings.catch_warnings():
                # The limit below is stricter; Pillow's is for the program's own use of it.
                warnings.simplefilter("ignore", image.DecompressionBombWarning)
                opened = image.open(io.BytesIO(self.data), formats=self.formats)
        except image.DecompressionBombError as error:
            raise RuntimeError(f"{self.op}: the image is too large: {error}") from error
        except image.UnidentifiedImageError as error:
            raise RuntimeError(
                f"{self.op}: unsupported image file: got {self.data[:8]!r}..., expected one of "
                f"{', '.join(self.formats)}"
            ) from error
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise RuntimeError(f"{self.op}: damaged image file: {error}") from error
        self._check_pixels(opened.width, opened.height, 1)
        return opened

    def _check_pixels(self, width: int, height: int, frames: int) -> None:
        if width * height * frames > MAX_PIXELS:
            size = f"{width} x {height}" + (f" x {frames} frames" if frames > 1 else "")
            raise RuntimeError(
                f"{self.op}: the image is too large: got {size} pixels, expected at most {MAX_PIXELS:,}; "
                "make it smaller, or read it with PIL if you trust it"
            )

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, (OSError, SyntaxError, ValueError, EOFError, IndexError)):
            raise RuntimeError(f"{self.op}: damaged image file: {error}") from error


def _stored_mode(image: Any) -> str:
    """The mode that holds what the file does."""
    if image.mode == "P":
        return "RGBA" if "transparency" in image.info else "RGB"
    if image.mode == "1":
        return "L"
    return image.mode


def _as_tensor(image: Any, mode: ImageReadMode) -> Tensor:
    """(C, H, W)"""
    import numpy

    wanted = _PIL_MODES.get(mode) or _stored_mode(image)
    if image.mode.startswith("I") and mode is not ImageReadMode.UNCHANGED:
        # 16 bits a channel: the upper 8 are those of the image in 8 bits.
        grey = (numpy.asarray(image).astype(numpy.int64) >> 8).astype(numpy.uint8)
        image = pillow().fromarray(grey)
    array = numpy.array(image if image.mode == wanted else image.convert(wanted))
    if array.dtype == numpy.uint16:  # tensors have no such type; this one holds its values
        array = array.astype(numpy.int32)
    if array.ndim == 2:
        array = array[:, :, None]
    return from_numpy(numpy.ascontiguousarray(array.transpose(2, 0, 1)))


def _decode(
    input: Tensor, mode: Any, oriented: bool, op: str, formats: tuple[str, ...] = _FORMATS
) -> Tensor:
    opening = _Opened(_bytes_of(input, op), op, formats)
    with opening as image:
        if image.format == "GIF":
            return _decode_gif(opening, image)
        if oriented:
            image = pillow("ImageOps").exif_transpose(image)
        return _as_tensor(image, _read_mode(mode))


def _decode_gif(opening: _Opened, image: Any) -> Tensor:
    """(3, H, W), or (N, 3, H, W) for a film."""
    frames: list[Tensor] = []
    for frame in pillow("ImageSequence").Iterator(image):
        opening._check_pixels(image.width, image.height, len(frames) + 1)
        frames.append(_as_tensor(frame, ImageReadMode.RGB))
    return frames[0] if len(frames) == 1 else stack(frames)


def decode_image(
    input: Tensor | str,
    mode: ImageReadMode = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """A PNG, JPEG, GIF or WebP image.

    Args:
        input: the bytes of the file, (n,) uint8, or its path.
        mode: which channels; GIF images always give RGB.
        apply_exif_orientation: turn the image as its camera was held.

    Returns:
        (C, H, W), uint8 (int32 for 16-bit PNG images); (N, 3, H, W) for a GIF of several frames.

    Raises:
        RuntimeError: for other files, damaged ones, and images of more than 89,478,485 pixels.

    Example:
        >>> from rushlight.vision.io import decode_image, encode_png
        >>> decode_image(encode_png(torch.full((3, 2, 4), 7, dtype=torch.uint8))).shape
        torch.Size([3, 2, 4])
    """
    data = input if isinstance(input, Tensor) else read_file(str(input))
    return _decode(data, mode, apply_exif_orientation, "decode_image")


def read_image(
    path: str,
    mode: ImageReadMode = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The image in a file; see `decode_image`.

    Example:
        >>> from rushlight.vision.io import read_image, write_png
        >>> write_png(torch.full((1, 2, 2), 7, dtype=torch.uint8), "seven.png")
        >>> read_image("seven.png")
        tensor([[[7, 7],
                 [7, 7]]], dtype=torch.uint8)
    """
    return _decode(read_file(path), mode, apply_exif_orientation, "read_image")


def decode_png(
    input: Tensor,
    mode: ImageReadMode = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """A PNG image; see `decode_image`.

    Example:
        >>> from rushlight.vision.io import decode_png, encode_png
        >>> decode_png(encode_png(torch.zeros(1, 2, 2, dtype=torch.uint8)), "rgb").shape
        torch.Size([3, 2, 2])
    """
    return _decode(input, mode, apply_exif_orientation, "decode_png", ("PNG",))


def decode_jpeg(
    input: Tensor | list[Tensor],
    mode: ImageReadMode = ImageReadMode.UNCHANGED,
    device: Any = "cpu",
    apply_exif_orientation: bool = False,
) -> Any:
    """A JPEG image, or a list of them; see `decode_image`.

    Raises:
        ValueError: for an empty list, or one of other things.

    Example:
        >>> from rushlight.vision.io import decode_jpeg, encode_jpeg
        >>> decode_jpeg(encode_jpeg(torch.zeros(3, 2, 2, dtype=torch.uint8))).shape
        torch.Size([3, 2, 2])
    """
    if isinstance(input, list):
        if len(input) == 0:
            raise ValueError("Input list must contain at least one element")
        if not all(isinstance(each, Tensor) for each in input):
            raise ValueError("All elements of the input list must be tensors.")
        return [decode_jpeg(each, mode, device, apply_exif_orientation) for each in input]
    return _decode(input, mode, apply_exif_orientation, "decode_jpeg", ("JPEG",)).to(device)


def decode_gif(input: Tensor) -> Tensor:
    """A GIF image, (3, H, W), or (N, 3, H, W) for several frames; see `decode_image`.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> from rushlight.vision.io import decode_gif
        >>> file = io.BytesIO()
        >>> Image.new("P", (3, 2)).save(file, "GIF")
        >>> decode_gif(torch.frombuffer(file.getbuffer(), dtype=torch.uint8)).shape
        torch.Size([3, 2, 3])
    """
    return _decode(input, ImageReadMode.RGB, False, "decode_gif", ("GIF",))


def decode_webp(input: Tensor, mode: ImageReadMode = ImageReadMode.UNCHANGED) -> Tensor:
    """A WebP image; see `decode_image`.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> from rushlight.vision.io import decode_webp
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (3, 2)).save(file, "WEBP")
        >>> decode_webp(torch.frombuffer(file.getbuffer(), dtype=torch.uint8)).shape
        torch.Size([3, 2, 3])
    """
    return _decode(input, mode, False, "decode_webp", ("WEBP",))


def _encode(input: Any, op: str, format: str, **options: Any) -> Tensor:
    if not isinstance(input, Tensor) or input.dtype != uint8:
        kind = input.dtype if isinstance(input, Tensor) else type(input)
        raise RuntimeError(f"Input tensor dtype should be uint8\n{op}: got {kind}")
    if input.dim() != 3:
        raise RuntimeError(
            f"Input data should be a 3-dimensional tensor\n{op}: got shape {tuple(input.shape)}"
        )
    if input.shape[0] not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {input.shape[0]}")
    array = input.permute(1, 2, 0).contiguous().cpu().numpy()
    image = pillow().fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    file = io.BytesIO()
    image.save(file, format, **options)
    return frombuffer(file.getbuffer(), dtype=uint8)


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """An image as the bytes of a PNG file, (n,) uint8.

    Args:
        input: (1 or 3, H, W), uint8. compression_level: 0 (fast) to 9 (small).

    Raises:
        RuntimeError: for other tensors and levels.

    Example:
        >>> from rushlight.vision.io import encode_png
        >>> encode_png(torch.zeros(3, 2, 2, dtype=torch.uint8))[1:4].tolist() == list(b"PNG")
        True
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError(
            f"Compression level should be between 0 and 9\nencode_png: got {compression_level}"
        )
    return _encode(input, "encode_png", "PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor | list[Tensor], quality: int = 75) -> Any:
    """An image, or a list of them, as the bytes of a JPEG file, (n,) uint8.

    Args:
        input: (1 or 3, H, W), uint8. quality: 1 (small) to 100 (good).

    Raises:
        RuntimeError: for other tensors. ValueError: for other qualities, or an empty list.

    Example:
        >>> from rushlight.vision.io import encode_jpeg
        >>> encode_jpeg(torch.zeros(3, 2, 2, dtype=torch.uint8))[:2].tolist()
        [255, 216]
    """
    if quality < 1 or quality > 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        if not input:
            raise ValueError("encode_jpeg requires at least one input tensor when a list is passed")
        return [encode_jpeg(each, quality) for each in input]
    return _encode(input, "encode_jpeg", "JPEG", quality=quality)


def write_png(input: Tensor, filename: str, compression_level: int = 6) -> None:
    """Write an image to a PNG file; see `encode_png`.

    Example:
        >>> from rushlight.vision.io import write_png
        >>> write_png(torch.zeros(3, 2, 2, dtype=torch.uint8), "black.png")
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str, quality: int = 75) -> None:
    """Write an image to a JPEG file; see `encode_jpeg`.

    Example:
        >>> from rushlight.vision.io import write_jpeg
        >>> write_jpeg(torch.zeros(3, 2, 2, dtype=torch.uint8), "black.jpg")
    """
    write_file(filename, encode_jpeg(input, quality))
