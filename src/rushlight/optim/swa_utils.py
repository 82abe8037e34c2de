"""Averaging the weights of a model along its training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from .. import _C
from ..autograd.grad_mode import no_grad
from ..nn.modules.module import Module
from .lr_scheduler import LRScheduler, _per_group
from .optimizer import Optimizer, Tensor

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _is_inexact(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """Return a function that moves lists of averages towards the current values.

    Args:
        decay: share of the old average that is kept, in 0..1.

    Returns:
        A function of (averages, current values, number of averages so far).
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averages: list[Tensor], currents: list[Tensor], _: Any) -> None:
        for average, current in zip(averages, currents):
            if _is_inexact(average):
                average.lerp_(current, 1 - decay)
            else:
                average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable:
    """Return a function that takes the current values into lists of equally weighted averages."""

    @no_grad()
    def swa_update(averages: list[Tensor], currents: list[Tensor], number: Any) -> None:
        n = float(number) + 1
        for average, current in zip(averages, currents):
            if _is_inexact(average):
                average.lerp_(current, 1 / n)
            else:
                average.add_((current - average) / n)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """Return a function that gives the next exponential average of one tensor.

    Args:
        decay: share of the old average that is kept, in 0..1.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(average: Tensor, current: Tensor, number: Any) -> Tensor:
        return decay * average + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> Callable:
    """Return a function that gives the next equally weighted average of one tensor."""

    @no_grad()
    def swa_update(average: Tensor, current: Tensor, number: Any) -> Tensor:
        return average + (current - average) / (number + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model that holds the running average of its parameters.

    Args:
        model: the model that is being trained.
        device: where the averages are kept (default: where the model is).
        avg_fn: next average of one tensor, from (average, current, number so far).
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: average the buffers too; otherwise they are copied.

    Raises:
        AssertionError: both functions given.

    Example:
        >>> import rushlight as torch
        >>> model = torch.nn.Linear(1, 1)
        >>> average = torch.optim.swa_utils.AveragedModel(model)
        >>> average.update_parameters(model)
        >>> int(average.n_averaged)
        1
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        counter = _C.ops.zeros((), dtype=_C.int64, device=device)
        self.register_buffer("n_averaged", counter)
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's current parameters into the average.

        Args:
            model: the model that is being trained.
        """
        pairs = [
            (mine.detach(), theirs.detach().to(mine.device))
            for mine, theirs in zip(self._tensors(self.module), self._tensors(model))
        ]
        if self.n_averaged == 0:
            for mine, theirs in pairs:
                mine.copy_(theirs)
        else:
            self._average(pairs)
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers()):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged += 1

    def _tensors(self, model: Module) -> Iterable[Tensor]:
        return (
            chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()
        )

    def _average(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        if self.multi_avg_fn is not None:
            kinds: dict[Any, list] = {}
            for pair in pairs:
                kinds.setdefault((str(pair[0].device), pair[0].dtype), []).append(pair)
            for group in kinds.values():
                mine, theirs = (list(side) for side in zip(*group))
                self.multi_avg_fn(mine, theirs, self.n_averaged.to(mine[0].device))
            return
        next_average = self.avg_fn or get_swa_avg_fn()
        for own, other in pairs:
            own.copy_(next_average(own, other, self.n_averaged.to(own.device)))


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Recompute the running statistics of all batch norm layers by one pass over the data.

    Args:
        loader: batches: tensors, or lists and tuples whose first element is the input.
        model: the model, in which the statistics are replaced.
        device: where to move the batches first (default: nowhere).
    """
    from ..nn.modules.batchnorm import _BatchNorm

    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for layer in momenta:
        layer.reset_running_stats()
        layer.momentum = None  # equally weighted
    for batch in loader:
        inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(inputs if device is None else inputs.to(device))
    for layer, momentum in momenta.items():
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Moves each group's rate to a fixed one, and keeps it there.

    Args:
        optimizer: whose rates to set.
        swa_lr: the final rate, or a list with one per group.
        anneal_epochs: how long the way is (default 10).
        anneal_strategy: "cos" (default) or "linear".
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: an unknown strategy or a negative length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for lr, group in zip(_per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How much of the way is done at the share t of the epochs."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def _done(self, step: int) -> float:
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._done(step - 1), self._done(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, final = group["lr"], group["swa_lr"]
            # Where the way began, judged from the current rate: another schedule may have run.
            origin = final if before == 1 else (lr - before * final) / (1 - before)
            rates.append(final * now + origin * (1 - now))
        return rates
