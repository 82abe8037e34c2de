"""Resampling of images and rearranging of their pixels."""

from __future__ import annotations

import warnings

from .._package import Tensor, ops, rl
from . import pooling

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C * r**2, H, W) to (*, C, H * r, W * r)."""
    r = upscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.dim()} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r) != 0:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    split = input.reshape(*lead, channels // (r * r), r, r, height, width)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return split.permute(order).reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H * r, W * r) to (*, C * r**2, H, W)."""
    r = downscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.dim()} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    for name, dim, size in (("height", -2, height), ("width", -1, width)):
        if size % r != 0:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({dim})={size} is not divisible by {r}"
            )
    n = len(lead)
    split = input.reshape(*lead, channels, height // r, r, width // r, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return split.permute(order).reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave the channels (dimension 1) of ``groups`` groups."""
    if input.dim() < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    channels = input.size(1)
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if channels % groups != 0:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups."
        )
    split = input.reshape(input.size(0), groups, channels // groups, *input.shape[2:])
    return split.transpose(1, 2).reshape(input.shape)


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The same as channel_shuffle."""
    return channel_shuffle(input, groups)


_MODE_DIMS = {"linear": 3, "bilinear": 4, "bicubic": 4, "lanczos": 4, "trilinear": 5}
_WITHOUT_CORNERS = ("nearest", "area", "nearest-exact")


def _is_integer(x) -> bool:
    if isinstance(x, int):
        return True
    if isinstance(x, Tensor):
        return not x.is_floating_point()
    return hasattr(x, "__index__")  # numpy's integers


def interpolate(
    input: Tensor,
    size=None,
    scale_factor=None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize to ``size`` or by ``scale_factor``.

    Args:
        input (Tensor): (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size (int or tuple, optional): spatial size of the output.
        scale_factor (float or tuple, optional): or its size relative to the input's.
        mode (str): "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear",
            "lanczos" or "area". Default: "nearest".
        align_corners (bool, optional): the centres of the corner pixels stay where they are.
        recompute_scale_factor (bool, optional): take the scale from the rounded size.
        antialias (bool): filter when making smaller ("bilinear", "bicubic", "lanczos").

    Raises:
        ValueError: neither or both of size and scale_factor are given, or lengths do not fit.
    """
    if mode in _WITHOUT_CORNERS:
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    sizes, scales = _output_size(input, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if sizes is None and (recompute_scale_factor or mode == "area"):
        sizes = [int(n * factor) for n, factor in zip(input.shape[2:], scales)]
        scales = None
    ndim = input.dim()
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if mode in _WITHOUT_CORNERS and ndim in (3, 4, 5):
        spatial = ndim - 2
        if mode == "area":
            return getattr(pooling, f"adaptive_avg_pool{spatial}d")(input, sizes)
        prefix = "upsample_nearest" if mode == "nearest" else "_upsample_nearest_exact"
        return getattr(ops, f"{prefix}{spatial}d")(input, sizes, scales)
    if _MODE_DIMS.get(mode) == ndim:
        return _upsample_smooth(input, sizes, align_corners, scales, mode, antialias)
    if mode in _MODE_DIMS and ndim in (3, 4, 5) and mode in ("linear", "bilinear", "trilinear"):
        raise NotImplementedError(
            f"Got {ndim}D input, but {mode} mode needs {_MODE_DIMS[mode]}D input"
        )
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: "
        "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact "
        f"(got {mode})"
    )


def _upsample_smooth(input, sizes, align_corners, scales, mode, antialias) -> Tensor:
    if mode == "lanczos":
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    if input.dtype == rl.uint8 and mode in ("bilinear", "bicubic") and input.device.type == "cpu":
        from .byte_resampling import resample_bytes

        return resample_bytes(input, sizes, align_corners, scales, mode, antialias)
    spatial = input.dim() - 2
    name = f"_upsample_{mode}{spatial}d_aa" if antialias else f"upsample_{mode}{spatial}d"
    return getattr(ops, name)(input, sizes, align_corners, scales)


def _output_size(input, size, scale_factor):
    """(sizes, None) or (None, scales), one per spatial dimension."""
    dim = input.dim() - 2
    layout = "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
    spatial = list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if not isinstance(size, (list, tuple)):
            return [size] * dim, None
        if len(size) != dim:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {spatial} and output size of {size}. {layout}output "
                "size in (o1, o2, ...,oK) format."
            )
        if not all(_is_integer(n) for n in size):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, "
                f"int, int], but got size with types {[type(n) for n in size]}"
            )
        return [int(n) for n in size], None
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if not isinstance(scale_factor, (list, tuple)):
        return None, [scale_factor] * dim
    if len(scale_factor) != dim:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {spatial} and scale_factor of shape {scale_factor}. "
            f"{layout}scale_factor in (s1, s2, ...,sK) format."
        )
    return None, list(scale_factor)


def _warn_old_name(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(input: Tensor, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The old name of interpolate; warns."""
    _warn_old_name("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size=None, scale_factor=None):
    """interpolate with mode "nearest"; warns."""
    _warn_old_name("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size=None, scale_factor=None):
    """interpolate with mode "bilinear" and aligned corners; warns."""
    _warn_old_name("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _corners(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
            "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
            "documentation of grid_sample for details.",
            stacklevel=3,
        )
        return False
    return align_corners


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the places given by a grid.

    Args:
        input (Tensor): (N, C, H, W) or (N, C, D, H, W).
        grid (Tensor): (N, H', W', 2) or (N, D', H', W', 3): x, y(, z) from -1 to 1.
        mode (str): "bilinear", "nearest" or "bicubic" (4-D only). Default: "bilinear".
        padding_mode (str): outside the input: "zeros", "border" or "reflection".
        align_corners (bool): -1 and 1 are the centres of the corner pixels, not their edges.
    """
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    align_corners = _corners(align_corners)
    sampler = _grid_sampler_3d if input.dim() == 5 and grid.dim() == 5 else ops.grid_sampler
    return sampler(
        input,
        grid,
        GRID_SAMPLE_INTERPOLATION_MODES[mode],
        GRID_SAMPLE_PADDING_MODES[padding_mode],
        align_corners,
    )


def _source_position(x, size: int, padding: int, align_corners: bool) -> Tensor:
    """Pixel coordinates for grid coordinates, moved inside unless the padding is zeros."""
    if align_corners:
        x = (x + 1) * ((size - 1) / 2)
        low, high = 0.0, float(size - 1)
    else:
        x = ((x + 1) * size - 1) / 2
        low, high = -0.5, size - 0.5
    if padding == 2:
        span = high - low
        if span == 0:
            return rl.zeros_like(x)
        distance = (x - low).abs()
        folds = (distance / span).floor()
        rest = distance - folds * span
        x = rl.where(folds % 2 == 0, rest + low, span - rest + low)
    return x.clamp(0, size - 1) if padding != 0 else x


def _grid_sampler_3d(input, grid, mode: int, padding: int, align_corners: bool) -> Tensor:
    if mode == 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if grid.size(-1) != 3:
        raise RuntimeError(
            "grid_sampler(): expected grid to have size 3 in last dimension, but got grid with "
            f"sizes {list(grid.shape)}"
        )
    batch, channels, *sizes = input.shape
    flat = input.reshape(batch, channels, -1)
    # The grid holds x, y, z; the input's dimensions are z, y, x.
    places = [
        _source_position(grid[..., 2 - d], n, padding, align_corners) for d, n in enumerate(sizes)
    ]

    def at(corner):  # values at integer positions, zero outside
        index, inside = 0, True
        for position, n in zip(corner, sizes):
            inside = inside & (position >= 0) & (position < n)
            index = index * n + position.clamp(0, n - 1).to(rl.int64)
        index = index.reshape(batch, 1, -1).expand(-1, channels, -1)
        values = flat.gather(2, index).view(batch, channels, *grid.shape[1:-1])
        return values.masked_fill(~inside.unsqueeze(1), 0)

    if mode == 1:
        # The grid is part of the graph; its gradient is zero.
        return at([place.detach().round() for place in places]) + 0 * grid.sum()
    lows = [place.detach().floor() for place in places]
    result = 0
    for bits in range(8):
        offsets = (bits >> 2 & 1, bits >> 1 & 1, bits & 1)
        weight = 1
        for place, low, offset in zip(places, lows, offsets):
            weight = weight * (place - low if offset else low + 1 - place)
        corner = [low + offset for low, offset in zip(lows, offsets)]
        result = result + at(corner) * weight.unsqueeze(1)
    return result  # type: ignore[return-value]


def affine_grid(theta: Tensor, size, align_corners: bool | None = None) -> Tensor:
    """The grid for grid_sample that applies affine matrices.

    Args:
        theta (Tensor): (N, 2, 3) or (N, 3, 4).
        size: size of the output image, (N, C, H, W) or (N, C, D, H, W).
        align_corners (bool): as for grid_sample.
    """
    align_corners = _corners(align_corners)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    dims = len(size) - 2
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size "
            f"{size}. Got {theta.shape}."
        )
    spatial = size[2:]
    if align_corners and min(spatial) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the "
            "documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    options = {"dtype": theta.dtype, "device": theta.device}
    # x, y(, z), 1 for every pixel.
    coordinates = [rl.ones((), **options)]
    for d, n in enumerate(spatial):
        line = rl.linspace(-1, 1, n, **options) if n > 1 else rl.zeros(1, **options)
        if not align_corners:
            line = line * ((n - 1) / n)
        shape = [1] * dims
        shape[d] = n
        coordinates.insert(0, line.view(shape))
    base = rl.stack([c.expand(*spatial) for c in coordinates], -1).view(1, -1, dims + 1)
    grid = base.expand(size[0], -1, -1).bmm(theta.transpose(1, 2))
    return grid.view(size[0], *spatial, dims)
