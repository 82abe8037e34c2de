"""Attention: scaled dot products and the forward pass of MultiheadAttention."""

from __future__ import annotations

import math
import warnings

from .._package import Tensor, ops, rl
from ._native import native
from .activation import softmax
from .dropout import dropout
from .padding import pad

scaled_dot_product_attention = native("scaled_dot_product_attention")


def _none_or_dtype(input: Tensor | None):
    if input is None:
        return None
    if isinstance(input, Tensor):
        return input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type,
    other_name: str,
    target_type,
    check_other: bool = True,
) -> Tensor | None:
    """A mask to be added to scores: a boolean one becomes 0 and -inf."""
    if mask is None:
        return None
    is_float = mask.is_floating_point()
    if mask.dtype != rl.bool and not is_float:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type "
            "for both instead.",
            stacklevel=2,
        )
    if is_float:
        return mask
    return rl.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads: int) -> bool:
    """Whether the input has a batch dimension; AssertionError if the ranks do not fit."""
    ndim = query.dim()
    if ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor"
        )
    batched = ndim == 3
    given = f"For {'batched (3-D)' if batched else 'unbatched (2-D)'} `query`, expected "
    if key.dim() != ndim or value.dim() != ndim:
        raise AssertionError(
            f"{given}`key` and `value` to be {ndim}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != ndim - 1:
        raise AssertionError(
            f"{given}`key_padding_mask` to be `None` or {ndim - 1}-D but found "
            f"{key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"{given}`attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D "
                "tensor instead"
            )
        if not batched and attn_mask.dim() == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            if attn_mask.shape != expected:
                raise AssertionError(
                    f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}"
                )
    return batched


def _in_projection_packed(q, k, v, w, b=None):
    """Project with one stacked weight (3 * E, E); equal inputs share a product."""
    size = q.size(-1)
    if k is v and q is k:
        return ops.linear(q, w, b).chunk(3, -1)
    if k is v:
        w_q, w_kv = w.split([size, size * 2])
        b_q, b_kv = (None, None) if b is None else b.split([size, size * 2])
        return (ops.linear(q, w_q, b_q), *ops.linear(k, w_kv, b_kv).chunk(2, -1))
    biases = (None,) * 3 if b is None else b.chunk(3)
    return tuple(ops.linear(x, *wb) for x, *wb in zip((q, k, v), w.chunk(3), biases))


def _in_projection(q, k, v, w_q, w_k, w_v, b_q=None, b_k=None, b_v=None):
    """Project with a weight for each of query, key and value."""
    size = q.size(-1)
    named = (("query", q, w_q, b_q), ("key", k, w_k, b_k), ("value", v, w_v, b_v))
    for name, x, w, b in named:
        if w.shape != (size, x.size(-1)):
            raise AssertionError(
                f"expecting {name} weights shape of {(size, x.size(-1))}, but got {w.shape}"
            )
        if b is not None and b.shape != (size,):
            raise AssertionError(f"expecting {name} bias shape of {(size,)}, but got {b.shape}")
    return tuple(ops.linear(x, w, b) for _, x, w, b in named)


def _check_attn_mask(mask: Tensor, batch_heads: int, target: int, source: int) -> Tensor:
    """The mask with three dimensions; RuntimeError if its shape does not fit."""
    ndim = mask.dim()
    if ndim not in (2, 3):
        raise RuntimeError(f"attn_mask's dimension {ndim} is not supported")
    correct = (target, source) if ndim == 2 else (batch_heads, target, source)
    if mask.shape != correct:
        raise RuntimeError(
            f"The shape of the {ndim}D attn_mask is {mask.shape}, but should be {correct}."
        )
    return mask.unsqueeze(0) if ndim == 2 else mask


def _check_projections(use_separate, key, value, in_proj, separate) -> None:
    if use_separate:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's "
                f"{value.shape[:2]}"
            )
        for name, weight in zip("qkv", separate):
            if weight is None:
                raise AssertionError(
                    f"use_separate_proj_weight is True but {name}_proj_weight is None"
                )
        return
    if key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if in_proj is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")


def _split_heads(x, static, name: str, batch_heads: int, head_dim: int):
    """(S, N, E) to (batch_heads, S, head_dim), unless a tensor of that shape was given."""
    if static is None:
        return x.reshape(x.shape[0], batch_heads, head_dim).transpose(0, 1)
    for dim, size in ((0, batch_heads), (2, head_dim)):
        if static.size(dim) != size:
            raise AssertionError(
                f"expecting {name}.size({dim}) of {size}, but got {static.size(dim)}"
            )
    return static


def _pad_masks(*masks):
    """The masks with one more key, which is visible."""
    return tuple(None if mask is None else pad(mask, (0, 1)) for mask in masks)


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The computation of MultiheadAttention, weights given; inputs are (L, N, E) or (L, E).

    Returns:
        The output and the attention weights (None unless ``need_weights``).
    """
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        # One tensor stays one tensor: the projection of all three is then one product.
        same = {id(t): t.unsqueeze(1) for t in (query, key, value)}
        query, key, value = (same[id(t)] for t in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    target, batch, embed_dim = query.shape
    key_padding_mask, attn_mask, is_causal = _prepare_masks(
        key_padding_mask, attn_mask, is_causal, need_weights, query.dtype
    )
    head_dim = _check_sizes(embed_dim, embed_dim_to_check, num_heads)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    _check_projections(use_separate_proj_weight, key, value, in_proj_weight, separate)
    if use_separate_proj_weight:
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        q, k, v = _in_projection(query, key, value, *separate, *biases)
    else:
        q, k, v = _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)

    heads = batch * num_heads
    if attn_mask is not None:
        attn_mask = _check_attn_mask(attn_mask, heads, target, key.shape[0])
    if _check_extra_bias(bias_k, bias_v, static_k, static_v):
        k = rl.cat([k, bias_k.repeat(1, batch, 1)])
        v = rl.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _pad_masks(attn_mask, key_padding_mask)
    q = q.reshape(target, heads, head_dim).transpose(0, 1)
    k = _split_heads(k, static_k, "static_k", heads, head_dim)
    v = _split_heads(v, static_v, "static_v", heads, head_dim)
    if add_zero_attn:
        k = rl.cat([k, k.new_zeros((heads, 1, head_dim))], dim=1)
        v = rl.cat([v, v.new_zeros((heads, 1, head_dim))], dim=1)
        attn_mask, key_padding_mask = _pad_masks(attn_mask, key_padding_mask)
    attn_mask = _merge_padding(attn_mask, key_padding_mask, batch, num_heads, k.size(1))

    dropout_p = dropout_p if training else 0.0
    weights = None
    if need_weights:
        output, weights = _attend_with_weights(q, k, v, attn_mask, dropout_p)
        output = output.transpose(0, 1)
        weights = weights.view(batch, num_heads, target, -1)
        weights = weights.mean(dim=1) if average_attn_weights else weights
        weights = weights if batched else weights.squeeze(0)
    else:
        output = _attend(q, k, v, attn_mask, dropout_p, is_causal, batch)
    output = ops.linear(output.reshape(target * batch, embed_dim), out_proj_weight, out_proj_bias)
    output = output.view(target, batch, output.size(1))
    return (output if batched else output.squeeze(1)), weights


def _prepare_masks(key_padding_mask, attn_mask, is_causal, need_weights, dtype):
    """Both masks as numbers to add, and whether the kernel is to mask causally by itself."""
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        return None, None, True
    attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", dtype, False)
    return key_padding_mask, attn_mask, is_causal and key_padding_mask is None


def _check_sizes(embed_dim: int, expected: int, num_heads: int) -> int:
    """The size of a head; AssertionError if the sizes do not fit."""
    if embed_dim != expected:
        raise AssertionError(
            f"was expecting embedding dimension of {expected}, but got {embed_dim}"
        )
    head_dim = embed_dim // num_heads
    if head_dim * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    return head_dim


def _check_extra_bias(bias_k, bias_v, static_k, static_v) -> bool:
    """Whether a trained key and value are added; AssertionError if only one is or they cannot be."""
    if (bias_k is None) != (bias_v is None):
        given, absent = ("bias_k", "bias_v") if bias_v is None else ("bias_v", "bias_k")
        raise AssertionError(f"{given} is set but {absent} is None")
    if bias_k is None:
        return False
    if static_k is not None:
        raise AssertionError("bias cannot be added to static key.")
    if static_v is not None:
        raise AssertionError("bias cannot be added to static value.")
    return True


def _attend(q, k, v, mask, dropout_p: float, is_causal: bool, batch: int) -> Tensor:
    """Attention by the kernel; returns (L, N, heads, head_dim)."""
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.size(0) == 1 else mask.unflatten(0, (batch, -1))
    q, k, v = (x.unflatten(0, (batch, -1)) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal).permute(2, 0, 1, 3)


def _merge_padding(attn_mask, key_padding_mask, batch: int, num_heads: int, source: int):
    """One mask that broadcasts to (N * heads, L, S), or None."""
    if key_padding_mask is None:
        return attn_mask
    for dim, size in enumerate((batch, source)):
        if key_padding_mask.shape[dim] != size:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{dim}] to be {size}, but got "
                f"{key_padding_mask.shape[dim]}"
            )
    padding = key_padding_mask.view(batch, 1, 1, source).expand(-1, num_heads, -1, -1)
    padding = padding.reshape(batch * num_heads, 1, source)
    return padding if attn_mask is None else attn_mask + padding


def _attend_with_weights(q, k, v, mask, dropout_p):
    """Attention written out, because its weights are wanted."""
    scaled = q * math.sqrt(1.0 / float(q.shape[-1]))
    if mask is None:
        scores = rl.bmm(scaled, k.transpose(-2, -1))
    else:
        scores = rl.baddbmm(mask, scaled, k.transpose(-2, -1))
    weights = softmax(scores, dim=-1)
    if dropout_p > 0.0:
        weights = dropout(weights, p=dropout_p)
    return rl.bmm(weights, v), weights
