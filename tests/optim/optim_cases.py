"""Optimizer and schedule cases, run by Rushlight in the tests and by PyTorch when recording."""

from __future__ import annotations

import math
from typing import Any

STEPS = 20

# Name -> (class name, options). Every optimizer, every option that changes numbers.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {}


def _add(cls: str, *variants: dict[str, Any]) -> None:
    for options in variants:
        label = ",".join(f"{k}={v}" for k, v in options.items())
        OPTIMIZERS[f"{cls}({label})"] = (cls, options)


_add(
    "SGD",
    dict(lr=0.05),
    dict(lr=0.05, momentum=0.9),
    dict(lr=0.05, momentum=0.9, dampening=0.5, weight_decay=0.1),
    dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    dict(lr=0.001, momentum=0.9, maximize=True),
)
_ADAM = (
    dict(lr=0.05),
    dict(lr=0.05, amsgrad=True, weight_decay=0.1),
    dict(lr=0.05, betas=(0.4, 0.9), eps=1e-3),
    dict(lr=0.01, maximize=True),
)
_add("Adam", *_ADAM, dict(lr=0.05, weight_decay=0.2, decoupled_weight_decay=True))
_add("AdamW", *_ADAM)
_add(
    "RMSprop",
    dict(lr=0.02),
    dict(lr=0.02, momentum=0.8, weight_decay=0.1),
    dict(lr=0.02, centered=True, alpha=0.9),
    dict(lr=0.02, centered=True, momentum=0.5, maximize=True),
)
_add(
    "Adagrad",
    dict(lr=0.1),
    dict(lr=0.1, lr_decay=0.2, weight_decay=0.1, initial_accumulator_value=0.1),
    dict(lr=0.1, maximize=True),
)
_add("Adadelta", {}, dict(lr=0.5, rho=0.8, weight_decay=0.1), dict(maximize=True))
_add("Adamax", {}, dict(lr=0.05, weight_decay=0.1), dict(betas=(0.3, 0.9), maximize=True))
_add(
    "NAdam",
    {},
    dict(lr=0.05, weight_decay=0.1, momentum_decay=6e-3),
    dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True),
)
_add(
    "RAdam",
    dict(lr=0.05),
    dict(lr=0.05, weight_decay=0.1, betas=(0.8, 0.9)),
    dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, eps=1e-4),
)
_add("Rprop", {}, dict(lr=0.02, etas=(0.6, 1.3), step_sizes=(1e-3, 0.2)), dict(maximize=True))
_add("ASGD", dict(lr=0.05), dict(lr=0.05, t0=5, lambd=0.1, weight_decay=0.1, alpha=0.5))
_add("Adafactor", dict(lr=0.05), dict(lr=0.1, weight_decay=0.1, eps=(1e-8, 1e-2), d=1.5))
_add("LBFGS", dict(lr=0.5), dict(line_search_fn="strong_wolfe", history_size=3, max_iter=4))


def parameters(torch: Any, dtype: Any) -> list[Any]:
    """A matrix (3, 4) and a vector (3,) with fixed values."""
    matrix = [[math.sin(1.0 + 4 * i + j) for j in range(4)] for i in range(3)]
    vector = [math.cos(2.0 + i) for i in range(3)]
    return [torch.tensor(v, dtype=dtype, requires_grad=True) for v in (matrix, vector)]


def loss_of(torch: Any, weights: list[Any]) -> Any:
    """A smooth loss with its minimum off the axes."""
    matrix, vector = weights
    x = torch.tensor([0.5, -1.0, 2.0, 0.25], dtype=matrix.dtype)
    residual = matrix @ x + vector - 1
    return (residual * residual).sum() + 0.1 * (vector**4).sum() + 0.05 * (matrix**2).sum()


def trajectory(torch: Any, name: str, dtype: Any) -> tuple[list[Any], Any]:
    """The weights after all steps, and the optimizer."""
    cls, options = OPTIMIZERS[name]
    weights = parameters(torch, dtype)
    optimizer = getattr(torch.optim, cls)(weights, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(torch, weights)
        loss.backward()
        return loss

    for _ in range(3 if cls == "LBFGS" else STEPS):
        optimizer.step(closure)
    return weights, optimizer


# Name -> (class, options, optimizer class). Options are called with torch where that is needed.
SCHEDULES: dict[str, tuple[str, dict[str, Any], str]] = {
    "StepLR": ("StepLR", dict(step_size=3, gamma=0.5), "SGD"),
    "MultiStepLR": ("MultiStepLR", dict(milestones=[2, 5, 5, 9]), "SGD"),
    "ConstantLR": ("ConstantLR", dict(factor=0.25, total_iters=4), "SGD"),
    "LinearLR": ("LinearLR", dict(start_factor=0.5, end_factor=0.9, total_iters=6), "SGD"),
    "ExponentialLR": ("ExponentialLR", dict(gamma=0.9), "SGD"),
    "PolynomialLR": ("PolynomialLR", dict(total_iters=8, power=2.0), "SGD"),
    "CosineAnnealingLR": ("CosineAnnealingLR", dict(T_max=5, eta_min=0.01), "SGD"),
    "CosineAnnealingWarmRestarts": ("CosineAnnealingWarmRestarts", dict(T_0=2, T_mult=2), "SGD"),
    "LambdaLR": ("LambdaLR", dict(lr_lambda=lambda epoch: 1 / (1 + epoch)), "SGD"),
    "MultiplicativeLR": ("MultiplicativeLR", dict(lr_lambda=lambda epoch: 0.8), "SGD"),
    "OneCycleLR": ("OneCycleLR", dict(max_lr=1.0, total_steps=14), "SGD"),
    "OneCycleLR three phases, linear, Adam": (
        "OneCycleLR",
        dict(max_lr=1.0, epochs=2, steps_per_epoch=7, three_phase=True, anneal_strategy="linear"),
        "Adam",
    ),
    "CyclicLR": ("CyclicLR", dict(base_lr=0.1, max_lr=1.0, step_size_up=3), "SGD"),
    "CyclicLR triangular2": (
        "CyclicLR",
        dict(base_lr=0.1, max_lr=1.0, step_size_up=3, step_size_down=2, mode="triangular2"),
        "Adam",
    ),
    "CyclicLR exp_range": (
        "CyclicLR",
        dict(base_lr=0.1, max_lr=1.0, step_size_up=2, mode="exp_range", gamma=0.9),
        "SGD",
    ),
    "SWALR": ("SWALR", dict(swa_lr=0.05, anneal_epochs=4), "SGD"),
}


def schedule(torch: Any, name: str) -> list[list[float]]:
    """Learning rate (and momentum or first beta) of each of 12 epochs."""
    cls, options, kind = SCHEDULES[name]
    weight = torch.zeros(1, requires_grad=True)
    more = dict(momentum=0.9) if kind == "SGD" else {}
    optimizer = getattr(torch.optim, kind)([weight], lr=0.5, **more)
    if cls == "SWALR":
        scheduler = torch.optim.swa_utils.SWALR(optimizer, **options)
    else:
        scheduler = getattr(torch.optim.lr_scheduler, cls)(optimizer, **options)
    rows = []
    for _ in range(12):
        group = optimizer.param_groups[0]
        second = group["momentum"] if kind == "SGD" else group["betas"][0]
        rows.append([float(group["lr"]), float(second)])
        optimizer.step()
        scheduler.step()
    return rows


def plateau(torch: Any, **options: Any) -> list[float]:
    """Learning rates of ReduceLROnPlateau for a wavy loss."""
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    rates = []
    for epoch in range(30):
        scheduler.step(math.sin(epoch) * 3 + 0.01 * epoch)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


PLATEAUS: dict[str, dict[str, Any]] = {
    "min": {},
    "min, patience 0": dict(patience=0, factor=0.5, min_lr=0.01),
    "max, abs": dict(mode="max", threshold_mode="abs", threshold=0.1, patience=1, cooldown=2),
    "min, abs": dict(threshold_mode="abs", patience=2),
}
