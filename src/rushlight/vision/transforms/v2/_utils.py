"""Questions about a sample's parts, and arguments that depend on their kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from typing import Any

from ... import tv_tensors
from .functional import get_dimensions, get_size, is_pure_tensor
from .functional._registry import is_pil_image

_Check = type | Callable[[Any], bool]
_BOXES = tv_tensors.BoundingBoxes
IMAGES = (tv_tensors.Image, is_pil_image, is_pure_tensor, tv_tensors.Video)


def check_type(obj: Any, types_or_checks: Sequence[_Check]) -> bool:
    """Whether `obj` is of one of the types, or one of the functions says yes.

    Example:
        >>> from rushlight.vision.transforms import v2
        >>> v2.check_type(3, (str, lambda x: x == 3))
        True
    """
    return any(
        isinstance(obj, check) if isinstance(check, type) else check(obj)
        for check in types_or_checks
    )


def has_any(flat_inputs: list[Any], *types_or_checks: _Check) -> bool:
    """Whether an input passes one of the checks; see `check_type`."""
    return any(check_type(inpt, types_or_checks) for inpt in flat_inputs)


def has_all(flat_inputs: list[Any], *types_or_checks: _Check) -> bool:
    """Whether each check is passed by an input; see `check_type`."""
    return all(has_any(flat_inputs, check) for check in types_or_checks)


def get_bounding_boxes(flat_inputs: list[Any]) -> tv_tensors.BoundingBoxes:
    """The boxes among the inputs.

    Raises:
        ValueError: unless there is exactly one set.
    """
    return _only(flat_inputs, _BOXES, "bounding boxes were")


def get_keypoints(flat_inputs: list[Any]) -> tv_tensors.KeyPoints:
    """The key points among the inputs.

    Raises:
        ValueError: unless there is exactly one set.
    """
    return _only(flat_inputs, tv_tensors.KeyPoints, "keypoints were")


def _only(flat_inputs: list[Any], kind: type, what: str) -> Any:
    found = [inpt for inpt in flat_inputs if isinstance(inpt, kind)]
    if not found:
        raise ValueError(f"No {what} found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple {what.split()[0]} {what.split()[-2]} in the sample")
    return found[0]


def query_chw(flat_inputs: list[Any]) -> tuple[int, int, int]:
    """(channels, height, width) of the images and videos.

    Raises:
        TypeError: where there are none.
        ValueError: where they differ.
    """
    found = {tuple(get_dimensions(inpt)) for inpt in flat_inputs if check_type(inpt, IMAGES)}
    if not found:
        raise TypeError("No image or video was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {_listed(found)}")
    channels, height, width = found.pop()
    return channels, height, width


def query_size(flat_inputs: list[Any]) -> tuple[int, int]:
    """(height, width) of the images, videos, masks, boxes and key points.

    Raises:
        TypeError: where there are none.
        ValueError: where they differ.
    """
    kinds = (*IMAGES, tv_tensors.Mask, _BOXES, tv_tensors.KeyPoints)
    found = {tuple(get_size(inpt)) for inpt in flat_inputs if check_type(inpt, kinds)}
    if not found:
        raise TypeError("No image, video, mask, bounding box of keypoint was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple HxW dimensions in the sample: {_listed(found)}")
    height, width = found.pop()
    return height, width


def _listed(values: set) -> str:
    return ", ".join(map(str, sorted(values)))


def fill_table(fill: Any) -> dict[Any, Any]:
    """Kind of input -> what transforms put outside images of that kind; "others": of all kinds not named."""
    table = fill if isinstance(fill, dict) else {"others": fill}
    return {kind: _checked_fill(value) for kind, value in table.items()}


def _checked_fill(fill: Any) -> Any:
    if fill is not None and not isinstance(fill, (Number, tuple, list)):
        raise TypeError(
            f"Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed: {type(fill)}"
        )
    # Python numbers stay as they are, so that integers are filled with integers.
    return fill if fill is None or isinstance(fill, (int, float)) else [float(v) for v in fill]


def fill_for(table: Mapping[Any, Any], inpt: Any) -> Any:
    """The value of `fill_table` for this input."""
    if type(inpt) in table:
        return table[type(inpt)]
    return table.get("others")


LabelsGetter = Callable[[Any], Any] | str | None


def labels_getter_of(labels_getter: LabelsGetter) -> Callable[[Any], Any]:
    """The function that finds a sample's labels.

    Args:
        labels_getter: a function; a key; "default": see `_guessed_labels`; None: there are none.
    """
    if labels_getter == "default":
        return _guessed_labels
    if callable(labels_getter):
        return labels_getter
    if isinstance(labels_getter, str):
        return lambda inputs: _labels_holder(inputs)[labels_getter]
    if labels_getter is None:
        return lambda inputs: None
    raise ValueError(
        "labels_getter should either be 'default', a string, a callable, or None, but got "
        f"{type(labels_getter)}."
    )


def _labels_holder(inputs: Any) -> Any:
    """Of (image, target), the target."""
    return inputs[1] if isinstance(inputs, (tuple, list)) else inputs


def _guessed_labels(inputs: Any) -> Any:
    """The target, if that is a tensor, else what it has under "label(s)" or else a key that contains that."""
    target = _labels_holder(inputs)
    if is_pure_tensor(target):
        return target
    if not isinstance(target, Mapping):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a dictionary or a two-tuple "
            f"whose second item is a dictionary or a tensor, but got {inputs} instead."
        )
    keys = [key for key in target if isinstance(key, str) and "label" in key.lower()]
    exact = [key for key in keys if key.lower() in ("label", "labels")]
    if not keys:
        raise ValueError(
            "Could not infer where the labels are in the sample. Try passing a callable as the labels_getter "
            "parameter? If there are no labels in the sample by design, pass labels_getter=None."
        )
    return target[(exact or keys)[0]]
