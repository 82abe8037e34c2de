"""An operator with a gradient written by hand: the rounding of a quantised layer, passed straight through.

rushlight run examples/custom_function.py [--steps 200]
"""

import argparse

import torch
from torch import nn


class Round(torch.autograd.Function):
    """Rounds to multiples of `step`; the gradient is that of the identity inside [-1, 1]."""

    @staticmethod
    def forward(ctx, x, step):
        ctx.save_for_backward(x)
        return (x / step).round() * step

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1), None


class Cube(torch.autograd.Function):
    """x * x * x, with the gradient that gradcheck verifies."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3 * x * x * grad


class QuantisedLinear(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, Round.apply(self.weight, 0.25), self.bias)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    print("gradient of Cube is right:", torch.autograd.gradcheck(Cube.apply, (x,)))

    inputs = torch.randn(128, 4)
    targets = inputs @ torch.tensor([[0.5], [-0.75], [0.25], [1.0]])
    model = QuantisedLinear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(args.steps):
        loss = nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == args.steps - 1:
            print(f"step {step}: loss {loss.item():.4f}")
    print(Round.apply(model.weight, 0.25))


if __name__ == "__main__":
    main()
