"""Attention with dropout draws PyTorch's numbers: equal results, gradients and generator afterwards."""

from __future__ import annotations

import pytest

import rushlight

torch = pytest.importorskip("torch")

TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "bfloat16": 7.9e-3, "float16": 9.8e-4}
SHAPES = {  # query, key, options
    "heads": ((2, 3, 5, 4), (2, 3, 9, 4), {}),
    "causal": ((2, 3, 5, 4), (2, 3, 9, 4), {"is_causal": True}),
    "one": ((5, 4), (6, 4), {}),
    "three": ((7, 5, 4), (7, 6, 4), {}),
    "long": ((2, 4, 40, 8), (2, 4, 300, 8), {}),
    "groups": ((2, 4, 6, 8), (2, 2, 9, 8), {"enable_gqa": True}),
    "bool mask": ((2, 3, 5, 4), (2, 3, 5, 4), {"attn_mask": "bool"}),
    "float mask": ((2, 3, 5, 4), (2, 3, 5, 4), {"attn_mask": "float"}),
}


def compare(program, tolerance: float) -> None:
    """Run on both libraries: tensors within tolerance of the largest value, generators equal."""
    expected, found = program(torch), program(rushlight)
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        a, b = a.detach().double().numpy(), b.detach().double().numpy()
        assert a.shape == b.shape
        assert abs(a - b).max() <= tolerance * max(abs(b).max(), 1.0), abs(a - b).max()
    assert rushlight.get_rng_state().tolist() == torch.get_rng_state().tolist()


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_function(name: str, dtype: str) -> None:
    queries, keys, options = SHAPES[name]

    def program(lib):
        lib.manual_seed(3)
        kind = getattr(lib, dtype)
        q, k, v = (lib.randn(s, dtype=kind).requires_grad_() for s in (queries, keys, keys))
        kwargs = dict(options)
        if kwargs.get("attn_mask") == "bool":
            kwargs["attn_mask"] = lib.rand(5, 5) > 0.3
        if kwargs.get("attn_mask") == "float":
            kwargs["attn_mask"] = lib.randn(5, 5, dtype=kind)
        attend = lib.nn.functional.scaled_dot_product_attention
        out = attend(q, k, v, dropout_p=0.3, **kwargs)
        (out * lib.linspace(0, 1, out.shape[-1], dtype=kind)).sum().backward()
        with lib.no_grad():
            again = attend(q, k, v, dropout_p=0.6, **kwargs)
        return [out, q.grad, k.grad, v.grad, again]

    compare(program, TOLERANCE[dtype])


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_function_at_the_ends(p: float) -> None:
    def program(lib):
        lib.manual_seed(3)
        q, k, v = (lib.randn(2, 3, 5, 4) for _ in range(3))
        return [lib.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=p), lib.rand(3)]

    compare(program, TOLERANCE["float32"])


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", ["none", "bool", "float", "causal"])
@pytest.mark.parametrize("padding", [True, False])
def test_multihead_attention(mask, padding, batch_first, need_weights) -> None:
    def program(lib):
        lib.manual_seed(1)
        m = lib.nn.MultiheadAttention(8, 2, dropout=0.3, batch_first=batch_first)
        x = lib.randn(3, 5, 8) if batch_first else lib.randn(5, 3, 8)
        kwargs = {}
        if mask == "bool":
            kwargs["attn_mask"] = (lib.rand(5, 5) > 0.8).fill_diagonal_(False)
        elif mask == "float":
            kwargs["attn_mask"] = lib.randn(5, 5)
        elif mask == "causal":
            kwargs["attn_mask"] = lib.nn.Transformer.generate_square_subsequent_mask(5)
            kwargs["is_causal"] = True
        if padding:
            kwargs["key_padding_mask"] = lib.tensor([[0] * 5, [0] * 4 + [1], [0] * 3 + [1] * 2]) > 0
            if mask in ("float", "causal"):
                hidden = lib.zeros(3, 5)
                hidden[kwargs["key_padding_mask"]] = float("-inf")
                kwargs["key_padding_mask"] = hidden
        out, weights = m(x, x, x, need_weights=need_weights, **kwargs)
        (out * lib.arange(8.0)).sum().backward()
        with lib.no_grad():
            again, _ = m(x, x, x, need_weights=need_weights, average_attn_weights=False, **kwargs)
        shown = [out, again] + [p.grad for p in m.parameters()]
        return shown + ([weights] if need_weights else [])

    compare(program, TOLERANCE["float32"])


def test_multihead_attention_of_other_widths() -> None:
    def program(lib):
        lib.manual_seed(1)
        m = lib.nn.MultiheadAttention(
            8, 2, dropout=0.3, kdim=4, vdim=6, add_bias_kv=True, add_zero_attn=True
        )
        q, k, v = lib.randn(5, 3, 8), lib.randn(4, 3, 4), lib.randn(4, 3, 6)
        flat = lib.nn.MultiheadAttention(8, 2, dropout=0.3)
        x = lib.randn(5, 8)
        return [
            *m(q, k, v),
            m(q, k, v, need_weights=False)[0],
            *flat(x, x, x),
            flat(x, x, x, need_weights=False)[0],
        ]

    compare(program, TOLERANCE["float32"])


@pytest.mark.parametrize("cls", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_layers(activation, norm_first, batch_first, cls) -> None:
    def program(lib):
        lib.manual_seed(1)
        layer = getattr(lib.nn, cls)(
            8,
            2,
            16,
            dropout=0.2,
            batch_first=batch_first,
            norm_first=norm_first,
            activation=activation,
        )
        x, memory = lib.randn(4, 3, 8), lib.randn(4, 3, 8)
        causal = lib.nn.Transformer.generate_square_subsequent_mask(3 if batch_first else 4)
        extra = () if "Encoder" in cls else (memory,)
        outs = [layer(x, *extra, m) for m in (None, causal)]
        sum((o.pow(2) * lib.arange(8.0)).sum() for o in outs).backward()
        with lib.no_grad():
            outs.append(layer(x, *extra, causal))
        return outs + [p.grad for p in layer.parameters()]

    compare(program, TOLERANCE["float32"])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_transformer(batch_first) -> None:
    def program(lib):
        lib.manual_seed(1)
        net = lib.nn.Transformer(8, 2, 2, 2, 16, dropout=0.2, batch_first=batch_first)
        source = lib.randn(*((3, 4, 8) if batch_first else (4, 3, 8)))
        target = lib.randn(*((3, 5, 8) if batch_first else (5, 3, 8)))
        causal = net.generate_square_subsequent_mask(5)
        out = net(source, target, tgt_mask=causal, tgt_is_causal=True)
        (out.pow(2) * lib.arange(8.0)).sum().backward()
        layer = lib.nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first)
        encoder = lib.nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        padding = lib.tensor([[0] * 4, [0] * 3 + [1], [0] * 2 + [1] * 2]) > 0
        encoded = encoder(source, src_key_padding_mask=padding)
        return [out, encoded] + [p.grad for p in net.parameters()]

    compare(program, TOLERANCE["float32"])
