"""Curves, histograms and pictures of a training run for TensorBoard.

rushlight run examples/tensorboard.py [--steps 100] [--logdir runs/example]
tensorboard --logdir runs
"""

import argparse
import os

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logdir", default="runs/example")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    x = torch.linspace(-3, 3, 128).unsqueeze(1)
    y = torch.sin(2 * x) + 0.1 * torch.randn_like(x)
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)

    with SummaryWriter(args.logdir) as writer:
        for step in range(args.steps):
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            writer.add_scalar("loss", loss.item(), step)
            writer.add_scalar("learning rate", schedule.get_last_lr()[0], step)
            if step % 10 == 0:
                for name, param in model.named_parameters():
                    writer.add_histogram(name, param, step)
        writer.add_image("first layer", model[0].weight.detach().abs().view(1, 4, 8), args.steps)
        writer.add_text("model", str(model))
    print(f"loss {loss.item():.4f}; wrote {len(os.listdir(args.logdir))} file to {args.logdir}")


if __name__ == "__main__":
    main()
