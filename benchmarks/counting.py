"""What the operators of one training step compute and move, seen from the calls that a model makes.

A TorchFunctionMode of PyTorch sees every call of the forward pass; what the backward pass does follows from it.
Multiplications and additions of products, convolutions, attention and recurrent layers count as arithmetic; all
other operators are priced by their bytes. `benchmarks/roofline.py --count` prints the result.
"""

from __future__ import annotations

import math
import os
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

# Workloads without operators: bytes that one step copies.
COPIES = {"dataloader": 20000 * (64 * 4 + 8), "checkpoint": 2 * 50 * 512 * 1024 * 4}

# Passes over a parameter in an optimizer's step: values read and written.
OPTIMIZER_READS = {"SGD": 2, "Adam": 4, "AdamW": 4}
OPTIMIZER_WRITES = {"SGD": 1, "Adam": 3, "AdamW": 3}


def size(tensors: Any) -> int:
    """Bytes of the tensors in a nest of arguments."""
    return sum(
        t.numel() * t.element_size() for t in tree_leaves(tensors) if isinstance(t, torch.Tensor)
    )


def is_view(out: Any, inputs: list[torch.Tensor]) -> bool:
    """Does the result only look at memory that an input owns?"""
    results = [t for t in tree_leaves(out) if isinstance(t, torch.Tensor)]
    held = {t.untyped_storage().data_ptr() for t in inputs}
    return all(t.untyped_storage().data_ptr() in held for t in results)


def product_flop(name: str, args: tuple, kwargs: dict, out: torch.Tensor) -> tuple[float, float]:
    """Arithmetic of the forward pass, and of the backward pass if all its gradients are wanted."""
    if name in ("conv1d", "conv2d", "conv3d"):
        weight = args[1]
        forward = 2.0 * out.numel() * math.prod(weight.shape[1:])
    elif name in ("linear", "matmul", "mm", "bmm"):
        forward = 2.0 * out.numel() * args[0].shape[-1]
    elif name == "scaled_dot_product_attention":
        query, key = args[0], args[1]
        forward = 4.0 * query.numel() * key.shape[-2] * (0.5 if kwargs.get("is_causal") else 1.0)
    else:
        return 0.0, 0.0
    return forward, 2.0 * forward


class Counter(TorchFunctionMode):
    """Appends {"name", "flop", "read", "write"} for each operator that runs inside."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[dict] = []

    def add(self, name: str, flop: float, read: float, write: float) -> None:
        self.operators.append({"name": name, "flop": flop, "read": read, "write": write})

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = function(*args, **kwargs)
        name = getattr(function, "__name__", "")
        if name in ("backward", "__get__", "item") or name.startswith(("requires_grad", "set_")):
            return out
        if not any(isinstance(t, torch.Tensor) for t in tree_leaves(out)):
            return out
        inputs = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        if name == "lstm":
            self.lstm(args, out[0])
        elif inputs and not is_view(out, inputs):
            self.operator(name, args, kwargs, inputs, out)
        return out

    def operator(self, name, args, kwargs, inputs, out) -> None:
        forward, backward = product_flop(name, args, kwargs, out)
        table = size(inputs[1]) if name == "embedding" else 0
        self.add(name, forward, size(inputs) - table + (size(out) if table else 0), size(out))
        wanted = [t for t in inputs if t.requires_grad]
        if not any(t.requires_grad for t in tree_leaves(out) if isinstance(t, torch.Tensor)):
            return
        if backward:
            # One product for each gradient: from the result's gradient and the other operands.
            operands = [t for t in inputs if t.dim() > 1]
            for t in operands:
                if t.requires_grad:
                    others = [u for u in operands if u is not t]
                    self.add(
                        f"{name} backward",
                        backward / len(operands),
                        size(out) + size(others),
                        size(t),
                    )
        elif name == "add":
            pass  # the gradient is handed on
        else:
            saved = [out] if name in ("relu", "sigmoid", "exp", "softmax") else inputs
            self.add(f"{name} backward", 0.0, size(out) + size(saved) - table, size(wanted))

    def lstm(self, args, out) -> None:
        x, weights = args[0], [w for w in args[2] if w.dim() == 2]
        tokens = x.shape[0] * x.shape[1]
        forward = 2.0 * tokens * sum(w.numel() for w in weights)
        layers = len(weights) // 2
        gates = 4 * size(out) * layers
        self.add("lstm", forward, size(x) + size(weights), size(out) * layers + gates)
        self.add(
            "lstm backward",
            2.0 * forward,
            size(out) * layers + gates + size(weights),
            size(x) + size(weights),
        )


def optimizer_step(optimizer: torch.optim.Optimizer) -> dict:
    parameters = sum(size(group["params"]) for group in optimizer.param_groups)
    kind = type(optimizer).__name__
    momentum = 1 if kind == "SGD" and optimizer.defaults["momentum"] else 0
    return {
        "name": f"{kind} step",
        "flop": 0.0,
        "read": float(parameters * (OPTIMIZER_READS[kind] + momentum)),
        "write": float(parameters * (OPTIMIZER_WRITES[kind] + momentum)),
    }


def count(workload: str) -> list[dict]:
    """Runs one step of a workload of `workloads.py` on PyTorch and lists its operators."""
    if workload in COPIES:
        copied = float(COPIES[workload])
        return [{"name": "copy", "flop": 0.0, "read": copied, "write": copied}]
    os.environ["WORKLOADS_LIBRARY"] = "torch"
    import workloads

    counter, optimizers = Counter(), []

    def one_step(step, warmup, steps):
        with counter:
            step()
        return {}

    build = workloads.training

    def training(model, optimizer, *rest):
        optimizers.append(optimizer)
        optimizer.step = lambda: None  # counted by optimizer_step
        return build(model, optimizer, *rest)

    workloads.time_steps, workloads.training = one_step, training
    workloads.WORKLOADS[workload]()
    return counter.operators + [optimizer_step(o) for o in optimizers]
