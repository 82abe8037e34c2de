"""`rushlight demo`: a LeNet trained on real images, with curves, a TensorBoard log and a checkpoint that is checked."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import rushlight as torch
from rushlight import nn
from rushlight.nn.modules.module import Module
from rushlight.utils.data import DataLoader, TensorDataset

CHECKPOINT = "checkpoint.pt"
INTERRUPTED = 130


class Data(NamedTuple):
    """Images are (N, 1, 28, 28) bytes, labels (N,) int64."""

    name: str
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


class Preset(NamedTuple):
    epochs: int
    batch_size: int
    lr: float


PRESETS = {"digits": Preset(15, 32, 0.002), "fashion-mnist": Preset(5, 256, 0.002)}


def load_digits() -> Data:
    """The 1,797 handwritten digits in scikit-learn's wheel, enlarged from 8x8 to 28x28; one in five is for the test."""
    import numpy

    try:
        from sklearn import datasets
    except ImportError as e:
        raise SystemExit(
            'rushlight demo: the digits come with scikit-learn: pip install "rushlight[demo]"'
        ) from e
    digits = datasets.load_digits()
    order = numpy.random.RandomState(0).permutation(len(digits.images))
    large = numpy.kron(digits.images[order] * (255 / 16), numpy.ones((3, 3))).astype(numpy.uint8)
    images = torch.from_numpy(numpy.pad(large, ((0, 0), (2, 2), (2, 2)))).unsqueeze(1)
    labels = torch.from_numpy(digits.target[order].astype(numpy.int64))
    test = len(order) // 5
    return Data("digits", images[test:], labels[test:], images[:test], labels[:test])


def load_fashion_mnist(root: str) -> Data:
    """Fashion-MNIST from Debian's package or from `root`, fetched if it is in neither place."""
    from rushlight.vision.datasets import FashionMNIST

    try:
        train, test = (
            FashionMNIST(root, train=True, download=True),
            FashionMNIST(root, train=False, download=True),
        )
    except (RuntimeError, OSError) as e:
        raise SystemExit(f"rushlight demo: {e}") from None
    return Data(
        "fashion-mnist",
        train.data.unsqueeze(1),
        train.targets,
        test.data.unsqueeze(1),
        test.targets,
    )


def lenet() -> Module:
    """LeCun's network of 1998, with ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def scaled(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 255


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The batch moved by up to two pixels each way, so that the network learns shapes rather than places."""
    down, right = torch.randint(-2, 3, (2,), generator=generator).tolist()
    return images.roll((down, right), (2, 3))


def predict(model: Module, images: torch.Tensor) -> torch.Tensor:
    """The most likely class of each image."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(scaled(part)).argmax(1) for part in images.split(1000)])


class Run:
    """A model with its optimizer and history, as it is saved and resumed."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.model = lenet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=options.lr)
        self.history: list[dict[str, float]] = []

    @property
    def path(self) -> str:
        return os.path.join(self.options.out, CHECKPOINT)

    def save(self) -> None:
        kept = {k: getattr(self.options, k) for k in ("data", "batch_size", "lr", "seed")}
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
                "options": kept,
            },
            self.path,
        )

    def restore(self, path: str) -> None:
        state = torch.load(path)
        if state["options"]["data"] != self.options.data:
            raise SystemExit(
                f"rushlight demo: {path} was trained on {state['options']['data']}, not on {self.options.data}"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = list(state["history"])

    def train_epoch(self, epoch: int, data: Data) -> dict[str, float]:
        """One pass over the training images, in an order that depends on seed and epoch alone."""
        order = torch.Generator().manual_seed(self.options.seed * 1_000_003 + epoch)
        loader: DataLoader = DataLoader(
            TensorDataset(data.train_images, data.train_labels),
            batch_size=self.options.batch_size,
            shuffle=True,
            generator=order,
        )
        for group in (
            self.optimizer.param_groups
        ):  # half a cosine, from the full rate down to almost nothing
            group["lr"] = (
                self.options.lr * 0.5 * (1 + math.cos(math.pi * epoch / self.options.epochs))
            )
        loss_fn = nn.CrossEntropyLoss()
        self.model.train()
        total = right = seen = 0.0
        start = time.perf_counter()
        for images, labels in progress(loader, f"epoch {epoch + 1}/{self.options.epochs}"):
            self.optimizer.zero_grad()
            scores = self.model(shifted(scaled(images), order))
            loss = loss_fn(scores, labels)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(labels)
            right += int((scores.argmax(1) == labels).sum())
            seen += len(labels)
        seconds = time.perf_counter() - start
        test = float((predict(self.model, data.test_images) == data.test_labels).float().mean())
        return {
            "loss": total / seen,
            "train accuracy": right / seen,
            "test accuracy": test,
            "examples per second": seen / seconds,
        }


def progress(batches: Iterable[Any], label: str) -> Iterator[Any]:
    """`batches` with a progress bar, where there is a terminal and tqdm."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(batches)
    return iter(tqdm(batches, desc=label, leave=False, disable=None, dynamic_ncols=True))


def open_log(options: argparse.Namespace) -> Any:
    """A TensorBoard writer, or None without tensorboardX."""
    try:
        from rushlight.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(os.path.join(options.out, "runs"))


def train(run: Run, data: Data) -> None:
    """Train until `--epochs` are done; every epoch ends with a line, a log entry and a saved checkpoint."""
    log = open_log(run.options)
    try:
        for epoch in range(len(run.history), run.options.epochs):
            row = run.train_epoch(epoch, data)
            run.history.append(row)
            run.save()
            print(
                f"epoch {epoch + 1:2}/{run.options.epochs}  loss {row['loss']:.4f}  "
                f"train accuracy {row['train accuracy']:.4f}  test accuracy {row['test accuracy']:.4f}  "
                f"{row['examples per second']:,.0f} examples/s",
                flush=True,
            )
            if log is not None:
                for name, value in row.items():
                    log.add_scalar(name.replace(" ", "_"), value, epoch + 1)
    finally:
        if log is not None:
            log.close()


def draw(run: Run) -> str | None:
    """Write curves.png; None without matplotlib."""
    from rushlight.train import Animator

    names = ["loss", "train accuracy", "test accuracy"]
    animator = Animator(xlabel="epoch", legend=names, figsize=(6, 4))
    for name in names:
        animator.X.append([epoch + 1.0 for epoch in range(len(run.history))])
        animator.Y.append([row[name] for row in run.history])
    path = os.path.join(run.options.out, "curves.png")
    try:
        animator.save(path)
    except ImportError:
        return None
    return path


def verify(run: Run, data: Data) -> bool:
    """Whether a new model with the saved weights predicts what the trained one does."""
    fresh = lenet()
    fresh.load_state_dict(torch.load(run.path)["model"])
    same = int((predict(fresh, data.test_images) == predict(run.model, data.test_images)).sum())
    count = len(data.test_labels)
    print(f"reloaded {run.path}: the same prediction for {same} of {count} test images")
    return same == count


def parse(args: Sequence[str]) -> argparse.Namespace:
    p = argparse.ArgumentParser(
        prog="rushlight demo",
        description="Train a LeNet on real images; write curves, a TensorBoard log and a checkpoint.",
    )
    p.add_argument("--data", choices=sorted(PRESETS), default="digits")
    p.add_argument(
        "--root", default="data", help="where Fashion-MNIST is, or is put (default: data)"
    )
    p.add_argument("--epochs", type=positive)
    p.add_argument("--batch-size", type=positive)
    p.add_argument("--lr", type=float)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--out",
        default="rushlight-demo",
        help="folder for what is written (default: rushlight-demo)",
    )
    p.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="CHECKPOINT",
        help=f"go on from a checkpoint (default: {CHECKPOINT} in --out) up to --epochs",
    )
    o = p.parse_args(args)
    for name, value in PRESETS[o.data]._asdict().items():
        if getattr(o, name) is None:
            setattr(o, name, value)
    return o


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def main(args: Sequence[str]) -> int:
    options = parse(args)
    try:
        os.makedirs(options.out, exist_ok=True)
    except OSError as e:
        print(
            f"rushlight demo: cannot make the folder {options.out}: {e.strerror}", file=sys.stderr
        )
        return 1
    run = Run(options)
    if options.resume is not None:
        path = options.resume or run.path
        if not os.path.isfile(path):
            print(f"rushlight demo: no checkpoint {path} to resume from", file=sys.stderr)
            return 1
        run.restore(path)
    try:
        return train_and_check(run)
    except KeyboardInterrupt:
        run.save()
        print(
            f"\ninterrupted in epoch {len(run.history) + 1}; saved {run.path}; "
            f"`rushlight demo --data {options.data} --out {options.out} --resume` goes on",
            file=sys.stderr,
        )
        return INTERRUPTED


def train_and_check(run: Run) -> int:
    options = run.options
    data = load_digits() if options.data == "digits" else load_fashion_mnist(options.root)
    parameters = sum(p.numel() for p in run.model.parameters())
    print(
        f"{data.name}: {len(data.train_labels):,} training and {len(data.test_labels):,} test images of 28x28\n"
        f"LeNet with {parameters:,} parameters, Adam, learning rate {options.lr}, batches of {options.batch_size}, "
        f"seed {options.seed}, {torch.get_num_threads()} threads",
        flush=True,
    )
    start = time.perf_counter()
    done = len(run.history)
    train(run, data)
    if done < options.epochs:
        print(f"{options.epochs - done} epochs in {time.perf_counter() - start:.1f} s")
    else:
        run.save()
        print(f"all {options.epochs} epochs were already done")
    curves = draw(run)
    log = os.path.join(options.out, "runs")
    print(f"wrote {curves}" if curves else "no curves.png: matplotlib is not installed")
    print(
        f"wrote {log} (tensorboard --logdir {log})"
        if os.path.isdir(log)
        else "no log: tensorboardX is not installed"
    )
    print(f"wrote {run.path}")
    return 0 if verify(run, data) else 1
