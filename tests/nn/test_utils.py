"""nn.utils: clipping, packing, parametrizations, normalised weights, pruning, functional calls."""

from __future__ import annotations

import copy
import pickle

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.utils import parametrizations, parametrize, prune, rnn, stateless


def with_gradients(*rows):
    params = []
    for row in rows:
        p = nn.Parameter(torch.zeros(len(row)))
        p.grad = torch.tensor(row)
        params.append(p)
    return params


def test_clip_by_norm_and_value() -> None:
    params = with_gradients([3.0, 0.0], [4.0])
    assert nn.utils.clip_grad_norm_(params, 2.5).item() == pytest.approx(5.0)
    assert params[0].grad.tolist() == [pytest.approx(1.5, rel=1e-5), 0.0]
    nn.utils.clip_grad_value_(params, 1.0)
    assert [p.grad.tolist() for p in params] == [[1.0, 0.0], [1.0]]
    assert nn.utils.clip_grad_norm_(params, 100.0, float("inf")).item() == 1.0
    assert params[1].grad.tolist() == [1.0]


def test_clip_refuses_nan_if_asked() -> None:
    params = with_gradients([float("nan")])
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    with pytest.warns(FutureWarning, match="clip_grad_norm` is now deprecated"):
        nn.utils.clip_grad_norm(params, 1.0)


def test_vector_of_parameters() -> None:
    layer = nn.Linear(2, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (6,)
    nn.utils.vector_to_parameters(torch.arange(6.0), layer.parameters())
    assert layer.weight.tolist() == [[0.0, 1.0], [2.0, 3.0]] and layer.bias.tolist() == [4.0, 5.0]


def test_packing_and_back() -> None:
    sequences = [torch.arange(n, dtype=torch.float32) + 10 * n for n in (2, 4, 1)]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.data.tolist() == [40.0, 20.0, 10.0, 41.0, 21.0, 42.0, 43.0]
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)
    assert lengths.tolist() == [2, 4, 1] and padded[2].tolist() == [10.0, -1.0, -1.0, -1.0]
    assert all(torch.equal(a, b) for a, b in zip(rnn.unpack_sequence(packed), sequences))
    left = rnn.pad_sequence(sequences, batch_first=True, padding_side="left")
    assert left[0].tolist() == [0.0, 0.0, 20.0, 21.0]


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([1, 2], "`lengths` array must be sorted in decreasing order"),
        ([2, 0], "Length of all samples has to be greater than 0"),
        ([2], "Expected `len\\(lengths\\)` to be equal to batch_size"),
    ],
)
def test_packing_refuses(lengths, text) -> None:
    with pytest.raises(RuntimeError, match=text):
        rnn.pack_padded_sequence(torch.ones(2, 2, 1), lengths)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_packed_input_gives_what_each_sequence_gives(kind) -> None:
    layer = kind(2, 3, num_layers=2, bidirectional=True).double()
    sequences = [torch.randn(n, 2, dtype=torch.float64) for n in (2, 4, 3)]
    output, state = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    for i, (row, sequence) in enumerate(zip(rnn.unpack_sequence(output), sequences)):
        alone, alone_state = layer(sequence)
        assert (row - alone).abs().max().item() < 1e-12
        h, expected = (s[0] if kind is nn.LSTM else s for s in (state, alone_state))
        assert (h[:, i] - expected).abs().max().item() < 1e-12


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).transpose(-1, -2)

    def right_inverse(self, a):
        return a.triu()


def test_parametrization() -> None:
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert torch.equal(layer.weight, layer.weight.t())
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    layer(torch.ones(1, 3)).sum().backward()
    assert layer.parametrizations.weight.original.grad.shape == (3, 3)
    layer.weight = torch.eye(3)
    assert torch.equal(layer.weight, torch.eye(3))
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert torch.equal(copy.deepcopy(layer).weight, layer.weight)
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and torch.equal(layer.weight, torch.eye(3))


def test_parametrization_refuses_another_shape() -> None:
    class Cut(nn.Module):
        def forward(self, x):
            return x[:1]

    with pytest.raises(ValueError, match="may not change the shape of the tensor"):
        parametrize.register_parametrization(nn.Linear(3, 3), "weight", Cut())
    with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametr"):
        parametrize.register_parametrization(nn.Linear(3, 3), "none", nn.Identity())


def test_weight_norm_both_forms() -> None:
    torch.manual_seed(0)
    plain = nn.Linear(3, 4)
    new = parametrizations.weight_norm(copy.deepcopy(plain))
    assert (new.weight - plain.weight).abs().max().item() < 1e-6
    with pytest.warns(FutureWarning, match="`torch.nn.utils.weight_norm` is deprecated"):
        old = nn.utils.weight_norm(copy.deepcopy(plain))
    new.load_state_dict(old.state_dict())
    old.weight_g.data.mul_(2)
    assert (old(torch.ones(1, 3)) - old.bias - 2 * (plain(torch.ones(1, 3)) - plain.bias)).abs(
    ).max().item() < 1e-6  # fmt: skip
    nn.utils.remove_weight_norm(old)
    assert sorted(old.state_dict()) == ["bias", "weight"]


def test_spectral_norm_makes_the_largest_singular_value_one() -> None:
    torch.manual_seed(0)
    for apply in (nn.utils.spectral_norm, parametrizations.spectral_norm):
        layer = apply(nn.Linear(6, 5), n_power_iterations=50)
        layer(torch.ones(1, 6))
        w = layer.weight.detach().double()
        largest = max(abs(float(v)) for v in _singular_values(w))
        assert largest == pytest.approx(1.0, abs=1e-3)


def _singular_values(w):
    import numpy as np

    return np.linalg.svd(w.numpy(), compute_uv=False)


def test_pruning() -> None:
    layer = nn.Linear(4, 4)
    before = layer.weight.detach().clone()
    prune.l1_unstructured(layer, "weight", 0.25)
    prune.ln_structured(layer, "weight", 1, n=2, dim=0)
    assert prune.is_pruned(layer)
    zero_rows = (layer.weight == 0).all(1).sum().item()
    assert zero_rows >= 1 and torch.equal(layer.weight_orig, before)
    layer(torch.ones(1, 4)).sum().backward()
    assert torch.equal(layer.weight_orig.grad != 0, layer.weight_mask != 0)
    prune.remove(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter) and not prune.is_pruned(layer)
    with pytest.raises(ValueError, match="has to be pruned before pruning can be removed"):
        prune.remove(layer, "weight")


def test_global_pruning_takes_the_smallest_of_all() -> None:
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        a.weight.fill_(1.0)
        b.weight.fill_(2.0)
    prune.global_unstructured([(a, "weight"), (b, "weight")], prune.L1Unstructured, amount=0.5)
    assert a.weight.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert b.weight.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_functional_call_leaves_the_module_alone() -> None:
    layer = nn.Linear(2, 1)
    weight = layer.weight
    given = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    with pytest.warns(FutureWarning, match="functional_call` is deprecated as of PyTorch 2.0"):
        out = stateless.functional_call(layer, given, torch.ones(1, 2))
    assert out.item() == 2.0 and layer.weight is weight


def test_fused_batch_norm_gives_the_same() -> None:
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(2, 3, 3).double(), nn.BatchNorm2d(3).double()
    norm(torch.randn(4, 3, 5, 5, dtype=torch.float64))
    conv.eval(), norm.eval()
    fused = nn.utils.fuse_conv_bn_eval(conv, norm)
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    assert (fused(x) - norm(conv(x))).abs().max().item() < 1e-12


def test_skip_init_allocates_only() -> None:
    layer = nn.utils.skip_init(nn.Linear, 3, 4)
    assert layer.weight.shape == (4, 3) and not layer.weight.is_meta


def test_lazy_layers() -> None:
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    assert repr(net[3].weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized"):
        net[3].weight.shape  # noqa: B018
    assert net(torch.ones(2, 3, 5, 5)).shape == (2, 2)
    assert [type(layer) for layer in net] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]


def test_data_parallel_without_devices_is_the_module() -> None:
    net = nn.DataParallel(nn.Linear(2, 1))
    assert list(net.state_dict()) == ["module.weight", "module.bias"]
    x = torch.ones(3, 2)
    assert torch.equal(net(x), net.module(x))
    assert torch.equal(nn.parallel.data_parallel(net.module, x), net(x))
