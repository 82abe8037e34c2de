"""Bilinear and bicubic resizing of bytes, with the integer arithmetic that PyTorch and Pillow use.

Rows first, then columns, each rounded to bytes; weights are rounded to 16 bits, with as many binary places as the
largest of a dimension allows. Floats would be rounded once, at the end, and so differ by one here and there.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from ... import Tensor, cat, float32, from_numpy, int32, uint8

_BLOCK = 24  # results that are computed together: their pixels are neighbours, so most weights are left out
_MOST_PLACES = 22  # Pillow's: bytes, and two bits of headroom, in 32 bits


def resample_bytes(
    input: Tensor,
    sizes: list[int] | None,
    align_corners: bool,
    scales: list[float] | None,
    mode: str,
    antialias: bool,
) -> Tensor:
    """`input` (N, C, H, W) resized to `sizes`, or by `scales`."""
    spatial = list(input.shape[2:])
    if sizes is None:
        sizes = [int(math.floor(n * s)) for n, s in zip(spatial, scales)]  # type: ignore[arg-type]
    known = [None, None] if scales is None else list(scales)
    result = input
    for dim in (3, 2):
        n, m, known_scale = spatial[dim - 2], int(sizes[dim - 2]), known[dim - 2]
        if n != m or known_scale is not None:
            weights, places = _weights(n, m, mode, antialias, align_corners, known_scale)
            floats = result.to(float32)
            # Exact in single precision: 8 bits of a weight times 8 of a byte, summed over less than 256 pixels.
            products = [
                floats.narrow(dim, first, part.shape[0]).matmul(part)
                if dim == 3
                else part.T.matmul(floats.narrow(dim, first, part.shape[0]))
                for first, part in weights
            ]
            halves = [product.chunk(2, dim) for product in products]
            high, low = (cat([pair[i] for pair in halves], dim).to(int32) for i in (0, 1))
            sums = high.mul_(256).add_(low).add_(1 << (places - 1)) >> places
            result = sums.clamp_(0, 255).to(uint8)
    return result.contiguous() if result is not input else input.clone()


@lru_cache(maxsize=64)
def _weights(
    n: int, m: int, mode: str, antialias: bool, align_corners: bool, scale: float | None
) -> tuple[list[tuple[int, Tensor]], int]:
    """Weights of `_BLOCK` results each, and how many of their bits are binary places.

    Of a block: the first pixel that takes part, and (pixels, 2 results): the upper bits of integers, and their lower 8.
    """
    import numpy

    if align_corners:
        step = (n - 1) / (m - 1) if m > 1 else 0.0
    else:
        step = 1.0 / scale if scale else n / m
    reach = 1 if mode == "bilinear" else 2
    kernel = _triangle if reach == 1 else _cubic
    source = numpy.arange(n)[:, None]
    target = numpy.arange(m)[None, :]
    if antialias:
        stretch = max(step, 1.0)
        centre = step * (target + 0.5)
        first = numpy.maximum((centre - reach * stretch + 0.5).astype(numpy.int64), 0)
        last = numpy.minimum((centre + reach * stretch + 0.5).astype(numpy.int64), n)
        values = kernel((source - centre + 0.5) / stretch, -0.5)
        values = numpy.where((source >= first) & (source < last), values, 0.0)
        values = values / values.sum(0)
    else:
        centre = step * target if align_corners else step * (target + 0.5) - 0.5
        centre = numpy.maximum(centre, 0.0) if reach == 1 else centre
        first = numpy.floor(centre).astype(numpy.int64)
        values = numpy.zeros((n, m))
        for tap in range(1 - reach, 1 + reach):  # pixels beyond the border repeat it
            place = numpy.clip(first + tap, 0, n - 1)
            numpy.add.at(values, (place, target), kernel(first + tap - centre, -0.75))
    largest = float(values.max())
    places = next(
        p for p in range(_MOST_PLACES + 1)
        if p == _MOST_PLACES or int(0.5 + largest * 2 ** (p + 1)) >= 2**15
    )  # fmt: skip
    scaled = values * 2**places
    whole = numpy.trunc(scaled + numpy.copysign(0.5, scaled))
    blocks = []
    for start in range(0, m, _BLOCK):
        part = whole[:, start : start + _BLOCK]
        rows = numpy.flatnonzero(part.any(1))
        part = part[rows[0] : rows[-1] + 1]
        high = numpy.floor(part / 256)
        halves = numpy.concatenate([high, part - 256 * high], 1).astype(numpy.float32)
        blocks.append((int(rows[0]), from_numpy(halves)))
    return blocks, places


def _triangle(x: Any, sharpness: float) -> Any:
    import numpy

    return numpy.maximum(1.0 - numpy.abs(x), 0.0)


def _cubic(x: Any, a: float) -> Any:
    """Keys' kernel (IEEE Trans. ASSP 29, 1981) with the parameter `a`."""
    import numpy

    x = numpy.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return numpy.where(x < 1, near, numpy.where(x < 2, far, 0.0))
