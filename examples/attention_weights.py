"""Attention that learns to reverse a sequence, and a picture of its weights.

rushlight run examples/attention_weights.py [--steps 400] [--out attention.png]

The picture needs matplotlib; without --out the weights are printed.
"""

import argparse

import torch
from torch import nn

LENGTH, WORDS = 6, 10


class Reverser(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, width)
        self.place = nn.Parameter(torch.randn(LENGTH, width))
        self.question = nn.Parameter(torch.randn(LENGTH, width))
        self.attention = nn.MultiheadAttention(width, 1, batch_first=True)
        self.head = nn.Linear(width, WORDS)

    def forward(self, x):
        keys = self.embedding(x) + self.place
        queries = self.question.expand(len(x), -1, -1)
        y, weights = self.attention(queries, keys, keys)
        return self.head(y), weights


def save_picture(weights, path):
    from matplotlib.figure import Figure

    figure = Figure(layout="tight")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(weights.numpy(), cmap="viridis", vmin=0, vmax=1))
    axes.set(xlabel="position read", ylabel="position written")
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", metavar="FILE")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    model = Reverser()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(args.steps):
        x = torch.randint(0, WORDS, (64, LENGTH))
        scores, _ = model(x)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), x.flip(1).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == args.steps - 1:
            print(f"step {step}: loss {loss.item():.3f}")
    with torch.no_grad():
        _, weights = model(x)
    weights = weights.mean(0)  # (written, read)
    if args.out:
        save_picture(weights, args.out)
    for row in weights:
        print(" ".join(f"{w:.2f}" for w in row.tolist()))


if __name__ == "__main__":
    main()
