"""`summary` prints what torchinfo 1.8 prints of the same model in PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torchinfo = pytest.importorskip("torchinfo")

import rushlight  # noqa: E402

ALL = (
    "input_size",
    "output_size",
    "num_params",
    "params_percent",
    "kernel_size",
    "mult_adds",
    "trainable",
)


def lenet(torch):
    class LeNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            nn = torch.nn
            self.features = nn.Sequential(
                nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)
            )
            self.act = nn.ReLU()
            self.fc1, self.bn, self.fc2 = nn.Linear(1176, 10), nn.BatchNorm1d(10), nn.Linear(10, 10)
            self.fc3 = self.fc2
            self.fc1.weight.requires_grad = False

        def forward(self, x):
            x = self.bn(self.fc1(self.act(self.features(x)).flatten(1)))
            return self.fc3(self.fc2(self.act(x)))

    return LeNet()


def residual(torch):
    class Block(torch.nn.Module):
        def __init__(self, n):
            super().__init__()
            nn = torch.nn
            self.layers = nn.ModuleList(
                [
                    nn.Sequential(nn.Conv2d(n, n, 3, padding=1, groups=2), nn.BatchNorm2d(n))
                    for _ in range(2)
                ]
            )
            for p in self.layers[1].parameters():
                p.requires_grad = False

        def forward(self, x):
            for layer in self.layers:
                x = x + layer(x).relu()
            return x

    nn = torch.nn
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 3)]
    return nn.Sequential(
        nn.Conv2d(3, 8, (3, 5), stride=2), Block(8), nn.ConvTranspose2d(8, 8, 2), Block(8), *tail
    )


def words(torch):
    class Words(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(10, 4)
            self.rnn = torch.nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True)
            self.score = torch.nn.Linear(10, 2)

        def forward(self, ids, scale=1.0):
            h, _ = self.rnn(self.table(ids))
            return {"h": h, "scores": self.score(h) * scale}

    return Words()


def pruned(torch):
    from importlib import import_module

    prune = import_module(f"{torch.__name__}.nn.utils.prune")
    model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Conv1d(3, 2, 1))[:1]
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    return model


def transformer(torch):
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


CASES = {
    "lenet": (lenet, {"input_size": (2, 1, 28, 28)}),
    "lenet, all columns": (
        lenet,
        {
            "input_size": (2, 1, 28, 28),
            "col_names": ALL,
            "row_settings": ("depth", "var_names", "ascii_only"),
        },
    ),
    "lenet, every parameter": (
        lenet,
        {"input_size": [(2, 1, 28, 28)], "verbose": 2, "col_width": 16},
    ),
    "lenet, flat": (lenet, {"input_size": (1, 28, 28), "batch_dim": 0, "depth": 1}),
    "lenet, without repeated layers": (
        lenet,
        {"input_size": (2, 1, 28, 28), "row_settings": ["hide_recursive_layers"], "mode": "train"},
    ),
    "lenet, no input": (lenet, {}),
    "residual": (residual, {"input_size": (2, 3, 17, 19), "col_names": ALL}),
    "residual, depth 1": (residual, {"input_size": (2, 3, 17, 19), "col_names": ALL, "depth": 1}),
    "residual, depth 2": (residual, {"input_size": (2, 3, 17, 19), "col_names": ALL, "depth": 2}),
    "words": (words, {"ids": [[1, 2, 3]], "col_names": ALL, "scale": 2.0}),
    "words, every parameter": (words, {"ids": [[1, 2, 3]], "verbose": 2}),
    "pruned": (pruned, {"input_size": (2, 8), "col_names": ALL, "verbose": 2}),
    "transformer": (transformer, {"input_size": (2, 3, 8), "col_names": ALL}),
}


def table(library, summary, model, options):
    options = {"verbose": 0, **options}
    if "ids" in options:
        options["input_data"] = library.tensor(options.pop("ids"))
    stats = summary(model(library), **options)
    # torchinfo 1.8 prints the name of its unit since Python 3.11.
    return str(stats).replace("(Units.MEGABYTES)", "(M)").splitlines(), stats


@pytest.mark.parametrize("name", CASES)
def test_prints_what_torchinfo_prints(name, capsys):
    model, options = CASES[name]
    theirs, expected = table(torch, torchinfo.summary, model, options)
    printed = capsys.readouterr().out.replace("(Units.MEGABYTES)", "(M)")
    ours, stats = table(rushlight, rushlight.summary, model, options)
    if (
        name != "transformer"
    ):  # whose attention has parameters that torchinfo leaves out of "Params size"
        assert ours == theirs
        assert stats.total_param_bytes == expected.total_param_bytes
    else:
        assert ours[:-6] == theirs[:-6]
        assert stats.total_param_bytes == 4 * expected.total_params
    assert capsys.readouterr().out == printed
    for total in ("total_params", "trainable_params", "total_mult_adds", "total_output_bytes"):
        assert getattr(stats, total) == getattr(expected, total), total
