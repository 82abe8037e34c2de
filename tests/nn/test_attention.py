"""nn.attention: changed scores, masks in blocks, causal masks of unequal lengths."""

from __future__ import annotations

import math

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.attention import SDPBackend, bias, flex_attention, sdpa_kernel


def causal(b, h, q, k):
    return q >= k


def near(b, h, q, k):
    return (q - k).abs() < 3


def plain(query, key, value, mask):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))
    return scores.masked_fill(~mask, float("-inf")).softmax(-1) @ value


def inputs(queries=7, keys=9):
    torch.manual_seed(0)
    return (torch.randn(2, 3, n, 4, dtype=torch.float64) for n in (queries, keys, keys))


@pytest.mark.parametrize("mod", [causal, near])
@pytest.mark.parametrize("full", [True, False])
def test_blocks_hide_what_the_function_hides(mod, full) -> None:
    q, k, v = inputs()
    mask = flex_attention.create_mask(mod, 2, 3, 7, 9)
    blocks = flex_attention.create_block_mask(
        mod, 2, 3, 7, 9, BLOCK_SIZE=2, separate_full_blocks=full
    )
    out = flex_attention.flex_attention(q, k, v, block_mask=blocks)
    assert (out - plain(q, k, v, mask)).abs().max().item() < 1e-12
    # A block is listed if any of its pairs is visible.
    expected = [
        [any(bool(mask[0, 0, i, j]) for i in range(2 * r, min(2 * r + 2, 7))
             for j in range(2 * c, min(2 * c + 2, 9))) for c in range(5)]
        for r in range(4)
    ]  # fmt: skip
    assert (blocks.to_dense()[0, 0] != 0).tolist() == expected


def test_score_function_sees_the_positions() -> None:
    q, k, v = inputs()
    out = flex_attention.flex_attention(q, k, v, lambda s, b, h, i, j: s + (h + 1) * (i - j))
    i, j = torch.arange(7).view(-1, 1), torch.arange(9)
    heads = torch.arange(1, 4).view(3, 1, 1)
    scores = q @ k.transpose(-2, -1) / 2 + heads * (i - j)
    assert (out - scores.softmax(-1) @ v).abs().max().item() < 1e-12


def test_combined_masks_and_shapes() -> None:
    both = flex_attention.and_masks(causal, near)
    either = flex_attention.or_masks(causal, near)
    a, b = (flex_attention.create_mask(m, 1, 1, 5, 5) for m in (causal, near))
    assert torch.equal(flex_attention.create_mask(both, 1, 1, 5, 5), a & b)
    assert torch.equal(flex_attention.create_mask(either, 1, 1, 5, 5), a | b)
    blocks = flex_attention.create_block_mask(causal, 1, 1, 256, 256)
    assert blocks.shape == (1, 1, 256, 256) and blocks.sparsity() == 25.0
    assert str(blocks).startswith("BlockMask(shape=(1, 1, 256, 256), sparsity=25.00%, \n")


def test_refusals() -> None:
    q, k, v = inputs()
    with pytest.raises(ValueError, match="same number of heads"):
        flex_attention.flex_attention(q, k[:, :1], v[:, :1])
    blocks = flex_attention.create_block_mask(causal, 1, 1, 5, 5, BLOCK_SIZE=2)
    with pytest.raises(ValueError, match="block_mask was created for"):
        flex_attention.flex_attention(q, k, v, block_mask=blocks)


def test_causal_masks_of_unequal_lengths() -> None:
    assert bias.causal_upper_left(2, 3).tolist() == [[True, False, False], [True, True, False]]
    assert bias.causal_lower_right(2, 3).tolist() == [[True, True, False], [True, True, True]]


def test_backend_names_are_accepted() -> None:
    q, k, v = inputs()
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
        out = nn.functional.scaled_dot_product_attention(q, k, v)
    everything = torch.ones(7, 9, dtype=torch.bool)
    assert (out - plain(q, k, v, everything)).abs().max().item() < 1e-12
    assert repr(SDPBackend.MATH) == "<SDPBackend.MATH: 0>"


def test_convolution_gradients_as_functions() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64, requires_grad=True)
    w = torch.randn(6, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    options = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}
    out = nn.functional.conv2d(x, w, None, **options)
    g = torch.randn(out.shape, dtype=torch.float64)
    out.backward(g)
    assert (nn.grad.conv2d_input(x.shape, w, g, **options) - x.grad).abs().max().item() < 1e-12
    assert (nn.grad.conv2d_weight(x, w.shape, g, **options) - w.grad).abs().max().item() < 1e-12
