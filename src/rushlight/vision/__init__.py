"""Image data sets, transforms, models; `rushlight run` presents this package as `torchvision`."""

from __future__ import annotations

from .._lazy import lazy_module
from .._names import TORCHVISION_VERSION as __version__

__all__ = [
    "datasets",
    "disable_beta_transforms_warning",
    "get_image_backend",
    "get_video_backend",
    "io",
    "models",
    "ops",
    "set_image_backend",
    "set_video_backend",
    "transforms",
    "tv_tensors",
    "utils",
]

_image_backend = "PIL"


def set_image_backend(backend: str) -> None:
    """Choose the package that opens the images of data sets.

    Args:
        backend: "PIL", or "accimage" where that package is installed.

    Raises:
        ValueError: another name.
    """
    global _image_backend
    if backend not in ("PIL", "accimage"):
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage'")
    _image_backend = backend


def get_image_backend() -> str:
    """The package that opens the images of data sets.

    Example:
        >>> from rushlight import vision
        >>> vision.get_image_backend()
        'PIL'
    """
    return _image_backend


def set_video_backend(backend: str) -> None:
    """Accepted: there is one."""


def get_video_backend() -> str:
    """The package that would decode videos."""
    return "pyav"


def disable_beta_transforms_warning() -> None:
    """Accepted: there is no such warning any more."""


def __getattr__(name: str):
    return lazy_module(__name__, name)
