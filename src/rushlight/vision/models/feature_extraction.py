"""Results of a model's inner layers.

torchvision traces the model symbolically. Here the model runs, with its layers and the functions called between them
watched: what a program asks for by a layer's name is what that layer gave, and nothing after the last of the results
asked for is computed. The list of names comes from one run on tensors without values (the meta device).
"""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from ... import Tensor, empty, nn, no_grad
from ...func import functional_call
from ...nn import modules as _layers
from ...overrides import TorchFunctionMode
from .. import ops

__all__ = ["create_feature_extractor", "get_graph_node_names"]

# Shapes tried on models whose input nobody has shown: images, small grey images, videos.
_SHAPES = ((1, 3, 224, 224), (1, 3, 299, 299), (1, 1, 28, 28), (1, 3, 16, 112, 112))
_LEAVES = _layers.__name__.rpartition(".")[0]  # the package of layers that are not looked into


class _Done(Exception):
    """The last result asked for is there."""


def _is_leaf(module: nn.Module, leaves: tuple[type, ...]) -> bool:
    own = type(module).__module__.startswith(_LEAVES)
    return (own and not isinstance(module, nn.Sequential)) or isinstance(module, leaves)


class _Watch(TorchFunctionMode):
    """Tells `found(name, result)` of each layer's and function's result while a model runs.

    A layer's name is its path; a function's that of the layer that calls it and its own, `layer1.0.add`. What comes
    again gets a number: `relu_1`. Nothing is told of what happens inside leaves.
    """

    def __init__(
        self, model: nn.Module, leaves: tuple[type, ...], found: Callable[[str, Any], None]
    ) -> None:
        super().__init__()
        self.model, self.leaves, self.found = model, leaves, found
        self.paths = {id(module): path for path, module in reversed([*model.named_modules()])}
        self.stack: list[tuple[str, bool]] = []
        self.counts: dict[str, int] = {}
        self.handles: list[Any] = []

    def _tell(self, name: str, result: Any) -> None:
        number = self.counts.get(name, 0)
        self.counts[name] = number + 1
        self.found(f"{name}_{number}" if number else name, result)

    def _enter(self, module: nn.Module, args: Any) -> None:
        inside = bool(self.stack) and self.stack[-1][1]
        self.stack.append((self.paths[id(module)], inside or _is_leaf(module, self.leaves)))

    def _leave(self, module: nn.Module, args: Any, result: Any) -> None:
        path, quiet = self.stack.pop()
        if quiet and not (self.stack and self.stack[-1][1]):
            self._tell(path, result)

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.stack and not self.stack[-1][1] and isinstance(result, Tensor):
            path = self.stack[-1][0]
            name = getattr(func, "__name__", "call").strip("_")
            self._tell(f"{path}.{name}" if path else name, result)
        return result

    def __enter__(self) -> _Watch:
        for module in self.model.modules():
            self.handles.append(module.register_forward_pre_hook(self._enter))
            self.handles.append(module.register_forward_hook(self._leave))
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for handle in self.handles:
            handle.remove()
        super().__exit__(*error)


def _run_without_values(model: nn.Module, inputs: tuple, watch: _Watch) -> None:
    like = {
        name: empty(value.shape, dtype=value.dtype, device="meta")
        for name, value in [*model.named_parameters(), *model.named_buffers()]
    }
    with no_grad(), watch:
        functional_call(model, like, inputs)


def _names(model: nn.Module, leaves: tuple[type, ...], examples: Sequence[tuple]) -> list[str]:
    """The names of layers and functions in the order of their results."""
    names: list[str] = []
    failure: Exception | None = None
    for inputs in examples:
        names = ["x"]
        watch = _Watch(model, leaves, lambda name, result: names.append(name))  # noqa: B023
        try:
            _run_without_values(model, inputs, watch)
            return names
        except Exception as error:
            failure = failure or error
    raise RuntimeError(
        f"{type(model).__name__} could not be run on tensors without values to find the names of its layers: "
        f"{failure}\nSay what it takes: tracer_kwargs={{'example_inputs': (x,)}}."
    ) from failure


def _options(tracer_kwargs: dict[str, Any] | None) -> tuple[tuple[type, ...], list[tuple]]:
    """The leaf classes, and the inputs to try."""
    given = tracer_kwargs or {}
    if "example_inputs" in given:
        inputs = given["example_inputs"]
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        examples = [tuple(v.to("meta") if isinstance(v, Tensor) else v for v in inputs)]
    else:
        examples = [(empty(shape, device="meta"),) for shape in _SHAPES]
    default = [
        kind
        for kind in vars(ops).values()
        if isinstance(kind, type) and issubclass(kind, nn.Module)
    ]
    return tuple(given.get("leaf_modules", default)), examples


def _both_modes(model: nn.Module, tracer_kwargs: dict[str, Any] | None) -> dict[str, list[str]]:
    leaves, examples = _options(tracer_kwargs)
    modes = [(module, module.training) for module in model.modules()]
    found = {}
    try:
        for mode in ("train", "eval"):
            model.train(mode == "train")
            found[mode] = _names(model, leaves, examples)
    finally:
        for module, training in modes:
            module.training = training
    return found


def get_graph_node_names(
    model: nn.Module,
    tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: dict[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """The names that `create_feature_extractor` knows: of layers, and of the functions between them.

    Args:
        model: the model.
        tracer_kwargs: "leaf_modules": classes not to look into, beside those of `nn`, default those of
            `vision.ops`; "example_inputs": a tuple of what the model takes,
            where that is not a batch of images or videos.
        suppress_diff_warning: do not warn where the two lists differ.
        concrete_args: not needed here, and not used: the model's own code decides.

    Returns:
        The names in training and in evaluation mode, in the order of results; the first, "x", is the input.

    Raises:
        RuntimeError: the model could not be run on such an input.

    Example:
        >>> from rushlight.vision.models import resnet18
        >>> from rushlight.vision.models.feature_extraction import get_graph_node_names
        >>> train, evaluation = get_graph_node_names(resnet18())
        >>> evaluation[:5], evaluation[-2:]
        (['x', 'conv1', 'bn1', 'relu', 'maxpool'], ['flatten', 'fc'])
    """
    found = _both_modes(model, tracer_kwargs)
    if found["train"] != found["eval"] and not suppress_diff_warning:
        warnings.warn(
            "The nodes obtained by tracing the model in eval mode differ from those obtained in train mode. "
            "When choosing nodes for feature extraction, you may need to specify output nodes for train and eval "
            "mode separately."
        )
    return found["train"], found["eval"]


def _wanted(names: list[str], nodes: dict[str, str]) -> dict[str, str]:
    """Name of a result -> name to return it by: of a layer that has parts, the last of its results."""
    wanted = {}
    for query, returned in nodes.items():
        matches = [name for name in names if name == query or name.startswith(f"{query}.")]
        if not matches:
            raise ValueError(
                f"node: '{query}' is not present in model. Hint: use `get_graph_node_names` to make sure the "
                "`return_nodes` you specified are present. It may even be that you need to specify "
                "`train_return_nodes` and `eval_return_nodes` separately."
            )
        wanted[query if query in matches else matches[-1]] = returned
    return wanted


def _pruned(module: nn.Module, prefix: str, used: set[str], leaves: tuple[type, ...]) -> nn.Module:
    """`module` without the layers that do not take part; the others' parameters are shared."""
    if _is_leaf(module, leaves):
        return module
    part = copy.copy(module)
    part._modules = {}
    for name, child in module._modules.items():
        path = f"{prefix}{name}"
        if child is not None and path not in used:
            part.__dict__[name] = _LEFT_OUT  # forward may name it before it computes what goes in
        else:
            part._modules[name] = child and _pruned(child, f"{path}.", used, leaves)
    return part


class _LeftOut:
    """In the place of a layer after the last result wanted."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "a layer was left out that the model now uses: it did not take part when its layers were listed"
        )


_LEFT_OUT = _LeftOut()


class _FeatureExtractor(nn.Module):
    """Runs a model up to the last of the wanted results."""

    def __init__(
        self, model: nn.Module, wanted: dict[str, dict[str, str]], leaves: tuple[type, ...]
    ) -> None:
        super().__init__()
        self.__dict__.update(
            (name, value)
            for name, value in model.__dict__.items()
            if name not in self.__dict__ and value is not _LEFT_OUT
        )
        self.training = model.training
        self._parameters, self._buffers = model._parameters, model._buffers
        self._modules = model._modules
        self._non_persistent_buffers_set = model._non_persistent_buffers_set
        self.__dict__["_model"] = model
        self.__dict__["_wanted_results"] = wanted
        self.__dict__["_leaves"] = leaves

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        wanted = self._wanted_results["train" if self.training else "eval"]
        results: dict[str, Any] = {}
        if "x" in wanted and args:
            results["x"] = args[0]

        def found(name: str, result: Any) -> None:
            if name in wanted:
                results[name] = result
                if len(results) == len(wanted):
                    raise _Done

        watch = _Watch(self._model, self._leaves, found)
        try:
            if len(results) < len(wanted):
                with watch:
                    self._model(*args, **kwargs)
        except _Done:
            pass
        return OrderedDict((returned, results[name]) for name, returned in wanted.items())


def create_feature_extractor(
    model: nn.Module,
    return_nodes: list[str] | dict[str, str] | None = None,
    train_return_nodes: list[str] | dict[str, str] | None = None,
    eval_return_nodes: list[str] | dict[str, str] | None = None,
    tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: dict[str, Any] | None = None,
) -> nn.Module:
    """A model that returns results of inner layers of `model`, as a dict, and computes nothing after them.

    Args:
        model: the model; its parameters are shared, and those of layers after the last one wanted are left out.
        return_nodes: names of results, see `get_graph_node_names`, or name -> name to return it by. The name of a
            layer that has parts, such as "layer4", means its result.
        train_return_nodes, eval_return_nodes: the same for each mode, in place of `return_nodes`.
        tracer_kwargs, suppress_diff_warning, concrete_args: as of `get_graph_node_names`.

    Raises:
        ValueError: for names that do not exist, none at all, or both kinds of arguments.
        RuntimeError: the model could not be run to find its names.

    Example:
        >>> from rushlight.vision.models import resnet18
        >>> from rushlight.vision.models.feature_extraction import create_feature_extractor
        >>> extractor = create_feature_extractor(resnet18(), {"layer2": "middle", "avgpool": "top"})
        >>> {name: tuple(y.shape) for name, y in extractor(torch.zeros(1, 3, 64, 64)).items()}
        {'middle': (1, 128, 8, 8), 'top': (1, 512, 1, 1)}
        >>> any(name.startswith("fc") for name in extractor.state_dict())
        False
    """
    if all(nodes is None for nodes in (return_nodes, train_return_nodes, eval_return_nodes)):
        raise ValueError(
            "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, should be specified"
        )
    if (train_return_nodes is None) != (eval_return_nodes is None):
        raise ValueError(
            "If any of `train_return_nodes` and `eval_return_nodes` are specified, then both should be specified"
        )
    if (return_nodes is None) == (train_return_nodes is None):
        raise ValueError(
            "If `train_return_nodes` and `eval_return_nodes` are specified, then both should be specified"
        )
    names = _both_modes(model, tracer_kwargs)
    chosen = {
        "train": return_nodes if train_return_nodes is None else train_return_nodes,
        "eval": return_nodes if eval_return_nodes is None else eval_return_nodes,
    }
    wanted, used = {}, set()
    for mode, nodes in chosen.items():
        table = nodes if isinstance(nodes, dict) else {name: name for name in nodes or ()}
        wanted[mode] = _wanted(names[mode], {str(a): str(b) for a, b in table.items()})
        last = max(names[mode].index(name) for name in wanted[mode])
        for name in names[mode][: last + 1]:
            parts = name.split(".")
            used |= {".".join(parts[: n + 1]) for n in range(len(parts))}
    leaves = _options(tracer_kwargs)[0]
    return _FeatureExtractor(_pruned(model, "", used, leaves), wanted, leaves)
