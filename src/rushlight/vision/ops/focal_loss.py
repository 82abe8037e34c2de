"""Focal loss (https://arxiv.org/abs/1708.02002)."""

from __future__ import annotations

from ... import Tensor, nn

__all__ = ["sigmoid_focal_loss"]


def sigmoid_focal_loss(
    inputs: Tensor,
    targets: Tensor,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: str = "none",
) -> Tensor:
    """Binary cross entropy that counts well-classified examples less.

    Args:
        inputs: logits, of any shape. targets: of the same shape, 0 or 1.
        alpha: weight of positive examples, from 0 to 1, negative ones getting 1 - alpha; -1: no weights.
        gamma: the loss is multiplied by (1 - probability of the target)^gamma.
        reduction: "none", "mean" or "sum".

    Raises:
        ValueError: for another alpha or reduction.

    Example:
        >>> from rushlight.vision.ops import sigmoid_focal_loss
        >>> sigmoid_focal_loss(torch.zeros(1), torch.ones(1))
        tensor([0.0433])
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(
            f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore."
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
        )
    p = inputs.sigmoid()
    miss = 1 - (p * targets + (1 - p) * (1 - targets))
    loss = nn.functional.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * miss**gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return loss if reduction == "none" else getattr(loss, reduction)()
