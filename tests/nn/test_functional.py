"""Functions that are compositions: against definitions written out in numpy or plain Python."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import rushlight as torch
from rushlight.nn import functional as F


def values(*shape, seed=0, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def test_pad_agrees_with_numpy() -> None:
    x = values(2, 3, 4, 5)
    for mode, name in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")):
        expected = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 1), (1, 3)), mode=name)
        assert np.array_equal(F.pad(x, (1, 3, 2, 1), mode=mode).numpy(), expected)
    expected = np.pad(x.numpy(), ((0, 0), (0, 0), (0, 0), (1, 2)), constant_values=7)
    assert np.array_equal(F.pad(x, (1, 2), value=7).numpy(), expected)
    with pytest.raises(RuntimeError, match="Padding length must be divisible by 2"):
        F.pad(x, (1, 2, 3))
    with pytest.raises(RuntimeError, match="Padding size should be less than the corresponding"):
        F.pad(x, (5, 5, 0, 0), mode="reflect")


def test_fold_counts_the_windows_that_unfold_took() -> None:
    x = values(2, 3, 6, 5)
    options = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}
    columns = F.unfold(x, **options)
    ones = F.fold(F.unfold(torch.ones_like(x), **options), (6, 5), **options)
    assert torch.equal((F.fold(columns, (6, 5), **options) / ones)[ones > 0], x[ones > 0])
    weight = values(4, 3, 3, 2)
    direct = F.conv2d(x, weight, None, (2, 1), (1, 0), (1, 2))
    product = (weight.view(4, -1) @ columns).view(direct.shape)
    assert (direct - product).abs().max().item() < 1e-12


def test_pixel_shuffle_and_back() -> None:
    x = values(2, 8, 3, 4)
    assert torch.equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), x)
    assert F.channel_shuffle(torch.arange(6).view(1, 6, 1), 2).flatten().tolist() == [
        0, 3, 1, 4, 2, 5,
    ]  # fmt: skip


def test_unpool_puts_maxima_back() -> None:
    x = values(1, 2, 6, 6)
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    restored = F.max_unpool2d(pooled, indices, 2)
    assert torch.equal(restored[restored != 0].sort()[0], pooled.flatten().sort()[0])
    assert torch.equal(F.max_pool2d(restored.abs(), 2), pooled.abs())
    with pytest.raises(ValueError, match="invalid output_size"):
        F.max_unpool2d(pooled, indices, 2, output_size=(9, 9))


def test_fractional_pool_takes_maxima_of_windows() -> None:
    x = values(1, 2, 8, 8)
    out, indices = F.fractional_max_pool2d(x, 2, output_size=5, return_indices=True)
    assert out.shape == (1, 2, 5, 5)
    picked = x.flatten(2).gather(2, indices.flatten(2)).view(out.shape)
    assert torch.equal(picked, out)


def brute_force_ctc(log_probs, target, blank) -> float:
    """Sum over all alignments."""
    steps, classes = log_probs.shape
    total = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        labels = [k for k, _ in itertools.groupby(path) if k != blank]
        if labels == list(target):
            total += math.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
    return -math.log(total) if total else math.inf


@pytest.mark.parametrize("target", [(), (1,), (1, 2), (2, 2), (1, 2, 1), (1, 1, 1)])
def test_ctc_sums_over_alignments(target) -> None:
    log_probs = F.log_softmax(values(4, 1, 3), -1)
    expected = brute_force_ctc(log_probs[:, 0].numpy(), target, 0)
    targets = torch.tensor([target], dtype=torch.int64)
    loss = F.ctc_loss(log_probs, targets, (4,), (len(target),), reduction="sum")
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_ctc_gradient_is_that_of_the_logits() -> None:
    logits = values(5, 2, 4).requires_grad_()
    targets = torch.tensor([[1, 2], [3, 3]])

    def loss(x):
        return F.ctc_loss(F.log_softmax(x, -1), targets, (5, 4), (2, 2), reduction="sum")

    loss(logits).backward()
    step = 1e-6
    for index in ((0, 0, 1), (2, 1, 3), (3, 0, 0), (4, 0, 2), (4, 1, 3)):
        moved = [logits.detach().clone() for _ in range(2)]
        moved[0][index] += step
        moved[1][index] -= step
        slope = (loss(moved[0]) - loss(moved[1])).item() / (2 * step)
        assert logits.grad[index].item() == pytest.approx(slope, abs=1e-7)


def test_grid_sample_at_the_pixels_is_the_input() -> None:
    for shape in ((1, 2, 4, 5), (1, 2, 3, 4, 5)):
        x = values(*shape)
        dims = len(shape) - 2
        identity = torch.eye(dims, dims + 1, dtype=torch.float64).unsqueeze(0)
        for corners in (True, False):
            grid = F.affine_grid(identity, shape, align_corners=corners)
            same = F.grid_sample(x, grid, align_corners=corners)
            assert (same - x).abs().max().item() < 1e-12


def test_embedding_bag_modes() -> None:
    weight = values(6, 3)
    rows = torch.tensor([1, 2, 4, 5, 4])
    offsets = torch.tensor([0, 2, 2])
    for mode, reduce in (("sum", np.sum), ("mean", np.mean), ("max", np.max)):
        out = F.embedding_bag(rows, weight, offsets, mode=mode).numpy()
        w = weight.numpy()
        assert np.allclose(out[0], reduce(w[[1, 2]], axis=0))
        assert np.array_equal(out[1], np.zeros(3))
        assert np.allclose(out[2], reduce(w[[4, 5, 4]], axis=0))


def test_embedding_scales_long_rows_down() -> None:
    weight = torch.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    F.embedding(torch.tensor([0, 1]), weight, max_norm=1.0)
    assert weight[0].norm().item() == pytest.approx(1.0, abs=1e-6)
    assert weight[1:].tolist() == [[pytest.approx(0.3), pytest.approx(0.4)], [6.0, 8.0]]


def test_distances() -> None:
    x, y = values(4, 3), values(4, 3, seed=1)
    a, b = x.numpy(), y.numpy()
    expected = np.linalg.norm(a - b + 1e-6, axis=1)
    assert np.allclose(F.pairwise_distance(x, y).numpy(), expected)
    cos = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert np.allclose(F.cosine_similarity(x, y).numpy(), cos)
    assert np.allclose(np.linalg.norm(F.normalize(x).numpy(), axis=1), 1)
    pairs = [np.linalg.norm(a[i] - a[j]) for i in range(4) for j in range(i + 1, 4)]
    assert np.allclose(F.pdist(x).numpy(), pairs)


def test_one_hot() -> None:
    assert F.one_hot(torch.tensor([[2, 0]]), 4).tolist() == [[[0, 0, 1, 0], [1, 0, 0, 0]]]
    with pytest.raises(RuntimeError, match="Class values must be smaller than num_classes"):
        F.one_hot(torch.tensor([3]), 3)
    with pytest.raises(RuntimeError, match="Class values must be non-negative"):
        F.one_hot(torch.tensor([-1]))


def test_old_reduction_arguments_warn() -> None:
    x, y = values(3), values(3, seed=1)
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        total = F.mse_loss(x, y, size_average=False)
    assert total.item() == pytest.approx(F.mse_loss(x, y, reduction="sum").item())
    with pytest.raises(ValueError, match="avg is not a valid value for reduction"):
        F.mse_loss(x, y, reduction="avg")


def test_different_sizes_warn() -> None:
    with pytest.warns(UserWarning, match="Using a target size"):
        F.mse_loss(values(3, 1), values(3))
    with pytest.raises(ValueError, match="Target size"):
        F.binary_cross_entropy_with_logits(values(3, 1), values(3))


def test_implicit_softmax_dimension_warns() -> None:
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        assert F.softmax(values(2, 3)).sum(1).tolist() == [pytest.approx(1.0)] * 2


def test_dropout_refuses_no_probability() -> None:
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
        F.dropout(values(3), 1.5)
    x = values(3)
    assert F.dropout(x, 0.5, training=False) is x


def test_dropout2d_drops_whole_channels() -> None:
    torch.manual_seed(0)
    kept = (F.dropout2d(torch.ones(8, 8, 3, 3), 0.5) != 0).flatten(2)
    assert torch.equal(kept.all(2), kept.any(2))
    assert 0 < kept.all(2).sum().item() < 64


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({}, ValueError, "either size or scale_factor should be defined"),
        ({"size": 2, "scale_factor": 2}, ValueError, "only one of size or scale_factor"),
        ({"size": (2, 2)}, ValueError, "must have the same number of spatial dimensions"),
        ({"size": 2, "align_corners": True}, ValueError, "align_corners option can only be set"),
        ({"size": 2, "mode": "bilinear"}, NotImplementedError, "bilinear mode needs 4D input"),
        ({"size": 2, "mode": "cubic"}, NotImplementedError, "Only 3D, 4D and 5D input Tensors"),
    ],
)
def test_interpolate_refuses(arguments, error, text) -> None:
    with pytest.raises(error, match=text):
        F.interpolate(torch.ones(1, 1, 4), **arguments)


def test_attention_ignores_hidden_keys() -> None:
    torch.manual_seed(0)
    layer = torch.nn.MultiheadAttention(4, 2, batch_first=True).double()
    x = values(2, 5, 4)
    hidden = torch.zeros(2, 5, dtype=torch.bool)
    hidden[:, 3:] = True
    with_weights, weights = layer(x, x, x, key_padding_mask=hidden)
    without, none = layer(x, x, x, key_padding_mask=hidden, need_weights=False)
    short, _ = layer(x, x[:, :3], x[:, :3])
    assert none is None and weights[..., 3:].abs().max().item() == 0
    assert (with_weights - without).abs().max().item() < 1e-12
    assert (with_weights - short).abs().max().item() < 1e-12
