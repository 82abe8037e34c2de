"""scaled_dot_product_attention by blocks against the formula in float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn

attend = nn.functional.scaled_dot_product_attention

# batch, heads, heads of the keys, queries, keys, depth, depth of the values: whole blocks and
# tiles, less than a tile, several blocks of keys, several tasks of queries
SIZES = [
    (2, 3, 3, 96, 128, 32, 32),
    (1, 2, 2, 7, 9, 4, 4),
    (2, 4, 2, 130, 600, 40, 24),
    (1, 1, 1, 1, 1, 1, 1),
    (1, 2, 1, 400, 100, 17, 33),
    (1, 1, 1, 600, 600, 8, 8),
]


def masks(kind, heads, queries, keys, rng):
    if kind == "bool":
        mask = rng.random((1, 1, queries, keys)) > 0.4
        mask[..., 0, :] = False  # sees nothing
        return mask
    if kind == "float":
        return rng.standard_normal((heads, queries, keys))
    if kind == "columns":
        return np.where(np.arange(keys) % 3 == 1, -np.inf, 0.0)[None]
    return None


def formula(q, k, v, g, mask, causal, scale):
    """Output and gradients in float64, from the definition."""
    groups = q.shape[1] // k.shape[1]
    wide_k, wide_v = (np.repeat(t, groups, 1) for t in (k, v))
    s = np.einsum("bhqd,bhkd->bhqk", q, wide_k) * scale
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -np.inf)
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
    top = s.max(-1, keepdims=True)
    e = np.exp(s - np.where(np.isinf(top), 0, top))
    total = e.sum(-1, keepdims=True)
    p = e / np.where(total == 0, 1, total)
    dp = np.einsum("bhqd,bhkd->bhqk", g, wide_v)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * scale

    def together(t):
        return t.reshape(t.shape[0], k.shape[1], groups, *t.shape[2:]).sum(2)

    return (
        np.einsum("bhqk,bhkd->bhqd", p, wide_v),
        np.einsum("bhqk,bhkd->bhqd", ds, wide_k),
        together(np.einsum("bhqk,bhqd->bhkd", ds, q)),
        together(np.einsum("bhqk,bhqd->bhkd", p, g)),
    )


def leaf(array, dtype):
    # memory in the order (batch, rows, heads, depth), as layers have it
    rows = torch.tensor(array.transpose(0, 2, 1, 3).copy(), dtype=dtype)
    return rows.transpose(1, 2).detach().requires_grad_()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", ["none", "causal", "bool", "float", "columns"])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 4e-6), ("float64", 1e-13)])
def test_output_and_gradients(sizes, kind, dtype, tolerance) -> None:
    batch, heads, kv_heads, queries, keys, depth, value_depth = sizes
    rng = np.random.default_rng(0)
    # float32 numbers, so that both types start from the same values
    q, k, v, g = (
        rng.standard_normal(s).astype(np.float32).astype(np.float64)
        for s in (
            (batch, heads, queries, depth),
            (batch, kv_heads, keys, depth),
            (batch, kv_heads, keys, value_depth),
            (batch, heads, queries, value_depth),
        )
    )
    mask = masks(kind, heads, queries, keys, rng)
    if mask is not None and mask.dtype != bool:
        mask = mask.astype(np.float32).astype(np.float64)
    type_ = getattr(torch, dtype)
    given = None if mask is None else torch.tensor(mask)
    if given is not None and given.dtype != torch.bool:
        given = given.to(type_)
    inputs = [leaf(t, type_) for t in (q, k, v)]
    out = attend(
        *inputs, given, is_causal=kind == "causal", scale=0.3, enable_gqa=heads != kv_heads
    )
    assert type(out.grad_fn).__name__ == "ScaledDotProductFlashAttentionForCpuBackward0"
    grads = torch.autograd.grad(out, inputs, torch.tensor(g, dtype=type_))
    expected = formula(q, k, v, g, mask, kind == "causal", 0.3)
    for got, want in zip((out, *grads), expected):
        error = np.abs(got.detach().numpy() - want).max()
        assert error <= tolerance * max(1.0, np.abs(want).max())


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("gqa", [False, True])
def test_second_derivatives(causal, gqa) -> None:
    torch.manual_seed(0)
    shapes = [(1, 2, 4, 3), (1, 1 if gqa else 2, 5, 3), (1, 1 if gqa else 2, 5, 2)]
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]

    def f(q, k, v):
        return attend(q, k, v, is_causal=causal, enable_gqa=gqa)

    assert torch.autograd.gradcheck(f, inputs)
    assert torch.autograd.gradgradcheck(f, inputs)


def test_results_do_not_depend_on_threads() -> None:
    torch.manual_seed(0)
    shape = (2, 3, 500, 16)
    q, k, v, g = (torch.randn(shape) for _ in range(4))
    before, seen = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            inputs = [t.detach().requires_grad_() for t in (q, k, v)]
            out = attend(*inputs, is_causal=True)
            seen.append((out, *torch.autograd.grad(out, inputs, g)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*seen))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_key_spoils_the_rows_that_see_it(bad) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 1, 40, 8) for _ in range(3))
    k[0, 0, 20, 0] = bad
    q[..., 0] = q[..., 0].abs()
    out = attend(q, k, v, is_causal=True)
    assert out.isfinite().all(-1)[0, 0].tolist() == [i < 20 for i in range(40)]


def test_heads_join_without_a_copy() -> None:
    q = torch.randn(2, 3, 4, 5)
    out = attend(q, q, q)
    assert out.stride() == (60, 5, 15, 1)
    assert out.transpose(1, 2).is_contiguous()
