"""What all transforms share: which parts of a sample they change, and their printed form."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from .... import Tensor, rand
from ....nn.modules.module import Module
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from ._utils import check_type, has_any
from .functional import is_pure_tensor
from .functional._registry import call_or_pass, is_pil_image


class Transform(Module):
    """The base of transforms: draws parameters once for a sample, then changes each of its parts.

    A sample is anything made of tuples, lists and dictionaries. Images, videos, masks, boxes, key points and PIL
    images are changed; a plain tensor only if it comes first and the sample has no image or video of another kind; all
    else is passed through. Subclasses define `transform`, and `make_params` if they draw.

    Example:
        >>> from rushlight.vision import tv_tensors
        >>> from rushlight.vision.transforms import v2
        >>> class Half(v2.Transform):
        ...     def transform(self, inpt, params):
        ...         return inpt * 0.5
        >>> Half()({"image": torch.ones(1), "label": torch.ones(1), "name": "a"})
        {'image': tensor([0.5000]), 'label': tensor([1.]), 'name': 'a'}
    """

    _transformed_types: tuple[type | Callable[[Any], bool], ...] = (Tensor, is_pil_image)
    # The class of `transforms` whose `get_params` this one offers, too.
    _v1_transform_cls: type | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        v1 = cls.__dict__.get("_v1_transform_cls")
        if v1 is not None and hasattr(v1, "get_params"):
            cls.get_params = staticmethod(v1.get_params)  # type: ignore[attr-defined]

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise for samples that lack something."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw what `transform` needs, once for all parts of a sample."""
        return {}

    def _call_kernel(self, functional: Callable, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        return call_or_pass(functional, inpt, *args, **kwargs)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Change one part of a sample."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat)
        return self._changed(flat, spec)

    def _changed(self, flat: list[Any], spec: Any) -> Any:
        wanted = self._needs_transform_list(flat)
        params = self.make_params([inpt for inpt, needs in zip(flat, wanted) if needs])
        outputs = [
            self.transform(inpt, params) if needs else inpt for inpt, needs in zip(flat, wanted)
        ]
        return tree_unflatten(outputs, spec)

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
        """Which inputs are changed: of plain tensors only the first, and only where nothing else is an image."""
        plain = not has_any(flat_inputs, tv_tensors.Image, tv_tensors.Video, is_pil_image)
        wanted = []
        for inpt in flat_inputs:
            needs = check_type(inpt, self._transformed_types)
            if needs and is_pure_tensor(inpt):
                needs, plain = plain, False
            wanted.append(needs)
        return wanted

    def extra_repr(self) -> str:
        shown = (bool, int, float, str, tuple, list, Enum)
        return ", ".join(
            f"{name}={value}"
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "training" and isinstance(value, shown)
        )


class RandomApplyTransform(Transform):
    """A transform that is made with the probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(inputs)
        self.check_inputs(flat)
        return inputs if rand(1) >= self.p else self._changed(flat, spec)
