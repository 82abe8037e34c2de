"""Data sets whose targets say what they hold, for `transforms.v2`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from .._voc import CATEGORIES as VOC_CATEGORIES
from .celeba import CelebA
from .coco import CocoCaptions, CocoDetection
from .oxford_iiit_pet import OxfordIIITPet
from .vision import VisionDataset
from .voc import VOCDetection, VOCSegmentation

_Keys = Collection[str] | str | None
_Wrapper = Callable[[int, Any], Any]


def wrap_dataset_for_transforms_v2(dataset: Any, target_keys: _Keys = None) -> Any:
    """`dataset` with its boxes and masks as `tv_tensors`, before its transforms are applied.

    Args:
        dataset: a data set of `vision.datasets`. Its transforms become those of the result.
        target_keys: of targets that are dictionaries, which entries to keep: names, "all", or the usual ones:
            "image_id", "boxes" and "labels" of `CocoDetection`, "boxes" and "labels" of `VOCDetection`.

    Returns:
        A data set of a class derived from that of `dataset`. Samples of `CocoDetection`, `VOCDetection`,
        `VOCSegmentation`, `CelebA` and `OxfordIIITPet` change, those of other data sets do not.

    Raises:
        TypeError: for other objects.
        ValueError: for keys of other kinds, or that the data set does not have.

    Example:
        >>> from rushlight.vision import datasets
        >>> wrapped = datasets.wrap_dataset_for_transforms_v2(datasets.FakeData(size=2))
        >>> isinstance(wrapped, datasets.FakeData), len(wrapped)
        (True, 2)
    """
    if not (
        target_keys is None
        or target_keys == "all"
        or (isinstance(target_keys, Collection) and all(isinstance(k, str) for k in target_keys))
    ):
        raise ValueError(
            f"`target_keys` can be None, 'all', or a collection of strings denoting the keys to be returned, but got {target_keys}"
        )
    if not isinstance(dataset, VisionDataset):
        raise TypeError(
            "wrap_dataset_for_transforms_v2 is meant for the data sets of torchvision.datasets, but got "
            f"{type(dataset)}: return tv_tensors from your own data sets' __getitem__ instead."
        )
    kind = type(f"Wrapped{type(dataset).__name__}", (_Wrapped, type(dataset)), {})
    return kind(dataset, target_keys)


class _Wrapped:
    def __init__(self, dataset: Any, target_keys: _Keys) -> None:
        self.__dict__.update({"_dataset": dataset, "_target_keys": target_keys})
        make = next((m for kind, m in _MAKERS.items() if isinstance(dataset, kind)), None)
        if target_keys not in (None, "all") and make not in (_coco, _voc_detection, _celeba):
            raise ValueError(
                f"`target_keys` must be None or 'all' for {type(dataset).__name__}, whose targets are no dictionaries"
            )
        self.__dict__["_wrap"] = (
            make(dataset, target_keys) if make else lambda index, sample: sample
        )
        # The samples are wrapped between loading and transforming.
        for name in ("transform", "target_transform", "transforms"):
            self.__dict__[name] = getattr(dataset, name, None)
            setattr(dataset, name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_dataset" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.__dict__["_dataset"], name)

    def __getitem__(self, index: int) -> Any:
        sample = self._wrap(index, self._dataset[index])
        return sample if self.transforms is None else self.transforms(*sample)

    def __len__(self) -> int:
        return len(self._dataset)

    def __reduce__(self) -> Any:
        state = {
            name: self.__dict__[name] for name in ("transform", "target_transform", "transforms")
        }
        return _rewrapped, (self._dataset, self._target_keys, state)


def _rewrapped(dataset: Any, target_keys: _Keys, state: dict[str, Any]) -> Any:
    wrapped = wrap_dataset_for_transforms_v2(dataset, target_keys)
    wrapped.__dict__.update(state)
    return wrapped


def _chosen(target_keys: _Keys, available: set[str], usual: set[str]) -> set[str]:
    if target_keys is None:
        return usual
    chosen = available if target_keys == "all" else {*target_keys}
    if unknown := chosen - available:
        raise ValueError(
            f"Target keys {sorted(unknown)} are not available: the data set has {sorted(available)}"
        )
    return chosen


def _boxes(numbers: Any, format: str, image: Any) -> Any:
    from ... import tensor
    from .. import tv_tensors
    from ..transforms.v2.functional import convert_bounding_box_format

    flat = tensor(numbers, dtype=None if numbers else tensor(0.0).dtype).reshape(-1, 4)
    boxes = tv_tensors.BoundingBoxes(flat, format=format, canvas_size=(image.height, image.width))
    return convert_bounding_box_format(boxes, new_format="XYXY")


def _coco(dataset: Any, target_keys: _Keys) -> _Wrapper:
    own = {"segmentation", "area", "iscrowd", "image_id", "bbox", "category_id"}
    made = {"boxes", "masks", "labels"}
    keys = _chosen(target_keys, own | made, {"image_id", "boxes", "labels"})

    def wrap(index: int, sample: Any) -> Any:
        from ... import stack, tensor
        from .. import tv_tensors

        image, annotations = sample
        image_id = dataset.ids[index]
        if not annotations:
            return image, {"image_id": image_id}
        target: dict[str, Any] = {"image_id": image_id} if "image_id" in keys else {}
        if "boxes" in keys:
            target["boxes"] = _boxes([a["bbox"] for a in annotations], "XYWH", image)
        if "masks" in keys:
            masks = [tensor(dataset.coco.annToMask(a)) for a in annotations]
            target["masks"] = tv_tensors.Mask(stack(masks))
        if "labels" in keys:
            target["labels"] = tensor([a["category_id"] for a in annotations])
        for key in sorted(keys - made - {"image_id"}):
            target[key] = [a[key] for a in annotations]
        return image, target

    return wrap


def _voc_detection(dataset: Any, target_keys: _Keys) -> _Wrapper:
    keys = _chosen(target_keys, {"annotation", "boxes", "labels"}, {"boxes", "labels"})
    edges = ("xmin", "ymin", "xmax", "ymax")

    def wrap(index: int, sample: Any) -> Any:
        from ... import tensor

        image, target = sample
        objects = target["annotation"]["object"]
        found: dict[str, Any] = {}
        if "annotation" in keys:
            found["annotation"] = target["annotation"]
        if "boxes" in keys:
            corners = [[int(entry["bndbox"][edge]) for edge in edges] for entry in objects]
            found["boxes"] = _boxes(corners, "XYXY", image)
        if "labels" in keys:
            found["labels"] = tensor([VOC_CATEGORIES.index(entry["name"]) for entry in objects])
        return image, found

    return wrap


def _with_mask(dataset: Any, target_keys: _Keys) -> _Wrapper:
    def wrap(index: int, sample: Any) -> Any:
        from .. import tv_tensors

        image, mask = sample
        return image, tv_tensors.Mask(mask)

    return wrap


def _celeba(dataset: Any, target_keys: _Keys) -> _Wrapper:
    if any(kind in ("attr", "landmarks") for kind in dataset.target_type) and target_keys not in (
        None,
        "all",
    ):
        _chosen(target_keys, {*dataset.target_type}, set())

    def wrap(index: int, sample: Any) -> Any:
        image, target = sample
        kinds = dataset.target_type
        if not kinds:
            return sample
        parts = dict(zip(kinds, target if len(kinds) > 1 else (target,)))
        if "bbox" in parts:
            parts["bbox"] = _boxes([parts["bbox"].tolist()], "XYWH", image)
        keys = _chosen(target_keys, {*parts}, {*parts})
        return image, {key: value for key, value in parts.items() if key in keys}

    return wrap


def _pet(dataset: Any, target_keys: _Keys) -> _Wrapper:
    def wrap(index: int, sample: Any) -> Any:
        from .. import tv_tensors

        image, target = sample
        kinds = dataset._target_types
        parts = list(target) if len(kinds) > 1 else [target]
        for number, kind in enumerate(kinds):
            if kind == "segmentation":
                parts[number] = tv_tensors.Mask(parts[number])
        return image, tuple(parts) if len(kinds) > 1 else (parts or [None])[0]

    return wrap


_MAKERS: dict[type, Callable[[Any, _Keys], _Wrapper] | None] = {
    CocoCaptions: None,  # before the class it is derived from
    CocoDetection: _coco,
    VOCDetection: _voc_detection,
    VOCSegmentation: _with_mask,
    CelebA: _celeba,
    OxfordIIITPet: _pet,
}
