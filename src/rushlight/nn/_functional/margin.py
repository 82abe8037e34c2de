"""Losses on distances and margins, and connectionist temporal classification."""

from __future__ import annotations

from ..._autocast import full_precision
from ..._notes import noted
from .. import _reduction as _Reduction
from .._package import Tensor, rl
from .distance import cosine_similarity, pairwise_distance
from .loss import _reduce, _reduction_name


@full_precision
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target * (input1 - input2) + margin): target 1 wants input1 ranked higher."""
    reduction = _reduction_name(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    loss = (-target * (input1 - input2) + margin).clamp_min(0)
    return _reduce(loss, reduction)


@full_precision
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The input where the target is 1, max(0, margin - input) where it is -1."""
    reduction = _reduction_name(size_average, reduce, reduction)
    zero = rl.zeros_like(input)
    apart = rl.where(target != 1, (margin - input).clamp_min(0), zero)
    close = rl.where(target != -1, input, zero)
    return _reduce(apart + close, reduction)


@full_precision
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos for pairs of target 1, max(0, cos - margin) for pairs of target -1."""
    reduction = _reduction_name(size_average, reduce, reduction)
    _check_cosine_shapes(input1, input2, target)
    # The same small constant as the reference adds under the square root.
    eps = 1e-12
    dim = target.dim()
    dot = (input1 * input2).sum(dim)
    norms = ((input1 * input1).sum(dim) + eps) * ((input2 * input2).sum(dim) + eps)
    cos = dot / norms.sqrt()
    zero = rl.zeros_like(cos)
    loss = rl.where(target == 1, 1 - cos, zero)
    loss = loss + rl.where(target == -1, (cos - margin).clamp_min(0), zero)
    return _reduce(loss, reduction)


def _check_cosine_shapes(input1, input2, target) -> None:
    given = f"Found target {target.dim()}D, input1 {input1.dim()}D, input2 {input2.dim()}D"
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not input1.dim() == input2.dim() == target.dim() + 1:
        what = "2D input tensors" if target.dim() == 1 else "1D input tensors"
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {what}, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}. ({given})"
        )


@full_precision
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Hinge loss between every target class and every other class, divided by the class count.

    Args:
        input (Tensor): scores, (C,) or (N, C).
        target (Tensor): class indices of the same shape, ended by the first -1.
    """
    reduction = _reduction_name(size_average, reduce, reduction)
    if not (input.dim() in (0, 1, 2) and target.shape == input.shape):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
            if input.dim() > 2
            else f"inconsistent size {list(target.shape)} for {list(input.shape)}"
        )
    scores = input.reshape(-1, input.size(-1)) if input.dim() else input.reshape(1, 1)
    classes = target.reshape(scores.shape)
    # Everything from the first negative index on is padding.
    valid = (classes < 0).cumsum(-1) == 0
    index = classes.clamp(min=0)
    hits = rl.zeros_like(classes).scatter_add_(-1, index, valid.to(classes.dtype))
    picked = scores.gather(-1, index)
    # (N, target, class)
    loss = (1 - (picked.unsqueeze(-1) - scores.unsqueeze(-2))).clamp_min(0)
    keep = valid.unsqueeze(-1) & (hits == 0).unsqueeze(-2)
    loss = (loss * keep).sum((-1, -2)) / scores.size(-1)
    if input.dim() < 2:
        loss = loss.reshape(())
    return _reduce(loss, reduction)


@full_precision
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Sum over the other classes of max(0, margin - input[target] + input)**p, divided by C.

    Args:
        input (Tensor): scores, (C,) or (N, C).
        target (Tensor): class indices, () or (N,).
        p (int): 1 or 2.
        weight (Tensor, optional): a factor per class.
    """
    reduction = _reduction_name(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    scores = input.reshape(-1, input.size(-1)) if input.dim() else input.reshape(1, 1)
    if target.numel() != scores.size(0) or target.dim() > 1:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{scores.size(0)}], but got "
            f"{list(target.shape)}. Input has shape {list(input.shape)}."
        )
    index = target.reshape(-1, 1)
    if index.numel() and not index.is_meta:
        low, high = (int(t) for t in index.aminmax())
        if low < 0 or high >= scores.size(1):
            raise noted(
                RuntimeError("target out of range"),
                f"multi_margin_loss: targets are from {low} to {high}, the classes from 0 to "
                f"{scores.size(1) - 1}",
            )
    loss = (margin - scores.gather(1, index) + scores).clamp_min(0)
    if p == 2:
        loss = loss * loss
    if weight is not None:
        loss = loss * weight[index]
    others = rl.ones_like(scores).scatter_(1, index, 0)
    loss = (loss * others).sum(1) / scores.size(1)
    if input.dim() < 2 and target.dim() == 0:
        loss = loss.reshape(())
    return _reduce(loss, reduction)


@full_precision
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|).

    Args:
        margin (float): positive. Default: 1.
        p (float): norm of the distance. Default: 2.
        eps (float): added to the differences. Default: 1e-6.
        swap (bool): use |positive - negative| where that is smaller.

    Raises:
        ValueError: ``margin`` is not positive.
    """
    reduction = _reduction_name(size_average, reduce, reduction)
    _Reduction.get_enum(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_same_ndim(anchor, positive, negative)
    return _triplet(
        anchor,
        positive,
        negative,
        lambda x, y: pairwise_distance(x, y, p, eps),
        margin,
        swap,
        reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function=None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with any distance function of two tensors."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_same_ndim(anchor, positive, negative)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _check_same_ndim(anchor, positive, negative) -> None:
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
            f"{negative.ndim}D inputs"
        )


def _triplet(anchor, positive, negative, distance, margin, swap, reduction) -> Tensor:
    near = distance(anchor, positive)
    far = distance(anchor, negative)
    if swap:
        far = rl.minimum(far, distance(positive, negative))
    return _reduce((margin + near - far).clamp_min(0), reduction)


__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
