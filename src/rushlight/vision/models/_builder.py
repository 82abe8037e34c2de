"""What all functions that build a model share: their weights, the old `pretrained=`, the register."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from ... import nn
from ._api import Weights, WeightsEnum, register_model
from ._meta import _IMAGENET_CATEGORIES
from ._presets import ImageClassification

_ARGUMENTS = """

    Args:
        weights: member of `{enum}`, its name, or None for random weights. Default: None.
        progress: show a bar while the weights are fetched. Default: True.
        kwargs: arguments of the model's class.
    """


def imagenet(
    file: str,
    num_params: int,
    top1: float,
    top5: float,
    crop: int = 224,
    resize: int = 256,
    *,
    min_size: int = 1,
    categories: list[str] | None = _IMAGENET_CATEGORIES,
    license: str | None = None,
    **preset: Any,
) -> Weights:
    """Weights for ImageNet-1K, with the numbers that torchvision publishes about them.

    Args:
        file: name at download.pytorch.org/models, without ".pth".
        num_params: number of parameters.
        top1, top5: accuracy in per cent.
        crop: height and width of the image that the model sees.
        resize: length of the shorter side before that is cut out.
        min_size: smallest height and width that the model takes.
        categories: names of the classes, None where the file holds no classifier.
        license: address of the terms, where they are not torchvision's.
        preset: other arguments of `ImageClassification`.
    """
    meta: dict[str, Any] = {
        "num_params": num_params,
        "min_size": (min_size, min_size),
        "categories": categories,
        "_metrics": {"ImageNet-1K": {"acc@1": top1, "acc@5": top5}},
    }
    if license is not None:
        meta["license"] = license
    return Weights(
        url=f"https://download.pytorch.org/models/{file}.pth",
        transforms=partial(ImageClassification, crop_size=crop, resize_size=resize, **preset),
        meta=meta,
    )


def settle(arguments: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Put `values` into `arguments`, where they may stand already but must not differ.

    Raises:
        ValueError: another value was asked for.
    """
    for name, value in values.items():
        if arguments.setdefault(name, value) != value:
            raise ValueError(
                f"The parameter '{name}' expected value {value} but got {arguments[name]} instead."
            )
    return arguments


def _by_name(model: str, arguments: tuple) -> dict[str, Any]:
    """Positional arguments of times before 0.13 under the names they have now."""
    names = ("weights", "progress")[: len(arguments)]
    if len(arguments) > len(names):
        raise TypeError(
            f"{model}: too many positional arguments: got {len(arguments)}, expected at most 2 (weights, progress); "
            "give the others by name"
        )
    listed = "' and '".join(names)
    warnings.warn(
        f"Using '{listed}' as positional parameter(s) is deprecated since 0.13 and may be removed "
        "in the future. Please use keyword parameter(s) instead.",
        stacklevel=3,
    )
    return dict(zip(names, arguments))


def _modernise(name: str, enum: type[WeightsEnum], arguments: dict[str, Any]) -> None:
    """Turn `pretrained=True`, or a truth value given as `weights`, into weights, with a warning."""
    given = arguments.get("weights")
    is_new = given is None or isinstance(given, (WeightsEnum, str)) and given != "legacy"
    if is_new and ("weights" in arguments or "pretrained" not in arguments):
        return
    if given is None:
        given = arguments["pretrained"]
    weights = enum.__members__.get("IMAGENET1K_V1") if given else None
    if given and weights is None:
        raise ValueError(f"No weights available for model {name}")
    if "weights" not in arguments:
        warnings.warn(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, "
            "please use 'weights' instead.",
            stacklevel=3,
        )
    arguments.pop("pretrained", None)
    message = (
        "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and may be "
        f"removed in the future. The current behavior is equivalent to passing `weights={weights}`."
    )
    if given:
        message += f" You can also use `weights={enum.__name__}.DEFAULT` to get the most up-to-date weights."
    warnings.warn(message, stacklevel=3)
    arguments["weights"] = weights


def registered(enum: type[WeightsEnum]) -> Callable[[Callable], Callable]:
    """Decorate `build(*, weights, progress, **kwargs)`: register it, and take old spellings of `weights`."""

    def decorate(build: Callable) -> Callable:
        @wraps(build)
        def construct(*args: Any, **kwargs: Any) -> nn.Module:
            if args:
                kwargs.update(_by_name(build.__name__, args))
            _modernise(build.__name__, enum, kwargs)
            weights = enum.verify(kwargs.pop("weights", None))
            return build(weights=weights, progress=kwargs.pop("progress", True), **kwargs)

        keyword = inspect.Parameter.KEYWORD_ONLY
        construct.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter("weights", keyword, default=None, annotation=enum | None),
                inspect.Parameter("progress", keyword, default=True, annotation=bool),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD, annotation=Any),
            ]
        )
        construct.__doc__ = (build.__doc__ or "") + _ARGUMENTS.format(enum=enum.__name__)
        return register_model()(construct)

    return decorate


def builder(
    enum: type[WeightsEnum], adapt: Callable[[dict[str, Any], Weights], Any] | None = None
) -> Callable[[Callable], Callable]:
    """Decorate `build(**kwargs)`, which makes a model with random weights, so that it loads published ones too.

    Args:
        enum: the model's weights.
        adapt: called with kwargs and the chosen weights before a model is built for them.
    """

    def decorate(build: Callable) -> Callable:
        @registered(enum)
        @wraps(build)
        def construct(*, weights: WeightsEnum | None, progress: bool, **kwargs: Any) -> nn.Module:
            if weights is None:
                return build(**kwargs)
            if weights.meta["categories"] is not None:
                settle(kwargs, num_classes=len(weights.meta["categories"]))
            if adapt is not None:
                adapt(kwargs, weights.value)
            model = build(**kwargs)
            load(model, weights, progress)
            return model

        return construct

    return decorate


def load(model: nn.Module, weights: WeightsEnum, progress: bool) -> None:
    """Fill `model` with published weights; a file that is fetched must have the hash in its name."""
    model.load_state_dict(weights.get_state_dict(progress=progress, check_hash=True))
