"""Transforms, and random images to apply them to, for torchvision and for Rushlight alike.

A case is made by a function of the library's `transforms` module and applied to images of some kinds: "pil", "uint8"
and "float" (C, H, W) tensors, and "batch", two images of bytes.
"""

from __future__ import annotations

import hashlib
import random

import numpy

IMAGES, SEEDS = 50, 20
ALL = ("pil", "uint8", "float", "batch")
TENSORS = ("uint8", "float", "batch")
BYTES = ("pil", "uint8", "batch")


def mode(T, name):
    return getattr(T.InterpolationMode, name)


CASES = {
    "Resize": (ALL, lambda T: T.Resize((17, 13))),
    "Resize shorter edge": (ALL, lambda T: T.Resize(9)),
    "Resize max_size": (ALL, lambda T: T.Resize([20], max_size=24)),
    "Resize without antialias": (TENSORS, lambda T: T.Resize((17, 13), antialias=False)),
    "Resize nearest": (ALL, lambda T: T.Resize((17, 13), mode(T, "NEAREST"))),
    "Resize nearest-exact": (ALL, lambda T: T.Resize((17, 13), mode(T, "NEAREST_EXACT"))),
    "Resize bicubic": (ALL, lambda T: T.Resize((17, 13), mode(T, "BICUBIC"))),
    "Resize bicubic without antialias": (
        TENSORS,
        lambda T: T.Resize((17, 13), mode(T, "BICUBIC"), antialias=False),
    ),
    "Resize lanczos": (("pil",), lambda T: T.Resize((17, 13), mode(T, "LANCZOS"))),
    "Resize Pillow's number": (ALL, lambda T: T.Resize((30, 31), 2)),
    "CenterCrop": (ALL, lambda T: T.CenterCrop((12, 15))),
    "FiveCrop": (ALL, lambda T: T.FiveCrop(5)),
    "TenCrop": (ALL, lambda T: T.TenCrop((4, 5), vertical_flip=True)),
    "Pad": (ALL, lambda T: T.Pad((1, 2, 3, 4), fill=5)),
    "Pad channels": (("pil",), lambda T: T.Pad(2, fill=(5, 6, 7))),
    "Pad reflect": (ALL, lambda T: T.Pad(3, padding_mode="reflect")),
    "Pad symmetric": (ALL, lambda T: T.Pad([2, 4], padding_mode="symmetric")),
    "Pad edge": (ALL, lambda T: T.Pad((1, 2, 3, 4), padding_mode="edge")),
    "Pad negative": (ALL, lambda T: T.Pad((-1, 2, 3, -1), padding_mode="edge")),
    "Grayscale": (ALL, lambda T: T.Grayscale()),
    "Grayscale 3": (ALL, lambda T: T.Grayscale(3)),
    "Normalize": (("float",), lambda T: T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))),
    "RandomCrop": (
        ALL,
        lambda T: T.RandomCrop(12, padding=(3, 4), pad_if_needed=True, fill=7),
    ),
    "RandomCrop reflect": (ALL, lambda T: T.RandomCrop(5, padding=3, padding_mode="reflect")),
    "RandomResizedCrop": (ALL, lambda T: T.RandomResizedCrop(14)),
    "RandomResizedCrop nearest": (
        ALL,
        lambda T: T.RandomResizedCrop((9, 14), interpolation=mode(T, "NEAREST")),
    ),
    "RandomResizedCrop misses": (
        ALL,
        lambda T: T.RandomResizedCrop((9, 14), scale=(0.9, 1.0), ratio=(3.0, 4.0)),
    ),
    "RandomHorizontalFlip": (ALL, lambda T: T.RandomHorizontalFlip()),
    "RandomVerticalFlip": (ALL, lambda T: T.RandomVerticalFlip(0.3)),
    "ColorJitter": (ALL, lambda T: T.ColorJitter(0.4, 0.4, 0.4, 0.1)),
    "ColorJitter ranges": (ALL, lambda T: T.ColorJitter((0.2, 3.0), 0, (0.0, 5.0), (-0.5, 0.5))),
    "RandomGrayscale": (ALL, lambda T: T.RandomGrayscale(0.5)),
    "RandomRotation": (ALL, lambda T: T.RandomRotation(30)),
    "RandomRotation bilinear": (
        ALL,
        lambda T: T.RandomRotation(30, mode(T, "BILINEAR"), fill=(1, 2, 3)),
    ),
    "RandomRotation expand": (
        ALL,
        lambda T: T.RandomRotation((20, 150), mode(T, "BILINEAR"), expand=True, fill=5),
    ),
    "RandomRotation center": (ALL, lambda T: T.RandomRotation((20, 150), center=(2, 3))),
    "RandomRotation 90": (ALL, lambda T: T.RandomRotation((90, 90))),
    "RandomAffine": (
        ALL,
        lambda T: T.RandomAffine(30, (0.1, 0.2), (0.7, 1.3), (-10, 10, -5, 5)),
    ),
    "RandomAffine bilinear": (
        ALL,
        lambda T: T.RandomAffine(
            30, (0.1, 0.2), (0.7, 1.3), 10, interpolation=mode(T, "BILINEAR"), fill=9
        ),
    ),
    "RandomAffine shift": (ALL, lambda T: T.RandomAffine(0, (0.3, 0.3), fill=(4, 5, 6))),
    "RandomPerspective": (ALL, lambda T: T.RandomPerspective(p=0.8)),
    "RandomPerspective nearest": (
        ALL,
        lambda T: T.RandomPerspective(0.6, 1.0, mode(T, "NEAREST"), fill=3),
    ),
    "GaussianBlur": (ALL, lambda T: T.GaussianBlur(5)),
    "GaussianBlur sides": (ALL, lambda T: T.GaussianBlur((3, 7), 1.3)),
    # Displacements are sums of hundreds of products, whose order differs: floats agree, bytes but for a few.
    "ElasticTransform": (("float",), lambda T: T.ElasticTransform(60.0, 1.0)),
    "ElasticTransform sides": (
        ("float",),
        lambda T: T.ElasticTransform([8.0, 4.0], [1.0, 0.5], fill=3),
    ),
    "RandomErasing": (TENSORS, lambda T: T.RandomErasing()),
    "RandomErasing random": (TENSORS, lambda T: T.RandomErasing(value="random")),
    "RandomErasing channels": (TENSORS, lambda T: T.RandomErasing(value=(1, 2, 3))),
    "RandomInvert": (ALL, lambda T: T.RandomInvert()),
    "RandomPosterize": (BYTES, lambda T: T.RandomPosterize(3)),
    "RandomSolarize": (BYTES, lambda T: T.RandomSolarize(128)),
    "RandomSolarize float": (("float",), lambda T: T.RandomSolarize(0.5)),
    "RandomAdjustSharpness": (ALL, lambda T: T.RandomAdjustSharpness(1.7)),
    "RandomAdjustSharpness 0": (ALL, lambda T: T.RandomAdjustSharpness(0.0, p=1.0)),
    "RandomAutocontrast": (ALL, lambda T: T.RandomAutocontrast()),
    "RandomEqualize": (BYTES, lambda T: T.RandomEqualize(1.0)),
    "AutoAugment": (BYTES, lambda T: T.AutoAugment()),
    "AutoAugment CIFAR10": (BYTES, lambda T: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10)),
    "AutoAugment SVHN": (BYTES, lambda T: T.AutoAugment(T.AutoAugmentPolicy.SVHN, fill=7)),
    "RandAugment": (BYTES, lambda T: T.RandAugment()),
    "RandAugment bilinear": (
        BYTES,
        lambda T: T.RandAugment(4, 15, interpolation=mode(T, "BILINEAR")),
    ),
    "TrivialAugmentWide": (BYTES, lambda T: T.TrivialAugmentWide()),
    "AugMix": (BYTES, lambda T: T.AugMix()),
    "AugMix few": (BYTES, lambda T: T.AugMix(5, 2, 2, all_ops=False)),
    "RandomChoice": (
        ALL,
        lambda T: T.RandomChoice([T.RandomHorizontalFlip(1.0), T.Grayscale(3)], p=[0.3, 0.7]),
    ),
    "RandomOrder": (ALL, lambda T: T.RandomOrder([T.RandomRotation(10), T.CenterCrop(4)])),
    "RandomApply": (ALL, lambda T: T.RandomApply([T.ColorJitter(0.3)], p=0.4)),
    "ToTensor": (
        ("pil",),
        lambda T: T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.25,)), T.RandomErasing()]),
    ),
    "PILToTensor": (("pil",), lambda T: T.Compose([T.PILToTensor(), T.ToPILImage()])),
}

PAIRS = [(name, kind) for name, (kinds, _) in CASES.items() for kind in kinds]


def image(number: int) -> numpy.ndarray:
    """(H, W, 3), uint8: every third one smooth, the others noise."""
    rng = numpy.random.default_rng(number)
    height, width = rng.integers(9, 25, 2)
    if number % 3 == 0:
        y, x = numpy.mgrid[:height, :width]
        return numpy.stack([y * 7 + x * 3, x * 5, y * 9], -1).astype("uint8")
    return rng.integers(0, 256, (height, width, 3), dtype="uint8")


def as_kind(torch, pixels: numpy.ndarray, kind: str):
    if kind == "pil":
        from PIL import Image

        return Image.fromarray(pixels)
    planes = numpy.ascontiguousarray(pixels.transpose(2, 0, 1))
    if kind == "float":
        planes = planes.astype("float32") / numpy.float32(255)
    if kind == "batch":
        planes = numpy.stack([planes, planes[:, ::-1]])
    return torch.from_numpy(planes)


def apply(torch, transforms, name: str, kind: str, number: int) -> tuple:
    """PIL modes, arrays and the next random numbers after a case was applied to an image."""
    torch.manual_seed(number % SEEDS)
    random.seed(number % SEEDS)
    result = CASES[name][1](transforms)(as_kind(torch, image(number), kind))
    parts = result if isinstance(result, tuple) else (result,)
    arrays = [p.numpy() if isinstance(p, torch.Tensor) else numpy.asarray(p) for p in parts]
    modes = [None if isinstance(p, torch.Tensor) else p.mode for p in parts]
    return modes, arrays, [torch.rand(1).item(), random.random()]


def digest(arrays) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(numpy.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:24]


def summary(arrays) -> list[float]:
    """A few numbers that tell float images apart."""
    flat = numpy.concatenate([a.ravel() for a in arrays]).astype("float64")
    weights = numpy.cos(numpy.arange(flat.size))
    return [flat.size, flat.mean(), float(flat @ weights) / flat.size, flat[0], flat[-1]]
