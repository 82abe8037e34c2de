"""LeNet on Fashion-MNIST.

rushlight run examples/lenet_fashion_mnist.py [--epochs 5] [--root data]

The files come from Debian's package dataset-fashion-mnist where it is installed, otherwise they are downloaded.
"""

import argparse
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


def init_weights(m):
    if isinstance(m, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(m.weight)


def load(root, train, batch_size):
    data = datasets.FashionMNIST(root, train=train, download=True)
    images = data.data.unsqueeze(1).float() / 255
    return DataLoader(TensorDataset(images, data.targets), batch_size=batch_size, shuffle=train)


def train_epoch(model, loader, loss_fn, optimizer, max_batches):
    model.train()
    total = right = seen = 0
    start = time.perf_counter()
    for i, (images, labels) in enumerate(loader):
        if i == max_batches:
            break
        optimizer.zero_grad()
        scores = model(images)
        loss = loss_fn(scores, labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        right += (scores.argmax(1) == labels).sum().item()
        seen += len(labels)
    return total / seen, right / seen, seen / (time.perf_counter() - start)


@torch.no_grad()
def evaluate(model, loader, max_batches):
    model.eval()
    right = seen = 0
    for i, (images, labels) in enumerate(loader):
        if i == max_batches:
            break
        right += (model(images).argmax(1) == labels).sum().item()
        seen += len(labels)
    return right / seen


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", default="data")
    parser.add_argument("--max-batches", type=int, help="stop every epoch after so many batches")
    parser.add_argument("--save-model", metavar="FILE")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    model = lenet()
    model.apply(init_weights)
    train, test = load(args.root, True, args.batch_size), load(args.root, False, args.batch_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        loss, accuracy, speed = train_epoch(model, train, loss_fn, optimizer, args.max_batches)
        test_accuracy = evaluate(model, test, args.max_batches)
        print(
            f"epoch {epoch + 1}: loss {loss:.3f}, train accuracy {accuracy:.3f}, "
            f"test accuracy {test_accuracy:.3f}, {speed:.0f} examples/s"
        )
    if args.save_model:
        torch.save(model.state_dict(), args.save_model)


if __name__ == "__main__":
    main()
