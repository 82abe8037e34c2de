"""Fine-tunes a ResNet-18 on images in folders, one folder for each class.

rushlight run examples/finetune_resnet.py [--data FOLDER] [--weights FILE] [--steps 60] [--resume]

Without --data it draws circles, squares and triangles. --weights is a state dict for any number of classes: what fits is
loaded, the last layer is new. The first layers are frozen, the last one learns ten times faster than the others, and the
learning rate warms up and falls along a cosine. A checkpoint is written every 20 steps; --resume goes on from the last one.
"""

import argparse
import math
import os
import random

import torch
from PIL import Image, ImageDraw
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

SIZE = 64


def draw_shapes(folder, per_class=60, seed=0):
    """Make a data set: FOLDER/{circle,square,triangle}/NUMBER.png."""
    draw = random.Random(seed)
    for shape in ("circle", "square", "triangle"):
        os.makedirs(f"{folder}/{shape}", exist_ok=True)
        for i in range(per_class):
            image = Image.new("RGB", (72, 72), tuple(draw.randrange(100) for _ in range(3)))
            x, y, r = draw.randrange(24, 48), draw.randrange(24, 48), draw.randrange(12, 22)
            colour = tuple(draw.randrange(150, 256) for _ in range(3))
            pen = ImageDraw.Draw(image)
            if shape == "circle":
                pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
            elif shape == "square":
                pen.rectangle((x - r, y - r, x + r, y + r), fill=colour)
            else:
                pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=colour)
            image.save(f"{folder}/{shape}/{i:03}.png")


def make_model(classes, weights):
    model = models.resnet18(num_classes=classes)
    if weights:
        own, given = model.state_dict(), torch.load(weights, map_location="cpu")
        fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
        missing = model.load_state_dict(fitting, strict=False).missing_keys
        print(f"{len(fitting)} of {len(own)} tensors loaded; new: {', '.join(missing)}")
        for layer in (model.conv1, model.bn1, model.layer1):
            layer.requires_grad_(False)
    return model


def make_optimizer(model, lr, steps):
    head = {id(p) for p in model.fc.parameters()}
    base = [p for p in model.parameters() if p.requires_grad and id(p) not in head]
    optimizer = torch.optim.AdamW(
        [{"params": base}, {"params": model.fc.parameters(), "lr": 10 * lr}], lr=lr
    )
    warmup = max(1, steps // 10)

    def share(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)


def batches(loader):
    while True:
        yield from loader


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FOLDER")
    parser.add_argument("--weights", metavar="FILE")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", default="finetune_resnet.pt", metavar="FILE")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()

    if args.data is None:
        args.data = "data/shapes"
        draw_shapes(args.data)
    torch.manual_seed(args.seed)
    normalize = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    training = transforms.Compose(
        [
            transforms.RandomCrop(SIZE),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            normalize,
        ]
    )
    testing = transforms.Compose([transforms.CenterCrop(SIZE), transforms.ToTensor(), normalize])
    train_set = datasets.ImageFolder(args.data, transform=training)
    test_set = datasets.ImageFolder(args.data, transform=testing)
    order = torch.randperm(len(train_set)).tolist()
    held_back = len(order) // 5
    test_set = torch.utils.data.Subset(test_set, order[:held_back])
    classes = train_set.classes
    train_set = torch.utils.data.Subset(train_set, order[held_back:])
    loader = DataLoader(train_set, args.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(test_set, args.batch_size)
    print(f"{len(train_set)} images of {', '.join(classes)}; {len(test_set)} held back")

    model = make_model(len(classes), args.weights)
    optimizer, scheduler = make_optimizer(model, args.lr, args.steps)
    first = 0
    if args.resume:
        saved = torch.load(args.checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        scheduler.load_state_dict(saved["scheduler"])
        first = saved["step"]
    for step, (x, y) in zip(range(first, args.steps), batches(loader)):
        model.train()
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate = scheduler.get_last_lr()[0]
        scheduler.step()
        if step % 10 == 0 or step == args.steps - 1:
            print(f"step {step}: loss {loss.item():.2f}, learning rate {rate:.2e}")
        if step % 20 == 19 or step == args.steps - 1:
            parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
            state = {name: part.state_dict() for name, part in parts.items()}
            torch.save({**state, "step": step + 1}, args.checkpoint)
    print(f"accuracy on held-back images: {accuracy(model, test_loader):.2f}")


if __name__ == "__main__":
    main()
