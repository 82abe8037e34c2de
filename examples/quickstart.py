"""A linear model fitted to random numbers: the smallest complete training program.

rushlight run examples/quickstart.py [--epochs 100]
"""

import argparse

import torch
import torch.nn as nn
import torch.optim as optim

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=100)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()

torch.manual_seed(args.seed)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 6)

    def forward(self, x):
        return self.linear(x)


model = Model()
print(model)
for name, param in model.named_parameters():
    print(name, type(param), param.size())
    print(param)

loss_fn = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
x, y = torch.randn(2, 5), torch.randn(2, 6)

for epoch in range(args.epochs):
    prediction = model(x)
    loss = loss_fn(prediction, y)
    if epoch % 10 == 0 or epoch == args.epochs - 1:
        print(f"epoch {epoch}: loss {loss.item():.5f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("prediction", prediction)
print("wanted", y)
