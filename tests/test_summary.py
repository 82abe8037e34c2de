"""The table of a model's layers. Numbers and rows are those that torchinfo 1.8 gives of the same models in PyTorch 2.13."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight import nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2))
        self.act = nn.ReLU()
        self.fc1, self.bn, self.fc2 = nn.Linear(1176, 10), nn.BatchNorm1d(10), nn.Linear(10, 10)
        self.fc3 = self.fc2
        self.unused = nn.Linear(3, 3)
        self.extra = nn.Parameter(torch.zeros(5))
        self.fc1.weight.requires_grad = False

    def forward(self, x):
        x = self.bn(self.fc1(self.act(self.features(x)).flatten(1)))
        return self.fc3(self.fc2(self.act(x)))


TABLE = """\
==========================================================================================
Layer (type:depth-idx)                   Output Shape              Param #
==========================================================================================
LeNet                                    [2, 10]                   17
├─Sequential: 1-1                        [2, 6, 14, 14]            --
│    └─Conv2d: 2-1                       [2, 6, 28, 28]            156
│    └─Sigmoid: 2-2                      [2, 6, 28, 28]            --
│    └─AvgPool2d: 2-3                    [2, 6, 14, 14]            --
├─ReLU: 1-2                              [2, 6, 14, 14]            --
├─Linear: 1-3                            [2, 10]                   11,770
├─BatchNorm1d: 1-4                       [2, 10]                   20
├─ReLU: 1-5                              [2, 10]                   --
├─Linear: 1-6                            [2, 10]                   110
├─Linear: 1-7                            [2, 10]                   (recursive)
==========================================================================================
Total params: 12,073
Trainable params: 313
Non-trainable params: 11,760
Total mult-adds (M): 0.27
==========================================================================================
Input size (MB): 0.01
Forward/backward pass size (MB): 0.08
Params size (MB): 0.05
Estimated Total Size (MB): 0.13
==========================================================================================
"""


def test_table(capsys):
    stats = torch.summary(LeNet(), (2, 1, 28, 28))
    assert capsys.readouterr().out == TABLE
    assert repr(stats) == TABLE.rstrip("\n")
    assert (stats.total_params, stats.trainable_params) == (12_073, 313)
    assert (stats.total_mult_adds, stats.total_output_bytes) == (268_628, 75_904)
    assert (stats.total_input, stats.total_param_bytes) == (2 * 28 * 28 * 4, 12_073 * 4)
    assert stats.input_size == [(2, 1, 28, 28)]


def test_all_columns():
    columns = ["input_size", "kernel_size", "params_percent", "mult_adds", "trainable"]
    rows = str(
        torch.summary(
            LeNet(),
            [(2, 1, 28, 28)],
            col_names=columns,
            col_width=14,
            row_settings=["var_names", "ascii_only"],
            verbose=0,
        )
    ).splitlines()
    assert [" ".join(row.split()) for row in rows[1:14]] == [
        "Layer (type (var_name)) Input Shape Kernel Shape Param % Mult-Adds Trainable",
        "=" * (40 + 5 * 14),
        "LeNet (LeNet) [2, 1, 28, 28] -- 0.14% -- Partial",
        "+ Sequential (features) [2, 1, 28, 28] -- -- -- True",
        "| + Conv2d (0) [2, 1, 28, 28] [5, 5] 1.29% 244,608 True",
        "| + Sigmoid (1) [2, 6, 28, 28] -- -- -- --",
        "| + AvgPool2d (2) [2, 6, 28, 28] 2 -- -- --",
        "+ ReLU (act) [2, 6, 14, 14] -- -- -- --",
        "+ Linear (fc1) [2, 1176] -- 97.49% 23,540 Partial",
        "+ BatchNorm1d (bn) [2, 10] -- 0.17% 40 True",
        "+ ReLU (act) [2, 10] -- (recursive) -- --",
        "+ Linear (fc3) [2, 10] -- 0.91% 220 True",
        "+ Linear (fc3) [2, 10] -- (recursive) 220 True",
    ]


def test_without_input_parameters_are_shown():
    text = str(torch.summary(LeNet(), verbose=0))
    assert "Linear: 1-7                            12\n" in text  # the unused layer
    assert "LeNet                                    5\n" in text
    assert "mult-adds" not in text and "(MB)" not in text


def test_every_parameter():
    model = nn.Sequential(nn.LSTM(4, 5, batch_first=True))
    text = str(
        torch.summary(
            model,
            input_data=torch.zeros(1, 3, 4),
            col_names=["num_params", "kernel_size"],
            verbose=0,
        )
    )
    assert "weight_ih_l0" not in text
    stats = torch.summary(
        nn.Linear(3, 2), (1, 3), col_names=["num_params", "kernel_size"], verbose=2
    )
    rows = [" ".join(line.split()) for line in str(stats).splitlines()]
    assert rows[3:6] == ["Linear 8 --", "├─weight ├─6 [3, 2]", "├─bias └─2 [2]"]


def test_mult_adds_of_recurrent_layers():
    stats = torch.summary(
        nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True), (1, 3, 4), verbose=0
    )
    assert (stats.total_params, stats.total_mult_adds) == (1_120, 3_360)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 4)
        self.score = nn.Linear(4, 10, bias=False)
        self.score.weight = self.table.weight

    def forward(self, ids, x=None, scale=1.0):
        y = self.score(self.table(ids) * scale)
        return {"y": y, "last": y.sum(-1) if x is None else x}


def test_inputs_as_sizes_tensors_and_keywords():
    sizes = torch.summary(Two(), [(1, 3), (2, 2)], dtypes=[torch.long, torch.float], verbose=0)
    assert sizes.input_size == [(1, 3), (2, 2)] and sizes.total_input == 3 * 8 + 4 * 4
    assert sizes.summary_list[0].output_size == [2, 2]
    ids = torch.tensor([[1, 2, 3]])
    for given in (ids, [ids], (ids,), {"ids": ids}):
        stats = torch.summary(Two(), input_data=given, verbose=0, scale=2.0)
        assert [layer.class_name for layer in stats.summary_list] == ["Two", "Embedding", "Linear"]
        assert stats.summary_list[0].output_size == [1, 3]
        assert stats.summary_list[0].input_size == [1, 3]
    # A parameter that two layers share is one parameter.
    assert sizes.total_params == 40 and sizes.total_param_bytes == 160


def test_the_model_and_the_random_stream_stay_as_they_were():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[2].eval()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    torch.summary(model, (3, 4), verbose=0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.summary(model, (3, 4), mode="train", verbose=0)
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert model[1].num_batches_tracked == 0 and not model[1].running_mean.any()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model[0].weight.grad is None


def test_lazy_and_meta_models():
    model = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1))
    assert torch.summary(model, verbose=0).total_params == 4
    assert torch.summary(model, (2, 5), verbose=0).total_params == 5 * 3 + 3 + 4
    big = torch.summary(nn.Linear(100_000, 100_000, device="meta"), (1, 100_000), verbose=0)
    assert big.total_params == 10_000_100_000
    assert "Total mult-adds (G): 10.00" in str(big)


def test_refusals():
    model = nn.Linear(3, 2)
    with pytest.raises(
        ValueError, match="col_names: got 'size', expected one of input_size, output"
    ):
        torch.summary(model, (1, 3), col_names=["size"])
    with pytest.raises(ValueError, match="mult_adds need input_size or input_data"):
        torch.summary(model, col_names=["mult_adds"])
    with pytest.raises(ValueError, match="mode: got 'test', expected one of train, eval"):
        torch.summary(model, mode="test")
    with pytest.raises(ValueError, match="row_settings: got 'x'"):
        torch.summary(model, row_settings=["x"])
    with pytest.raises(ValueError, match="verbose: got 3, expected 0, 1 or 2"):
        torch.summary(model, verbose=3)
    with pytest.raises(ValueError, match="col_width: got 0"):
        torch.summary(model, col_width=0)
    with pytest.raises(RuntimeError, match="expected only one of them"):
        torch.summary(model, (1, 3), input_data=torch.zeros(1, 3))
    with pytest.raises(TypeError, match="input_size: got int, expected a tuple such as"):
        torch.summary(model, 3)
    for size in ((1, 0), (), [(1, -3)], (1.5, 3)):
        with pytest.raises(ValueError, match="expected positive whole numbers"):
            torch.summary(model, size)
    with pytest.raises(
        RuntimeError, match=r"Sequential failed on inputs of sizes \[\[1, 4\]\]: mat1 .*"
    ) as caught:
        torch.summary(nn.Sequential(nn.ReLU(), model), (1, 4))
    assert "layers that ran: ReLU" in str(caught.value) and caught.value.__cause__ is not None
    assert not model._forward_hooks


def test_resnet18_has_its_published_numbers():
    text = str(torch.summary(torch.vision.models.resnet18(), (1, 3, 224, 224), verbose=0))
    for line in (
        "Total params: 11,689,512",
        "Total mult-adds (G): 1.81",
        "Input size (MB): 0.60",
        "Forward/backward pass size (MB): 39.75",
        "Params size (MB): 46.76",
        "Estimated Total Size (MB): 87.11",
    ):
        assert line in text.splitlines()
    assert "│    │    └─BatchNorm2d: 3-2             [1, 64, 56, 56]           128" in text
