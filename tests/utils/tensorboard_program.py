"""Writes everything that a SummaryWriter can write; the argument is the module to import it from."""

import importlib
import sys

import torch
from matplotlib.figure import Figure
from torch import nn

SummaryWriter = importlib.import_module(sys.argv[1]).SummaryWriter


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(4 * 6 * 6, 10)

    def forward(self, picture):
        return self.head(self.features(picture).flatten(1))


def main():
    steps = torch.arange(50)
    x = torch.linspace(-1, 1, 1001)
    with SummaryWriter(sys.argv[2]) as writer:
        for step in steps:
            writer.add_scalar("curves/loss", torch.exp(-step / 10), step)
            writer.add_scalars("curves/both", {"a": step * 1.0, "b": -step * 1.0}, step)
        for step in range(3):
            writer.add_histogram("weights", x * (step + 1), step)
        writer.add_histogram_raw("raw", 0, 3, 4, 6.0, 14.0, torch.tensor([1.0, 2, 3]), [1, 1, 2], 0)
        ramp = torch.linspace(0, 1, 8).expand(3, 6, 8)
        writer.add_image("ramp", ramp, 1)
        writer.add_images("batch", torch.stack([ramp, 1 - ramp]), 1)
        writer.add_image_with_boxes("boxes", ramp, torch.tensor([[1.0, 1, 5, 4]]), 1)
        figure = Figure(figsize=(2, 1), dpi=50)
        figure.subplots().plot([0, 1], [1, 0])
        writer.add_figure("figure", figure, 1)
        writer.add_video("video", torch.rand(1, 4, 3, 8, 8), 1, fps=4)
        writer.add_audio("tone", torch.sin(torch.arange(800) * 0.3), 1, sample_rate=8000)
        writer.add_text("note", "**bold** <script>alert(1)</script>", 2)
        writer.add_pr_curve(
            "pr",
            torch.tensor([0, 1, 1, 0]),
            torch.tensor([0.1, 0.9, 0.6, 0.4]),
            3,
            num_thresholds=5,
        )
        counts = [torch.tensor([2.0, 1, 0]), torch.tensor([2.0, 1, 0])]
        counts += [torch.tensor([0.0, 1, 2]), torch.tensor([0.0, 1, 2])]
        ratios = [torch.tensor([0.5, 0.5, 0]), torch.tensor([1.0, 0.5, 0])]
        writer.add_pr_curve_raw("pr raw", *counts, *ratios, 3, num_thresholds=3)
        corners = torch.tensor([[[1.0, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]]])
        faces = torch.tensor([[[0, 2, 3], [0, 3, 1], [0, 1, 2], [1, 3, 2]]])
        writer.add_mesh("solid", corners, torch.zeros(1, 4, 3, dtype=torch.int), faces)
        writer.add_hparams({"lr": 0.1, "name": "sgd", "nesterov": True}, {"hparam/accuracy": 0.75})
        writer.add_custom_scalars({"all": {"loss": ["Multiline", ["curves/loss"]]}})
        writer.add_embedding(
            torch.arange(12.0).reshape(4, 3),
            metadata=["a", "b\tc", "d\ne", "f"],
            label_img=torch.rand(4, 3, 8, 8),
            global_step=1,
            tag='points "1"',
        )
        writer.add_graph(Net(), torch.zeros(2, 1, 8, 8))


main()
