"""The transforms as functions of PIL images, plain tensors and `tv_tensors`.

Each asks the kind of its first argument and calls the kernel for it, a function of plain tensors such as
`resize_bounding_boxes`. Kernels of images are those of `transforms.functional`.
"""

from __future__ import annotations

from ..._common import InterpolationMode
from ..._conversion import convert_image_dtype, pil_to_tensor, to_pil_image
from . import _registry
from ._boxes import (
    clamp_bounding_boxes,
    convert_bounding_box_format,
    sanitize_bounding_boxes,
)
from ._color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    erase,
    gaussian_blur,
    gaussian_noise,
    grayscale_to_rgb,
    invert,
    jpeg,
    permute_channels,
    posterize,
    rgb_to_grayscale,
    solarize,
)
from ._geometry import (
    affine,
    center_crop,
    crop,
    elastic,
    elastic_transform,
    five_crop,
    hflip,
    horizontal_flip,
    pad,
    perspective,
    resize,
    resized_crop,
    rotate,
    ten_crop,
    vertical_flip,
    vflip,
)
from ._meta import (
    get_dimensions,
    get_image_size,
    get_num_channels,
    get_num_frames,
    get_size,
    normalize,
    to_dtype,
    to_image,
    to_tensor,
    uniform_temporal_subsample,
)
from ._points import clamp_keypoints, sanitize_keypoints
from ._registry import is_pure_tensor, register_kernel

to_grayscale = rgb_to_grayscale
get_image_num_channels = get_num_channels
globals().update(_registry.public_kernels())
