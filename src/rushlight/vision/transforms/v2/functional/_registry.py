"""Which function treats which kind of input: PIL image, plain tensor, image, video, mask, boxes, key points.

A kernel is a function of a plain tensor, `NAME_image`, `NAME_mask`, `NAME_bounding_boxes`, ...; what all of them make
up is the functional `NAME`, which asks the kind of its first argument.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..... import Tensor
from .... import tv_tensors
from ..._common import is_pil_image

_KERNELS: dict[Callable, dict[Any, Callable]] = {}
_BY_NAME: dict[str, Callable] = {}
_KINDS = {
    tv_tensors.Image: "image",
    tv_tensors.Video: "video",
    tv_tensors.Mask: "mask",
    tv_tensors.BoundingBoxes: "bounding_boxes",
    tv_tensors.KeyPoints: "keypoints",
}
# What boxes and key points carry and their kernels may ask for.
_PARTICULARS = ("format", "canvas_size", "clamping_mode")
PIL = "a PIL image"


def is_pure_tensor(inpt: Any) -> bool:
    """Whether `inpt` is a tensor, and no image, mask, ...

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms.v2 import functional as F
        >>> F.is_pure_tensor(torch.zeros(1)), F.is_pure_tensor(tv_tensors.Mask(torch.zeros(2, 2)))
        (True, False)
    """
    return isinstance(inpt, Tensor) and not isinstance(inpt, tv_tensors.TVTensor)


def functional(
    image: Callable,
    *,
    pil: Callable | None = None,
    video: Callable | None = None,
    mask: Callable | None = None,
    boxes: Callable | None = None,
    keypoints: Callable | None = None,
) -> Callable:
    """The functional that applies these kernels.

    Args:
        image: kernel of plain tensors (..., C, H, W) and images; its name without `_image` is the functional's.
        pil: kernel of PIL images.
        video: kernel of videos; default: `image`. mask, boxes, keypoints: kernels of those.
    """
    signature = inspect.signature(image)
    first, *others = signature.parameters.values()
    signature = signature.replace(parameters=[first.replace(name="inpt"), *others])

    @wraps(image)
    def call(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        return kernel_of(call, inpt)(inpt, *args, **kwargs)

    call.__name__ = call.__qualname__ = image.__name__.rpartition("_")[0]
    call.__signature__ = signature  # type: ignore[attr-defined]
    kernels = _KERNELS[call] = {Tensor: image}
    if pil is not None:
        kernels[PIL] = pil
    for kind, kernel in (
        (tv_tensors.Image, image),
        (tv_tensors.Video, video or image),
        (tv_tensors.Mask, mask),
        (tv_tensors.BoundingBoxes, boxes),
        (tv_tensors.KeyPoints, keypoints),
    ):
        if kernel is not None:
            kernels[kind] = _unwrapping(kernel, signature)
    _BY_NAME[call.__name__] = call
    return call


def _unwrapping(kernel: Callable, signature: inspect.Signature) -> Callable:
    """`kernel` on tensors of a kind: given those arguments that it takes, its result made that kind again."""
    taken = inspect.signature(kernel).parameters

    @wraps(kernel)
    def call(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(inpt, *args, **kwargs).arguments
        options = {name: value for name, value in list(given.items())[1:] if name in taken}
        for name in _PARTICULARS:
            if name in taken and hasattr(inpt, name):
                options[name] = getattr(inpt, name)
        output = kernel(inpt.as_subclass(Tensor), **options)
        if isinstance(output, tuple) and isinstance(
            inpt, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)
        ):
            output, canvas_size = output
            return tv_tensors.wrap(output, like=inpt, canvas_size=canvas_size)
        if isinstance(output, tuple):
            return tuple(tv_tensors.wrap(part, like=inpt) for part in output)
        return tv_tensors.wrap(output, like=inpt)

    return call


def kernel_of(call: Callable, inpt: Any, *, otherwise: Callable | None = None) -> Callable:
    """The kernel of the functional `call` for `inpt`, or `otherwise`.

    Raises:
        TypeError: where there is neither.
    """
    kernels = _KERNELS[call]
    for kind in type(inpt).__mro__:
        if kind in kernels:
            return kernels[kind]
        if kind is tv_tensors.TVTensor:  # the kernel of plain tensors is not for masks and boxes
            break
    if PIL in kernels and is_pil_image(inpt):
        return kernels[PIL]
    if otherwise is not None:
        return otherwise
    names = [kind if kind is PIL else kind.__name__ for kind in kernels]
    raise TypeError(
        f"Functional F.{call.__name__} supports inputs of type {', '.join(names)}, but got {type(inpt)} instead."
    )


def call_or_pass(call: Callable, inpt: Any, *args: Any, **kwargs: Any) -> Any:
    """`call(inpt, ...)`, and `inpt` itself where the functional has no kernel for it."""
    return kernel_of(call, inpt, otherwise=_unchanged)(inpt, *args, **kwargs)


def _unchanged(inpt: Any, *args: Any, **kwargs: Any) -> Any:
    return inpt


def register_kernel(functional: Callable | str, tv_tensor_cls: type) -> Callable:
    """Decorate the function that does a functional's work for a `TVTensor` class of your own.

    Args:
        functional: the functional, or its name.
        tv_tensor_cls: a subclass of `TVTensor`.

    Raises:
        ValueError: for another functional or class, one of ours, or one that has its kernel.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> class Labels(tv_tensors.TVTensor):
        ...     pass
        >>> @v2.functional.register_kernel("horizontal_flip", Labels)
        ... def flip(labels, *args, **kwargs):
        ...     return tv_tensors.wrap(-labels, like=labels)
        >>> v2.functional.horizontal_flip(torch.ones(2).as_subclass(Labels)).tolist()
        [-1.0, -1.0]
    """
    if isinstance(functional, str):
        if functional not in _BY_NAME:
            raise ValueError(
                f"Could not find functional with name '{functional}' in torchvision.transforms.v2.functional."
            )
        functional = _BY_NAME[functional]
    elif functional not in _KERNELS:
        raise ValueError(f"no functional of torchvision.transforms.v2.functional: {functional}")
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, tv_tensors.TVTensor)):
        raise ValueError(
            "Kernels can only be registered for subclasses of torchvision.tv_tensors.TVTensor, but got "
            f"{tv_tensor_cls}."
        )
    if tv_tensor_cls in _KINDS:
        raise ValueError(
            f"Kernels cannot be registered for the builtin tv_tensor classes, but got {tv_tensor_cls}"
        )
    kernels = _KERNELS[functional]
    if tv_tensor_cls in kernels:
        raise ValueError(
            f"Functional {functional} already has a kernel registered for type {tv_tensor_cls}."
        )

    def register(kernel: Callable) -> Callable:
        kernels[tv_tensor_cls] = kernel
        return kernel

    return register


def public_kernels() -> dict[str, Callable]:
    """The kernels by their names, such as `resize_mask`."""
    return {
        f"{name}_{_KINDS[kind]}": getattr(kernel, "__wrapped__", kernel)
        for name, call in _BY_NAME.items()
        for kind, kernel in _KERNELS[call].items()
        if kind in _KINDS
    }
