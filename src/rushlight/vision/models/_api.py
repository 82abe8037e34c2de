"""Published weights, and the register of the functions that build models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import filter as matching
from functools import partial
from inspect import signature
from types import ModuleType
from typing import Any, get_args

from ... import nn

__all__ = [
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
]

# name -> builder, filled by `register_model`.
BUILTIN_MODELS: dict[str, Callable[..., nn.Module]] = {}


def _call_of(function: Any) -> Any:
    """What tells one transform from another: of a `partial`, which never equals its copy, the call."""
    if isinstance(function, partial):
        return function.func, function.args, function.keywords
    return function


@dataclass
class Weights:
    """A file of trained weights and what is known about it.

    Args:
        url: address of the file.
        transforms: called without arguments, returns the preprocessing that the weights expect.
        meta: facts, among them "num_params", "min_size" (height, width) and "categories" (names of the classes).
    """

    url: str
    transforms: Callable
    meta: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Weights):
            return NotImplemented
        return (self.url, self.meta, _call_of(self.transforms)) == (
            other.url,
            other.meta,
            _call_of(other.transforms),
        )


class WeightsEnum(Enum):
    """The published weights of one model; `DEFAULT` is the best of them.

    Example:
        >>> from rushlight.vision.models import ResNet18_Weights
        >>> ResNet18_Weights.DEFAULT, ResNet18_Weights.DEFAULT.meta["categories"][207]
        (ResNet18_Weights.IMAGENET1K_V1, 'golden retriever')
    """

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member that `obj` (None, a member, or its name with or without the enum's) stands for.

        Raises:
            KeyError: no such name.
            TypeError: weights of another model.
        """
        if isinstance(obj, str):
            return cls[obj.replace(cls.__name__ + ".", "")]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {type(obj).__name__}."
            )
        return obj

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The weights, from the cache folder (`checkpoints` in `hub.get_dir()`) or the network.

        Args:
            args, kwargs: of `hub.load_state_dict_from_url`; `weights_only` is True unless given.

        Raises:
            urllib.error.URLError: the file is not in the cache, and cannot be fetched.
        """
        from ...hub import load_state_dict_from_url

        kwargs.setdefault("weights_only", True)
        return load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self._name_}"

    @property
    def url(self) -> str:
        return self.value.url

    @property
    def transforms(self) -> Callable:
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        return self.value.meta


def register_model(name: str | None = None) -> Callable[[Callable], Callable]:
    """Decorate a function that builds a model, so that `get_model` knows it.

    Args:
        name: default: the function's.

    Raises:
        ValueError: the name is taken.
    """

    def register(build: Callable) -> Callable:
        key = build.__name__ if name is None else name
        if key in BUILTIN_MODELS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        BUILTIN_MODELS[key] = build
        return build

    return register


def get_weight(name: str) -> WeightsEnum:
    """Weights by their full name.

    Args:
        name: "ResNet50_Weights.IMAGENET1K_V2", for example.

    Raises:
        ValueError: not of that form, or no such enum.
        KeyError: no such member.

    Example:
        >>> from rushlight.vision.models import get_weight
        >>> get_weight("AlexNet_Weights.DEFAULT")
        AlexNet_Weights.IMAGENET1K_V1
    """
    enum_name, _, member = name.partition(".")
    if not member or "." in member:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    models = sys.modules[__package__]
    places = (models, models.detection, models.segmentation)
    enum = next((vars(m)[enum_name] for m in places if enum_name in vars(m)), None)
    if not (isinstance(enum, type) and issubclass(enum, WeightsEnum)):
        raise ValueError(
            f"The weight enum '{enum_name}' for the specific method couldn't be retrieved."
        )
    return enum[member]


def get_model_weights(name: Callable | str) -> type[WeightsEnum]:
    """The enum of a model's weights.

    Args:
        name: of the model, or the function that builds it, whose argument `weights` is annotated with the enum.

    Raises:
        ValueError: unknown name, or no such annotation.
    """
    build = get_model_builder(name) if isinstance(name, str) else name
    parameter = signature(build).parameters.get("weights")
    if parameter is None:
        raise ValueError("The method is missing the 'weights' argument.")
    for candidate in (parameter.annotation, *get_args(parameter.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, WeightsEnum):
            return candidate
    raise ValueError(
        "The WeightsEnum class for the specific method couldn't be retrieved. Make sure the typing info is correct."
    )


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of the models, sorted.

    Args:
        module: only those defined in this package.
        include, exclude: patterns as in a shell; a model is listed if it fits one of the first and none of the second.

    Example:
        >>> from rushlight.vision.models import list_models
        >>> list_models(include="resnet*", exclude=["*1", "*2"])
        ['resnet18', 'resnet34', 'resnet50']
    """

    def fitting(patterns: Iterable[str] | str) -> set[str]:
        patterns = [patterns] if isinstance(patterns, str) else patterns
        return {name for pattern in patterns for name in matching(BUILTIN_MODELS, pattern)}

    names = fitting(include or "*") - fitting(exclude or ())
    if module is not None:
        names = {n for n in names if _package_of(BUILTIN_MODELS[n]) == module.__name__}
    return sorted(names)


def _package_of(build: Callable) -> str:
    return build.__module__.rpartition(".")[0]


def get_model_builder(name: str) -> Callable[..., nn.Module]:
    """The function that builds a model.

    Args:
        name: of the model, in any case.

    Raises:
        ValueError: unknown name.
    """
    build = BUILTIN_MODELS.get(name.lower())
    if build is None:
        raise ValueError(f"Unknown model {name.lower()}")
    return build


def get_model(name: str, **config: Any) -> nn.Module:
    """Build a model by its name.

    Args:
        name: of the model, in any case.
        config: arguments of the function that builds it.

    Raises:
        ValueError: unknown name.

    Example:
        >>> from rushlight.vision.models import get_model
        >>> get_model("squeezenet1_1", num_classes=10).num_classes
        10
    """
    return get_model_builder(name)(**config)
