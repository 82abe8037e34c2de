"""The base class of image data sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ...utils.data import Dataset

T_co = TypeVar("T_co", covariant=True)


def _described(transform: Callable, head: str) -> list[str]:
    """The lines of a transform's repr after a label, the later ones below the first."""
    first, *rest = repr(transform).splitlines()
    return [head + first, *(" " * len(head) + line for line in rest)]


class StandardTransform:
    """`transform` for the image and `target_transform` for the label, as one callable of both.

    Args:
        transform: a callable of the image, or None.
        target_transform: a callable of the label, or None.
    """

    def __init__(
        self, transform: Callable | None = None, target_transform: Callable | None = None
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def _format_transform_repr(self, transform: Callable, head: str) -> list[str]:
        return _described(transform, head)

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        if self.transform is not None:
            lines += self._format_transform_repr(self.transform, "Transform: ")
        if self.target_transform is not None:
            lines += self._format_transform_repr(self.target_transform, "Target transform: ")
        return "\n".join(lines)


class VisionDataset(Dataset[T_co]):
    """A data set under a folder, with transforms.

    A subclass defines `__getitem__` and `__len__`, and `extra_repr` for more lines of its text.

    Args:
        root: the folder.
        transforms: a callable of (image, target); excludes the two that follow.
        transform: a callable of the image.
        target_transform: a callable of the target.

    Raises:
        ValueError: `transforms` together with one of the others.
    """

    _repr_indent = 4

    def __init__(
        self,
        root: str | Path | None = None,
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def _transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """A sample after `transform` and `target_transform`, as they are at this moment."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if getattr(self, "transforms", None) is not None:
            # One item: torchvision indents its first line only.
            body.append(repr(self.transforms))
        indent = " " * self._repr_indent
        return "\n".join([f"Dataset {type(self).__name__}", *(indent + line for line in body)])

    def _format_transform_repr(self, transform: Callable, head: str) -> list[str]:
        return _described(transform, head)

    def extra_repr(self) -> str:
        """More lines for the repr."""
        return ""
