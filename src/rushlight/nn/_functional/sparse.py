"""Look-up of rows in a table of vectors."""

from __future__ import annotations

import warnings

from .._package import Tensor, ops, rl


def _no_grad_embedding_renorm_(
    weight: Tensor, input: Tensor, max_norm: float, norm_type: float
) -> None:
    """Scale down, in place, the used rows whose norm exceeds ``max_norm``."""
    with rl.no_grad():
        rows = input.reshape(-1).unique()
        used = weight.detach().index_select(0, rows)
        norms = used.norm(norm_type, 1, keepdim=True)
        # 1e-7 keeps the quotient finite, as in the reference.
        scaled = rl.where(norms > max_norm, used * (max_norm / (norms + 1e-7)), used)
        weight.detach().index_copy_(0, rows, scaled)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` at the given indices.

    Args:
        input (Tensor): integer indices of any shape.
        weight (Tensor): (rows, size).
        padding_idx (int, optional): a row that receives no gradient.
        max_norm (float, optional): rows of a larger norm are scaled down, in place.
        norm_type (float): order of that norm. Default: 2.
        scale_grad_by_freq (bool): divide the gradient by the frequency of the index.
        sparse (bool): the gradient of ``weight`` is sparse.

    Returns:
        The rows, shape of the input with the size of a row added.
    """
    if padding_idx is None:
        padding_idx = -1
    else:
        rows = weight.size(0)
        if not -rows <= padding_idx < max(rows, 1):
            raise AssertionError("Padding_idx must be within num_embeddings")
        if padding_idx < 0:
            padding_idx += rows
    if max_norm is not None:
        input = input.contiguous()
        _no_grad_embedding_renorm_(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sum, mean or maximum of the rows of each bag of indices.

    Args:
        input (Tensor): indices: (bags, size), or one row of bags that start at ``offsets``.
        weight (Tensor): (rows, size).
        offsets (Tensor, optional): where the bags of a 1-D input start.
        mode (str): "sum", "mean" or "max". Default: "mean".
        per_sample_weights (Tensor, optional): a factor per index, for mode "sum".
        include_last_offset (bool): ``offsets`` ends with the length of the input.
        padding_idx (int, optional): an index that counts for nothing.

    Returns:
        (bags, size); an empty bag gives zeros.
    """
    if weight.dtype == rl.int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage "
            "`embedding_bag(weight, input, ...)` is deprecated, and should now be "
            "`embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    _check_bag_arguments(
        input, weight, offsets, mode, per_sample_weights, scale_grad_by_freq, sparse
    )
    if input.dim() == 2:
        include_last_offset = False
        step = input.size(1)
        offsets = rl.arange(0, input.numel(), step, device=input.device) if step else None
        bags = input.size(0)
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    else:
        offsets = offsets[:-1] if include_last_offset else offsets
        bags = offsets.numel()
        if bags and offsets[0].item() != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                f"from position 0. However, got {offsets[0].item()}"
            )
        if bags and offsets[-1].item() > input.numel():
            raise RuntimeError(
                "offsets[-1] can not be greater than input's length "
                f"{input.numel()} but got offsets[-1] of {offsets[-1].item()}"
            )
    if max_norm is not None:
        _no_grad_embedding_renorm_(weight, input, max_norm, norm_type)
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.size(0)
    if bags == 0 or input.numel() == 0:
        return weight.new_zeros((bags, weight.size(1))) + 0 * weight.sum()
    return _reduce_bags(
        input,
        weight,
        offsets,
        bags,
        mode,
        per_sample_weights,
        scale_grad_by_freq,
        sparse,
        padding_idx,
    )


def _check_bag_arguments(input, weight, offsets, mode, per_sample, by_freq, sparse) -> None:
    if per_sample is not None and input.size() != per_sample.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample.shape}) is not None, then it must "
            f"have the same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                "of fixed length sequences. However, found offsets of type "
                f"{type(offsets)}"
            )
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max":
        if by_freq:
            raise ValueError("max mode does not support scaling the gradient by the frequency")
        if sparse:
            raise ValueError("max mode does not support sparse weights")
    if per_sample is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )


def _reduce_bags(input, weight, offsets, bags, mode, per_sample, by_freq, sparse, padding_idx):
    count = input.numel()
    ends = rl.cat([offsets[1:], offsets.new_full((1,), count)])
    sizes = (ends - offsets).to(rl.int64)
    bag = rl.repeat_interleave(rl.arange(bags, device=input.device), sizes)
    rows = embedding(input, weight, padding_idx, None, 2.0, by_freq, sparse)
    keep = None if padding_idx is None else input != padding_idx
    if keep is not None:
        if mode != "max":
            rows = rows * keep.unsqueeze(1).to(rows.dtype)
        sizes = rl.zeros_like(sizes).index_add(0, bag, keep.to(sizes.dtype))
    if per_sample is not None:
        rows = rows * per_sample.unsqueeze(1)
    if mode == "max":
        return _max_of_bags(rows, bag, bags, keep, sizes)
    total = rows.new_zeros((bags, rows.size(1))).index_add(0, bag, rows)
    if mode == "sum":
        return total
    return total / sizes.clamp(min=1).unsqueeze(1).to(total.dtype)


def _max_of_bags(rows, bag, bags, keep, sizes):
    """Maximum per bag; the gradient goes to one element, as the maximum of a dimension's does."""
    if keep is not None:
        rows, bag = rows[keep], bag[keep]
    longest = int(sizes.max().item())
    if longest == 0:
        return rows.new_zeros((bags, rows.size(1))) + 0 * rows.sum()
    starts = sizes.cumsum(0) - sizes
    place = bag * longest + rl.arange(bag.numel(), device=bag.device) - starts[bag]
    table = rows.new_full((bags * longest, rows.size(1)), float("-inf")).index_copy(0, place, rows)
    best = table.view(bags, longest, -1).max(1)[0]
    return best.masked_fill((sizes == 0).unsqueeze(1), 0)
