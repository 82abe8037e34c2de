"""Connectionist temporal classification."""

from __future__ import annotations

from ..._autocast import full_precision
from .. import _reduction as _Reduction
from .._package import Tensor, rl

# Stands for log(0): finite, so that the gradient of logaddexp is never nan; sums of it stay far
# below any possible log probability.
_IMPOSSIBLE = -1e30


@full_precision
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths,
    target_lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log likelihood of label sequences, summed over all their alignments.

    Args:
        log_probs (Tensor): (T, N, C) or (T, C), from log_softmax.
        targets (Tensor): (N, S), or all targets one after another; no blanks.
        input_lengths, target_lengths (Tensor or tuple of int): (N,) or ().
        blank (int): class of the blank. Default: 0.
        reduction (str): "none", "mean" (each divided by its target length) or "sum".
        zero_infinity (bool): losses of impossible targets and their gradients become 0.
    """
    code = _Reduction.get_enum(reduction)
    batched = log_probs.dim() == 3
    if not batched:
        if log_probs.dim() != 2:
            raise RuntimeError("log_probs tensor must be 2-D or 3-D")
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    steps, batch, classes = log_probs.shape
    device = log_probs.device
    input_lengths = _lengths("input_lengths", input_lengths, batch, device)
    target_lengths = _lengths("target_lengths", target_lengths, batch, device)
    _check(log_probs, targets, input_lengths, target_lengths, blank)
    labels = _padded_targets(targets, target_lengths, blank)
    loss = -_log_likelihood(log_probs, labels, input_lengths, target_lengths, blank)
    impossible = loss.detach() > -_IMPOSSIBLE / 2
    loss = loss.masked_fill(impossible, 0.0 if zero_infinity else float("inf"))
    # The gradient programs know is that with respect to the input of log_softmax: the
    # probabilities are added to it. The value is 0.
    inside = rl.arange(steps, device=device).unsqueeze(1) < input_lengths
    inside = inside & ~impossible
    probs = log_probs.exp().sum(-1).masked_fill(~inside, 0).sum(0)
    loss = loss + (probs - probs.detach())
    if code == 1:
        return (loss / target_lengths.clamp(min=1)).mean()
    if code == 2:
        return loss.sum()
    return loss if batched else loss.squeeze(0)


def _lengths(name, lengths, batch, device):
    if not isinstance(lengths, Tensor):
        lengths = rl.tensor(lengths, dtype=rl.int64)
    if lengths.is_floating_point():
        raise RuntimeError(f"{name} must be integral")
    lengths = lengths.to(device=device, dtype=rl.int64).reshape(-1)
    if lengths.numel() != batch:
        raise RuntimeError(f"{name} must be of size batch_size")
    return lengths


def _check(log_probs, targets, input_lengths, target_lengths, blank) -> None:
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if steps == 0:
        raise RuntimeError("log_probs tensor must not be empty")
    where = "(while checking arguments for ctc_loss_allocate_outputs)"
    for lengths, limit, name in (
        (input_lengths, steps, "input_lengths"),
        (target_lengths, targets.size(1) if targets.dim() == 2 else None, "target_lengths"),
    ):
        if lengths.numel() and lengths.min().item() < 0:
            raise RuntimeError(
                f"Expected {name} to have value at least 0, but got value {lengths.min().item()} "
                + where
            )
        if limit is not None and lengths.numel() and lengths.max().item() > limit:
            raise RuntimeError(
                f"Expected {name} to have value at most {limit}, but got value "
                f"{lengths.max().item()} {where}"
            )
    total = int(target_lengths.sum().item())
    if targets.dim() == 1 and targets.numel() != total:
        raise RuntimeError(
            f"Expected tensor to have size {total} at dimension 0, but got size "
            f"{targets.numel()} for argument #2 'targets' {where}"
        )


def _padded_targets(targets, lengths, blank):
    """(N, S) labels with the blank after the end of each."""
    longest = int(lengths.max().item()) if lengths.numel() else 0
    columns = rl.arange(longest, device=targets.device)
    valid = columns < lengths.unsqueeze(1)
    targets = targets.to(rl.int64)
    if targets.dim() == 2:
        return targets[:, :longest].masked_fill(~valid, blank)
    starts = (lengths.cumsum(0) - lengths).unsqueeze(1)
    if targets.numel() == 0:
        return targets.new_full((lengths.numel(), longest), blank)
    index = (starts + columns).clamp(max=targets.numel() - 1)
    return targets[index].masked_fill(~valid, blank)


def _log_likelihood(log_probs, labels, input_lengths, target_lengths, blank):
    """log p(labels) by the forward recursion over blank, l1, blank, l2, ..., blank."""
    steps, batch, _ = log_probs.shape
    states = 2 * labels.size(1) + 1
    path = labels.new_full((batch, states), blank)
    path[:, 1::2] = labels
    # A label may follow another one without a blank between them, unless they are equal.
    skip = rl.zeros_like(path, dtype=rl.bool)
    skip[:, 2:] = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])
    emit = log_probs.gather(2, path.unsqueeze(0).expand(steps, -1, -1)).clamp(min=_IMPOSSIBLE)
    never = log_probs.new_full((batch, states), _IMPOSSIBLE)
    start = rl.arange(states, device=path.device) < 2
    alpha = rl.where(start, emit[0], never)
    for t in range(1, steps):
        best = rl.logaddexp(alpha, _shift(alpha, never, 1))
        best = rl.where(skip, rl.logaddexp(best, _shift(alpha, never, 2)), best)
        alive = (t < input_lengths).unsqueeze(1)
        alpha = rl.where(alive, (best + emit[t]).clamp(min=_IMPOSSIBLE), alpha)
    last = (2 * target_lengths).unsqueeze(1)
    ended_in_blank = alpha.gather(1, last).squeeze(1)
    ended_in_label = alpha.gather(1, (last - 1).clamp(min=0)).squeeze(1)
    ended_in_label = ended_in_label.masked_fill(target_lengths == 0, _IMPOSSIBLE)
    result = rl.logaddexp(ended_in_blank, ended_in_label)
    # Without any input only the empty target is possible, with certainty.
    nothing = rl.where(target_lengths == 0, 0.0, _IMPOSSIBLE).to(result.dtype)
    return rl.where(input_lengths == 0, nothing, result)


def _shift(alpha, never, by):
    return rl.cat([never[:, :by], alpha[:, :-by]], 1)[:, : alpha.size(1)]
