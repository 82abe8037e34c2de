"""The modules and operators of a model as the graph that TensorBoard draws.

The model runs once in evaluation mode. The history that autograd records of it gives the operators and what flows
between them; hooks on the modules tell which operator belongs where; a walk backwards gives the sizes. What autograd
does not see (a module that computes with integers or without gradients) is drawn as one node.
"""

from __future__ import annotations

import inspect
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

from tensorboardX.proto.attr_value_pb2 import AttrValue
from tensorboardX.proto.graph_pb2 import GraphDef
from tensorboardX.proto.node_def_pb2 import NodeDef
from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboardX.proto.versions_pb2 import VersionDef

from ... import Tensor, enable_grad, ones
from ...autograd import grad
from ...nn.modules.module import Module

__all__ = ["graph"]


class Call(NamedTuple):
    """One call of a module: the operators with sequence numbers in start..end belong to it."""

    scope: str
    start: int
    end: int
    inputs: list[Tensor]
    outputs: list[Tensor]


def graph(model: Any, args: Any) -> GraphDef:
    """Run `model` on `args` and return what it did as a graph.

    Args:
        model: a module.
        args: a tensor, a tuple or list of the arguments, or a dict of keyword arguments.

    Raises:
        TypeError: the model is not a module, or there is no input.
    """
    if not isinstance(model, Module):
        raise TypeError(
            f"SummaryWriter.add_graph: model: got {type(model).__name__}, expected an nn.Module"
        )
    if args is None:
        raise TypeError(
            "SummaryWriter.add_graph: input_to_model: got None, expected a tensor or a tuple of the arguments that the "
            "model takes; it is run once on them"
        )
    trace = Trace(model)
    trace.run(args)
    return GraphDef(node=trace.nodes(), versions=VersionDef(producer=22))


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested containers, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from tensors(v)


def copied(value: Any) -> Any:
    """Nested containers with leaves of their own that record gradients where they can."""
    if isinstance(value, Tensor):
        leaf = value.detach().clone()
        return leaf.requires_grad_(leaf.is_floating_point() or leaf.is_complex())
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(copied, value))
    if isinstance(value, (list, tuple)):
        return type(value)(copied(v) for v in value)
    return value


class Trace:
    """One run of a model: its calls, its results and the names of what went in."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.root = type(model).__name__
        self.scopes = {"": self.root}
        for path, module in model.named_modules():
            if path:
                parent, _, name = path.rpartition(".")
                self.scopes[path] = f"{self.scopes[parent]}/{type(module).__name__}[{name}]"
        self.calls: list[Call] = []
        self.open: list[int] = []
        self.inputs: list[tuple[str, Tensor]] = []
        self.outputs: list[Tensor] = []

    def run(self, args: Any) -> None:
        """Call the model; its modes, its parameters' flags and hooks are as before afterwards."""
        keywords: dict = {}
        if isinstance(args, dict):
            args, keywords = (), copied(args)
        args = copied(tuple(args) if isinstance(args, (tuple, list)) else (args,))
        self._name_inputs(args, keywords)
        modes = [(m, m.training) for m in self.model.modules()]
        frozen = [
            p for p in self.model.parameters() if p.is_floating_point() and not p.requires_grad
        ]
        handles = []
        try:
            for parameter in frozen:
                parameter.requires_grad_(True)
            for path, module in self.model.named_modules():
                module.training = False
                handles.append(module.register_forward_pre_hook(self._entering))
                handles.append(module.register_forward_hook(self._leaving(self.scopes[path])))
            with enable_grad():
                result = self.model(*args, **keywords)
        finally:
            for handle in handles:
                handle.remove()
            for module, training in modes:
                module.training = training
            for parameter in frozen:
                parameter.requires_grad_(False)
        self.outputs = list(tensors(result))

    def _name_inputs(self, args: tuple, keywords: dict) -> None:
        signature = inspect.signature(self.model.forward)
        try:
            named = signature.bind(*args, **keywords).arguments
        except TypeError:  # the call itself will say what is wrong with the arguments
            named = {f"input.{i + 1}": a for i, a in enumerate(args)}
        for name, value in named.items():
            found = list(tensors(value))
            for i, tensor in enumerate(found):
                self.inputs.append((name if len(found) == 1 else f"{name}.{i + 1}", tensor))

    def _entering(self, module: Module, args: Any) -> None:
        self.open.append(clock())

    def _leaving(self, scope: str) -> Any:
        def hook(module: Module, args: Any, result: Any) -> None:
            start = self.open.pop()
            call = Call(scope, start, clock(), list(tensors(args)), list(tensors(result)))
            self.calls.append(call)

        return hook

    def nodes(self) -> list[NodeDef]:
        """The graph, inputs first."""
        return Drawing(self).nodes


def clock() -> int:
    """The sequence number that autograd is at."""
    return ones([], requires_grad=True).neg().grad_fn._sequence_nr()


def history(outputs: list[Tensor]) -> list[Any]:
    """The nodes that the outputs depend on, oldest first; accumulators of leaves are not among them."""
    found: dict[Any, None] = {}
    waiting = [t.grad_fn for t in outputs if t.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if node in found or getattr(node, "variable", None) is not None:
            continue
        found[node] = None
        waiting += [n for n, _ in node.next_functions if n is not None]
    return sorted(found, key=lambda n: n._sequence_nr())


def sizes(operators: list[Any], trace: Trace) -> dict[Any, list[int]]:
    """The size of each operator's first result, as far as a walk backwards meets it."""
    found: dict[Any, list[int]] = {}
    handles = []
    for node in operators:

        def note(gradients: Any, node: Any = node) -> None:
            found[node] = next((list(g.shape) for g in gradients if g is not None), None)

        handles.append(node.register_prehook(note))
    ends = [t for t in trace.outputs if t.grad_fn is not None]
    starts = [t for _, t in trace.inputs if t.requires_grad]
    starts = starts or [p for p in trace.model.parameters() if p.requires_grad]
    try:
        if ends and starts:
            grad(ends, starts, [ones(t.shape, dtype=t.dtype) for t in ends], allow_unused=True)
    except RuntimeError:
        # A function of the user's without a gradient: what was met until there has sizes, the rest has none.
        return found
    finally:
        for handle in handles:
            handle.remove()
    return found


class Drawing:
    """The nodes of the picture and what each part of a trace is called in it."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.nodes: list[NodeDef] = []
        self.taken: dict[str, int] = {}
        self.by_tensor: dict[int, str] = {}
        self.by_operator: dict[Any, str] = {}
        self.computed: set[str] = set()  # names of nodes that are not inputs or parameters
        self.parameters = {
            id(p): name for name, p in trace.model.named_parameters(remove_duplicate=False)
        }
        for name, tensor in trace.inputs:
            self.by_tensor[id(tensor)] = self._node(f"input/{name}", "IO Node", [], tensor.shape)
        operators = history(trace.outputs)
        shapes = sizes(operators, trace)
        steps = [(o._sequence_nr(), o, None) for o in operators]
        steps += [(c.end, None, c) for c in unseen(trace.calls, [n for n, *_ in steps])]
        for _, operator, call in sorted(steps, key=lambda s: s[0]):
            if call is None:
                self._operator(operator, shapes.get(operator))
            else:
                self._call(call)
        for i, tensor in enumerate(trace.outputs):
            source = self._source(tensor)
            self._node(f"output/output.{i + 1}", "IO Node", source, tensor.shape)

    def _node(self, name: str, op: str, inputs: list[str], shape: Any = None) -> str:
        count = self.taken[name] = self.taken.get(name, -1) + 1
        name = f"{name}_{count}" if count else name
        attributes = {"attr": AttrValue(s=b"")}
        if shape is not None:
            size = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in shape])
            attributes["_output_shapes"] = AttrValue(list=AttrValue.ListValue(shape=[size]))
        self.nodes.append(NodeDef(name=name, op=op, input=inputs, attr=attributes))
        return name

    def _source(self, tensor: Tensor) -> list[str]:
        name = self.by_operator.get(tensor.grad_fn) or self.by_tensor.get(id(tensor))
        return [] if name is None else [name]

    def _scope(self, number: int) -> Call | None:
        inside = [c for c in self.trace.calls if c.start < number < c.end]
        return max(inside, key=lambda c: c.start, default=None)

    def _call(self, call: Call) -> None:
        inputs = [name for t in call.inputs for name in self._source(t)]
        shape = call.outputs[0].shape if call.outputs else None
        kind = call.scope.rpartition("/")[2].partition("[")[0]
        name = self._node(f"{call.scope}/forward", kind, inputs, shape)
        self.computed.add(name)
        for tensor in call.outputs:
            # What is handed on as it came, as by Dropout here, goes through this node from now on.
            if tensor.grad_fn in self.by_operator:
                self.by_operator[tensor.grad_fn] = name
            else:
                self.by_tensor[id(tensor)] = name

    def _operator(self, operator: Any, shape: list[int] | None) -> None:
        call = self._scope(operator._sequence_nr())
        scope = call.scope if call is not None else self.trace.root
        word = word_of(operator.name())
        inputs = []
        for source, _ in operator.next_functions:
            if source is None:
                continue
            leaf = getattr(source, "variable", None)
            name = self.by_operator.get(source) if leaf is None else self._leaf(leaf)
            if name is not None and name not in inputs:
                inputs.append(name)
        if call is not None and not self.computed.intersection(inputs):
            # The first operator on what has no gradient, such as the indices of an embedding.
            loose = [n for t in call.inputs if not t.requires_grad for n in self._source(t)]
            inputs = [n for n in loose if n not in inputs] + inputs
        name = self._node(f"{scope}/{word}", f"aten::{word}", inputs, shape)
        self.by_operator[operator] = name
        self.computed.add(name)

    def _leaf(self, leaf: Tensor) -> str | None:
        """The node of an input, a parameter (made when first met) or a tensor of the model's own."""
        if id(leaf) in self.by_tensor:
            return self.by_tensor[id(leaf)]
        path = self.parameters.get(id(leaf))
        if path is None:
            return None
        owner, _, name = path.rpartition(".")
        node = self._node(f"{self.trace.scopes[owner]}/{name}", "Parameter", [], leaf.shape)
        self.by_tensor[id(leaf)] = node
        return node


def word_of(node: str) -> str:
    """`MaxPool2DWithIndicesBackward0` -> `max_pool2d_with_indices`."""
    word = re.sub(r"Backward\d*$", "", node.rpartition("::")[2]) or "operator"
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\dD)(?=[A-Z])", "_", word).lower()


def unseen(calls: list[Call], numbers: list[int]) -> list[Call]:
    """The innermost calls in which no operator is known; `numbers` are the operators', in order."""
    found = []
    for call in calls:
        seen = bisect_right(numbers, call.start) < bisect_left(numbers, call.end)
        if not seen and not any(call.start < c.start and c.end < call.end for c in calls):
            found.append(call)
    return found
