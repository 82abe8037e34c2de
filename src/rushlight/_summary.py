"""`summary`: the layers of a model as a table with sizes, parameters and multiply-adds.

Columns, counting rules and totals are those of the torchinfo library, version 1.8, with three differences: a parameter that
several layers share is counted once, "Params size" has the parameters that a module holds beside its children too, and
"Input size" has the inputs' bytes alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil, prod
from typing import Any

from . import _C, Generator, Tensor, no_grad, rand
from .nn.modules.module import Module
from .nn.parameter import is_lazy

__all__ = ["LayerInfo", "ModelStatistics", "summary"]

TITLES = {
    "input_size": "Input Shape",
    "output_size": "Output Shape",
    "num_params": "Param #",
    "params_percent": "Param %",
    "kernel_size": "Kernel Shape",
    "mult_adds": "Mult-Adds",
    "trainable": "Trainable",
}
NEED_INPUT = ("input_size", "output_size", "mult_adds")
ROW_SETTINGS = ("depth", "var_names", "ascii_only", "hide_recursive_layers")


def summary(
    model: Module,
    input_size: Any = None,
    input_data: Any = None,
    batch_dim: int | None = None,
    cache_forward_pass: bool | None = None,
    col_names: Iterable[str] | None = None,
    col_width: int = 25,
    depth: int = 3,
    device: Any = None,
    dtypes: Sequence[Any] | None = None,
    mode: str | None = None,
    row_settings: Iterable[str] | None = None,
    verbose: int | None = None,
    **kwargs: Any,
) -> ModelStatistics:
    """Show the layers of a model: one run without gradients gives the sizes.

    Args:
        model: the module.
        input_size: the size of the input, batch included, or a list of sizes; the input is random. Without it (and without
            `input_data`) the model is not run, and only parameters are shown.
        input_data: the input itself: a tensor, a list of arguments or a dict of keyword arguments.
        batch_dim: put a dimension of 1 there into the sizes of `input_size`.
        cache_forward_pass: accepted; the model runs every time.
        col_names: columns, from "input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds"
            and "trainable". Default: output size and parameters.
        col_width: characters of a column.
        depth: levels of nesting to show. Default: 3.
        device: where the model and the input go. Default: where the model is.
        dtypes: the dtype of each random input. Default: float32.
        mode: "eval" (default) or "train"; modes and buffers are as before afterwards.
        row_settings: any of "depth" (default), "var_names", "ascii_only", "hide_recursive_layers".
        verbose: 0 prints nothing, 1 prints the table (default outside an interactive session), 2 every parameter too.
        kwargs: further keyword arguments of the model.

    Returns:
        The statistics; printing them shows the table.

    Raises:
        ValueError: an unknown column, mode or row setting, a size that is not positive, or a column that needs an input.
        RuntimeError: both kinds of input are given, or the model fails on its input.

    Example:
        >>> import rushlight as torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> stats = torch.summary(model, (1, 4), verbose=0)
        >>> stats.total_params, stats.total_mult_adds
        (58, 58)
    """
    given = input_size is not None or input_data is not None
    columns = _columns(col_names, given)
    rows = _choice(
        "row_settings", ("depth",) if row_settings is None else row_settings, ROW_SETTINGS
    )
    (mode,) = _choice("mode", ("eval" if mode is None else mode,), ("train", "eval"))
    verbose = (0 if hasattr(sys, "ps1") else 1) if verbose is None else verbose
    if verbose not in (0, 1, 2):
        raise ValueError(f"summary: verbose: got {verbose!r}, expected 0, 1 or 2")
    if col_width <= 0:
        raise ValueError(f"summary: col_width: got {col_width}, expected a positive number")
    if input_size is not None and input_data is not None:
        raise RuntimeError("summary: got input_size and input_data, expected only one of them")
    if device is not None:
        model = model.to(device)
    where = _device(model) if device is None else _C.device(device)
    inputs: Any = None
    sizes: Any = []
    if input_size is not None:
        sizes = _input_sizes(input_size)
        inputs = _random_inputs(sizes, batch_dim, dtypes, where)
    elif input_data is not None:
        inputs = input_data if isinstance(input_data, (list, tuple, dict)) else [input_data]
        inputs = inputs if device is None else _moved(inputs, where)
        sizes = [tuple(t.shape) for t in _tensors(inputs)]
    layers = _Observer(model, batch_dim).observe(inputs, kwargs, mode)
    style = _Style(columns, col_width, depth, rows, verbose)
    stats = ModelStatistics(layers, sizes, sum(_bytes(t) for t in _tensors(inputs)), style)
    if verbose:
        print(stats)
    return stats


def _columns(names: Iterable[str] | None, given: bool) -> list[str]:
    if names is None:
        return ["output_size", "num_params"] if given else ["num_params"]
    columns = _choice("col_names", names, tuple(TITLES))
    missing = [c for c in columns if c in NEED_INPUT and not given]
    if missing:
        raise ValueError(
            f"summary: col_names: the columns {', '.join(missing)} need input_size or input_data"
        )
    return columns


def _choice(what: str, names: Iterable[str], known: tuple[str, ...]) -> list[str]:
    chosen = [getattr(n, "value", n) for n in ([names] if isinstance(names, str) else names)]
    for name in chosen:
        if name not in known:
            raise ValueError(f"summary: {what}: got {name!r}, expected one of {', '.join(known)}")
    return chosen


def _device(model: Module) -> Any:
    first = next(iter(model.parameters()), None)
    return _C.device("cpu") if first is None else first.device


def _input_sizes(given: Any) -> list[tuple[int, ...]]:
    """One size or several, as a list of sizes."""
    if not isinstance(given, (list, tuple)):
        raise TypeError(
            f"summary: input_size: got {type(given).__name__}, expected a tuple such as (1, 3, 224, 224) or a list of them"
        )
    several = [*given] if given and isinstance(given[0], (list, tuple)) else [given]
    sizes = [tuple(size) for size in several]
    for size in sizes:
        if not size or not all(isinstance(n, int) and n > 0 for n in size):
            raise ValueError(f"summary: input_size: got {size}, expected positive whole numbers")
    return sizes


def _random_inputs(sizes: list, batch_dim: int | None, dtypes: Any, device: Any) -> list[Tensor]:
    # A generator of its own: looking at a model must not change the numbers that come after.
    generator = Generator().manual_seed(0)
    inputs = []
    for i, size in enumerate(sizes):
        values = rand(size, generator=generator)
        values = values if batch_dim is None else values.unsqueeze(batch_dim)
        inputs.append(values.to(device, dtypes[i] if dtypes else _C.float32))
    return inputs


def _moved(value: Any, device: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {k: _moved(v, device) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_moved(v, device) for v in value)
    return value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for v in value.values():
            yield from _tensors(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from _tensors(v)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


class LayerInfo:
    """One call of a module, or one module where the model was not run.

    `var_name`, `class_name`, `depth` and `depth_index` say which; `input_size`, `output_size` and `kernel_size` are lists (of
    the first tensor; empty or None where there is none); `num_params`, `trainable_params`, `param_bytes`, `output_bytes` and
    `macs` are numbers; `is_recursive` is True from a module's second row on.
    """

    def __init__(self, name: str, module: Module, depth: int, parent: LayerInfo | None) -> None:
        self.var_name, self.module, self.depth, self.parent = name, module, depth, parent
        self.class_name = type(module).__name__
        self.is_leaf_layer = not any(True for _ in module.children())
        self.depth_index = 0
        self.children: list[LayerInfo] = []
        self.is_recursive = False
        self.input_size: list[int] = []
        self.output_size: list[int] = []
        self.output_bytes = self.macs = 0
        kernel = getattr(module, "kernel_size", None)
        self.kernel_size = [*kernel] if isinstance(kernel, Iterable) else kernel
        self.count()

    def __repr__(self) -> str:
        return f"{self.class_name}: {self.depth}"

    def count(self) -> None:
        """Count the module's parameters; a pruned one has as many as its mask has ones."""
        self.params: list[tuple[str, int, list[int]]] = []
        self.num_params = self.trainable_params = self.param_bytes = 0
        for name, param in self.module.named_parameters():
            if is_lazy(param):
                continue
            count, size = param.numel(), [*param.shape]
            mask = None
            if name.endswith("_orig"):
                owner, _, last = name[: -len("_orig")].rpartition(".")
                mask = getattr(self.module.get_submodule(owner), f"{last}_mask", None)
            if mask is not None:
                count, name = int(mask.sum()), name[: -len("_orig")]
            self.params.append((name, count, size))
            self.num_params += count
            self.param_bytes += count * param.element_size()
            self.trainable_params += count if param.requires_grad else 0

    def ran(self, inputs: Any, outputs: Any, batch_dim: int | None) -> None:
        """Note what went in and out."""
        self.count()
        self.input_size, _ = _size(inputs, batch_dim)
        self.output_size, width = _size(outputs, batch_dim)
        self.output_bytes = width * prod(self.output_size)
        if not self.output_size:
            return
        batch, *rest = self.output_size
        for name, count, _ in self.params:
            if name in ("weight", "bias"):
                convolution = "Conv" in self.class_name
                self.macs += count * batch * (prod(rest[1:]) if convolution else 1)
            elif "weight" in name or "bias" in name:
                self.macs += count * prod(self.output_size[:2])

    def own_params(self) -> int:
        """How many of the parameters are in no row below this one."""
        below = sum(c.num_params for c in self.children if not c.is_recursive)
        return max(0, self.num_params - below)

    @property
    def trainable(self) -> str:
        """Whether all parameters are trainable: "True", "False", "Partial", or "--" if there are none."""
        if self.num_params == 0:
            return "--"
        some = "Partial" if self.trainable_params else "False"
        return "True" if self.trainable_params == self.num_params else some


def _size(value: Any, batch_dim: int | None) -> tuple[list[int], int]:
    """The size and the bytes per element of the first tensor (of a dict: of the last)."""
    if isinstance(value, Mapping) and value:
        value = [*value.values()][-1]
    tensor = next(_tensors(getattr(value, "data", value)), None)
    if tensor is None:
        return [], 0
    size = [*tensor.shape]
    if batch_dim is not None and not isinstance(value, Tensor) and batch_dim < len(size):
        size[batch_dim] = 1
    return size, tensor.element_size()


class _Observer:
    """Runs a model and writes down the calls of its modules in order."""

    def __init__(self, model: Module, batch_dim: int | None) -> None:
        self.model, self.batch_dim = model, batch_dim
        self.layers: list[LayerInfo] = []
        self.seen: set[int] = set()
        self.running: list[LayerInfo] = []

    def observe(self, inputs: Any, keywords: dict, mode: str) -> list[LayerInfo]:
        places = [*self._places()]
        if inputs is None:
            for place in places:
                self._add(*place)
        else:
            self._run(places, inputs, keywords, mode)
            self._add_containers()
        counts: dict[int, int] = {}
        for i, layer in enumerate(self.layers):
            counts[layer.depth] = counts.get(layer.depth, 0) + 1
            layer.depth_index = counts[layer.depth]
            for below in self.layers[i + 1 :]:
                if below.depth <= layer.depth:
                    break
                if below.depth == layer.depth + 1:
                    layer.children.append(below)
        return self.layers

    def _places(self) -> Iterator[tuple]:
        """Every place of a module in the model, parents first: its name, the module, its depth, its parent."""
        waiting: list[tuple] = [(type(self.model).__name__, self.model, 0, None)]
        while waiting:
            name, module, depth, parent = place = waiting.pop()
            yield place
            info = LayerInfo(name, module, depth, parent)
            children = [
                (n, m, depth + 1, info) for n, m in module._modules.items() if m is not None
            ]
            waiting += reversed(children)

    def _add(self, name: str, module: Module, depth: int, parent: LayerInfo | None) -> LayerInfo:
        layer = LayerInfo(name, module, depth, parent)
        layer.is_recursive = id(module) in self.seen
        self.seen.add(id(module))
        self.layers.append(layer)
        return layer

    def _run(self, places: list[tuple], inputs: Any, keywords: dict, mode: str) -> None:
        last = {id(place[1]): place for place in places}  # a shared module goes by its last name
        modes = [(m, m.training) for m in self.model.modules()]
        buffers = [(b, b.clone()) for b in self.model.buffers()] if mode == "train" else []
        handles = []
        try:
            for place in last.values():
                module = place[1]
                handles.append(module.register_forward_pre_hook(self._before(place)))
                handles.append(module.register_forward_hook(self._after, with_kwargs=True))
            self.model.train(mode == "train")
            with no_grad():
                if isinstance(inputs, dict):
                    self.model(**inputs, **keywords)
                else:
                    self.model(*inputs, **keywords)
        except Exception as error:
            names = ", ".join(layer.class_name for layer in self.layers if layer.output_size)
            raise RuntimeError(
                f"summary: {type(self.model).__name__} failed on inputs of sizes "
                f"{[[*t.shape] for t in _tensors(inputs)]}: {error}\nlayers that ran: {names or 'none'}"
            ) from error
        finally:
            for handle in handles:
                handle.remove()
            for module, training in modes:
                module.training = training
            with no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)

    def _before(self, place: tuple) -> Callable:
        def hook(module: Module, args: Any) -> None:
            self.running.append(self._add(*place))

        return hook

    def _after(self, module: Module, args: Any, keywords: dict, outputs: Any) -> None:
        self.running.pop().ran(args or [*keywords.values()], outputs, self.batch_dim)

    def _add_containers(self) -> None:
        """Rows for modules that were not called themselves, such as a ModuleList, before their first member."""
        shown: list[LayerInfo] = []
        path: list[Module] = []
        for layer in self.layers:
            above: list[LayerInfo] = []
            parent = layer.parent
            while parent is not None and parent.depth > 0:
                above.insert(0, parent)
                parent = parent.parent
            for container in above:
                if path[container.depth : container.depth + 1] != [container.module]:
                    container.is_recursive = id(container.module) in self.seen
                    self.seen.add(id(container.module))
                    shown.append(LayerInfo.__new__(LayerInfo))
                    shown[-1].__dict__.update(container.__dict__, children=[])
                    path[container.depth :] = [container.module]
            shown.append(layer)
            path[layer.depth :] = [layer.module]
        self.layers = shown


class _Style:
    """How a table looks."""

    def __init__(
        self, columns: list[str], width: int, depth: int, rows: list[str], verbose: int
    ) -> None:
        self.columns, self.width, self.depth, self.verbose = columns, width, depth, verbose
        self.ascii, self.names = "ascii_only" in rows, "var_names" in rows
        self.numbers, self.hide = "depth" in rows, "hide_recursive_layers" in rows
        self.first = 40

    def fit(self, layers: list[LayerInfo]) -> None:
        """Widen the first column to a multiple of five that holds every name."""
        longest = max(len(self.title(layer)) + 5 * layer.depth + 1 for layer in layers)
        if longest >= self.first:
            self.first = ceil(longest / 5) * 5

    def title(self, layer: LayerInfo) -> str:
        name = f" ({layer.var_name})" if self.names and layer.var_name else ""
        number = f": {layer.depth}-{layer.depth_index}" if self.numbers and layer.depth else ""
        return layer.class_name + name + number

    def indent(self, depth: int) -> str:
        bar, corner, tee = ("|    ", "+ ", "+ ") if self.ascii else ("│    ", "└─", "├─")
        return "" if depth == 0 else tee if depth == 1 else bar * (depth - 1) + corner

    def line(self, name: str, values: Mapping[str, str]) -> str:
        cells = [f"{values.get(c, ''):<{self.width}}" for c in self.columns]
        return " ".join([f"{name:<{self.first}}", *cells]).rstrip()

    def header(self) -> str:
        what = (
            "type" + (" (var_name)" if self.names else "") + (":depth-idx" if self.numbers else "")
        )
        return self.line(f"Layer ({what})", TITLES)

    def rows(self, layers: list[LayerInfo], total: int) -> Iterator[str]:
        for layer in layers:
            if layer.depth > self.depth or (self.hide and layer.is_recursive):
                continue
            title = self.indent(layer.depth) + self.title(layer)
            yield self.line(title, self.values(layer, layer.depth == self.depth, total))
            if self.verbose == 2:
                yield from self.parameters(layer)

    def values(self, layer: LayerInfo, last: bool, total: int) -> dict[str, str]:
        whole = last or layer.is_leaf_layer  # what is below is not shown
        count = layer.num_params if whole else layer.own_params()
        macs = layer.macs
        if layer.macs and not layer.is_leaf_layer:
            macs = sum(c.macs for c in _below(layer) if c.is_leaf_layer) if last else 0
        number, percent = f"{count:,}" if count else "--", "     --"
        if whole and count and not layer.trainable_params:
            number = f"({number})"
        if count and total:
            percent = f"{count / total:>7.2%}"
        if layer.num_params and layer.is_recursive:
            number = "(recursive)"
        if total and layer.is_recursive:
            percent = "(recursive)"
        return {
            "kernel_size": str(layer.kernel_size or "--"),
            "input_size": str(layer.input_size or "--"),
            "output_size": str(layer.output_size or "--"),
            "num_params": number,
            "params_percent": percent,
            "mult_adds": f"{macs:,}" if macs or (last and layer.macs) else "--",
            "trainable": layer.trainable,
        }

    def parameters(self, layer: LayerInfo) -> Iterator[str]:
        """A row for each parameter, sizes with the inputs first; of the model itself only its own."""
        params = [p for p in layer.params if layer.depth or "." not in p[0]]
        for i, (name, count, size) in enumerate(params):
            if name == "weight" and len(size) > 1:
                size = [size[1], size[0], *size[2:]]
            mark = "└─" if i == len(params) - 1 else "├─"
            values = {"num_params": f"{mark}{count:,}", "kernel_size": str(size)}
            yield self.line(self.indent(layer.depth + 1) + name, values)


def _below(layer: LayerInfo) -> Iterator[LayerInfo]:
    for child in layer.children:
        yield child
        yield from _below(child)


class ModelStatistics:
    """What `summary` found: rows in `summary_list`, totals as attributes; printing it shows the table.

    `total_params`, `trainable_params` and `total_mult_adds` are counts, `total_input`, `total_output_bytes` (results of layers
    with parameters, twice, for their gradients) and `total_param_bytes` are bytes.
    """

    def __init__(
        self, layers: list[LayerInfo], input_size: Any, total_input: int, style: _Style
    ) -> None:
        self.summary_list, self.input_size, self.total_input = layers, input_size, total_input
        leaves = [layer for layer in layers if layer.is_leaf_layer]
        model = layers[0]
        self.total_params, self.trainable_params = model.num_params, model.trainable_params
        self.total_param_bytes = model.param_bytes
        self.total_mult_adds = sum(layer.macs for layer in leaves)
        self.total_output_bytes = sum(
            2 * layer.output_bytes for layer in leaves if layer.num_params
        )
        self._style = style
        style.fit(layers)

    def __repr__(self) -> str:
        style = self._style
        divider = "=" * (style.first + len(style.columns) * style.width)
        lines = [divider, style.header(), divider]
        lines += [*style.rows(self.summary_list, self.total_params), divider]
        lines.append(f"Total params: {self.total_params:,}")
        lines.append(f"Trainable params: {self.trainable_params:,}")
        lines.append(f"Non-trainable params: {self.total_params - self.trainable_params:,}")
        if self.input_size:
            parts = (self.total_input, self.total_output_bytes, self.total_param_bytes)
            lines += [f"Total mult-adds {_in_units(self.total_mult_adds)}", divider]
            lines.append(f"Input size (MB): {parts[0] / 1e6:.2f}")
            lines.append(f"Forward/backward pass size (MB): {parts[1] / 1e6:.2f}")
            lines.append(f"Params size (MB): {parts[2] / 1e6:.2f}")
            lines.append(f"Estimated Total Size (MB): {sum(parts) / 1e6:.2f}")
        return "\n".join([*lines, divider])


def _in_units(number: int) -> str:
    unit, factor = next((u for u in (("T", 1e12), ("G", 1e9)) if number >= u[1]), ("M", 1e6))
    value = number / factor
    return f"({unit}): {value:,.0f}" if value.is_integer() else f"({unit}): {value:,.2f}"
