"""Transforms of `transforms.v2`, and samples to apply them to, for torchvision and for Rushlight alike.

Kinds of samples: "pil" (a PIL image and its label), "bytes" (an `Image`, a label), "float" (a plain tensor, a tensor of
labels), "video", "detection" (an `Image` and a dictionary of boxes, masks, labels and key points), "segmentation" (a PIL
image and a `Mask`), "batch" (a batch of images and labels).
"""

from __future__ import annotations

import hashlib

import numpy
import transform_cases

IMAGES, SEEDS = 24, 12
ALL = ("pil", "bytes", "float", "video", "detection", "segmentation")
PLAIN = ("pil", "bytes", "float", "video")
TENSORS = ("bytes", "float", "video")
BYTES = ("pil", "bytes", "video")
BOXES = ("detection",)


class Library:
    """torch with torchvision, or Rushlight in their places."""

    def __init__(self, torch, vision) -> None:
        import importlib

        self.torch = torch
        self.T = importlib.import_module(f"{vision.__name__}.transforms.v2")
        self.tv = importlib.import_module(f"{vision.__name__}.tv_tensors")

    def mode(self, name):
        return getattr(self.T.InterpolationMode, name)


CASES = {
    "Resize": (ALL, lambda L: L.T.Resize((17, 13))),
    "Resize shorter edge": (ALL, lambda L: L.T.Resize(9)),
    "Resize max_size": (ALL, lambda L: L.T.Resize([20], max_size=24)),
    "Resize longer edge": (ALL, lambda L: L.T.Resize(None, max_size=24)),
    "Resize without antialias": (TENSORS, lambda L: L.T.Resize((17, 13), antialias=False)),
    "Resize nearest": (ALL, lambda L: L.T.Resize((17, 13), L.mode("NEAREST"))),
    "Resize by name": (PLAIN, lambda L: L.T.Resize((17, 13), "bicubic")),
    "Resize Pillow's number": (PLAIN, lambda L: L.T.Resize((30, 31), 2)),
    "CenterCrop": (ALL, lambda L: L.T.CenterCrop((12, 15))),
    "FiveCrop": (PLAIN, lambda L: L.T.FiveCrop(5)),
    "TenCrop": (PLAIN, lambda L: L.T.TenCrop((4, 5), vertical_flip=True)),
    "Pad": (ALL, lambda L: L.T.Pad((1, 2, 3, 4), fill=5)),
    "Pad channels": (PLAIN, lambda L: L.T.Pad(2, fill=(5, 6, 7))),
    "Pad kinds": (BOXES, lambda L: L.T.Pad(2, fill={L.tv.Image: 3, "others": 0})),
    "Pad reflect": (PLAIN, lambda L: L.T.Pad(3, padding_mode="reflect")),
    "Grayscale": (PLAIN[:3], lambda L: L.T.Grayscale()),
    "RGB": (("pil", "bytes"), lambda L: L.T.Compose([L.T.Grayscale(), L.T.RGB()])),
    "Normalize": (("float",), lambda L: L.T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))),
    "RandomCrop": (ALL, lambda L: L.T.RandomCrop(12, (3, 4), pad_if_needed=True, fill=7)),
    "RandomCrop small": (ALL, lambda L: L.T.RandomCrop((5, 9))),
    "RandomResizedCrop": (ALL, lambda L: L.T.RandomResizedCrop(14)),
    "RandomResizedCrop misses": (
        ALL,
        lambda L: L.T.RandomResizedCrop((9, 14), scale=(0.9, 1.0), ratio=(3.0, 4.0)),
    ),
    "RandomResize": (ALL, lambda L: L.T.RandomResize(8, 20)),
    "RandomShortestSize": (ALL, lambda L: L.T.RandomShortestSize([9, 12, 15], max_size=18)),
    "ScaleJitter": (ALL, lambda L: L.T.ScaleJitter((16, 20), scale_range=(0.5, 1.5))),
    "RandomZoomOut": (ALL, lambda L: L.T.RandomZoomOut(fill=3, p=0.7)),
    "RandomIoUCrop": (BOXES, lambda L: L.T.RandomIoUCrop()),
    "RandomIoUCrop sanitized": (
        BOXES,
        lambda L: L.T.Compose([L.T.RandomIoUCrop(), L.T.SanitizeBoundingBoxes()]),
    ),
    "RandomHorizontalFlip": (ALL, lambda L: L.T.RandomHorizontalFlip()),
    "RandomVerticalFlip": (ALL, lambda L: L.T.RandomVerticalFlip(0.3)),
    "ColorJitter": (ALL, lambda L: L.T.ColorJitter(0.4, 0.4, 0.4, 0.1)),
    "ColorJitter ranges": (PLAIN, lambda L: L.T.ColorJitter((0.2, 3.0), None, (0.0, 5.0))),
    "RandomPhotometricDistort": (ALL, lambda L: L.T.RandomPhotometricDistort()),
    "RandomChannelPermutation": (PLAIN, lambda L: L.T.RandomChannelPermutation()),
    "RandomGrayscale": (PLAIN[:3], lambda L: L.T.RandomGrayscale(0.5)),
    "RandomRotation": (ALL, lambda L: L.T.RandomRotation(30)),
    "RandomRotation bilinear": (
        ("bytes", "float", "detection"),
        lambda L: L.T.RandomRotation(30, L.mode("BILINEAR"), fill={L.tv.Mask: 1, "others": 2}),
    ),
    "RandomRotation expand": (ALL, lambda L: L.T.RandomRotation((20, 150), expand=True)),
    "RandomRotation 90": (ALL, lambda L: L.T.RandomRotation((90, 90), expand=True)),
    "RandomAffine": (
        ALL,
        lambda L: L.T.RandomAffine(30, (0.1, 0.2), (0.7, 1.3), (-10, 10, -5, 5)),
    ),
    "RandomAffine bilinear": (
        PLAIN,
        lambda L: L.T.RandomAffine(30, shear=10, interpolation=L.mode("BILINEAR"), fill=9),
    ),
    "RandomPerspective": (ALL, lambda L: L.T.RandomPerspective(p=0.8)),
    "ElasticTransform": (("float",), lambda L: L.T.ElasticTransform(60.0, 1.0)),
    "GaussianBlur": (PLAIN, lambda L: L.T.GaussianBlur(5)),
    "GaussianNoise": (TENSORS, lambda L: L.T.GaussianNoise(0.1, 0.2)),
    "RandomErasing": (TENSORS, lambda L: L.T.RandomErasing()),
    "RandomErasing random": (TENSORS, lambda L: L.T.RandomErasing(value="random")),
    "RandomErasing channels": (TENSORS, lambda L: L.T.RandomErasing(value=(1, 2, 3))),
    "RandomInvert": (PLAIN, lambda L: L.T.RandomInvert()),
    "RandomPosterize": (PLAIN, lambda L: L.T.RandomPosterize(3)),
    "RandomSolarize": (BYTES, lambda L: L.T.RandomSolarize(128)),
    "RandomAdjustSharpness": (PLAIN, lambda L: L.T.RandomAdjustSharpness(1.7)),
    "RandomAutocontrast": (PLAIN, lambda L: L.T.RandomAutocontrast()),
    "RandomEqualize": (PLAIN, lambda L: L.T.RandomEqualize(1.0)),
    "AutoAugment": (BYTES, lambda L: L.T.AutoAugment()),
    "AutoAugment CIFAR10": (BYTES, lambda L: L.T.AutoAugment(L.T.AutoAugmentPolicy.CIFAR10)),
    "AutoAugment SVHN": (PLAIN, lambda L: L.T.AutoAugment(L.T.AutoAugmentPolicy.SVHN, fill=7)),
    "RandAugment": (PLAIN, lambda L: L.T.RandAugment()),
    "RandAugment bilinear": (
        BYTES,
        lambda L: L.T.RandAugment(4, 15, interpolation=L.mode("BILINEAR")),
    ),
    "TrivialAugmentWide": (PLAIN, lambda L: L.T.TrivialAugmentWide()),
    "AugMix": (BYTES, lambda L: L.T.AugMix()),
    "AugMix few": (BYTES, lambda L: L.T.AugMix(5, 2, 2, all_ops=False)),
    "RandomChoice": (
        ALL,
        lambda L: L.T.RandomChoice([L.T.RandomHorizontalFlip(1.0), L.T.CenterCrop(3)], [0.3, 0.9]),
    ),
    "RandomOrder": (ALL, lambda L: L.T.RandomOrder([L.T.RandomRotation(10), L.T.CenterCrop(4)])),
    "RandomApply": (ALL, lambda L: L.T.RandomApply([L.T.ColorJitter(0.3)], p=0.4)),
    "training": (
        ("pil", "bytes", "segmentation"),
        lambda L: L.T.Compose([
            L.T.ToImage(),
            L.T.RandomResizedCrop(12),
            L.T.RandomHorizontalFlip(),
            L.T.ToDtype(L.torch.float32, scale=True),
            L.T.Normalize((0.5,), (0.25,)),
        ]),
    ),
    "detection training": (
        BOXES,
        lambda L: L.T.Compose([
            L.T.RandomPhotometricDistort(),
            L.T.RandomZoomOut(),
            L.T.RandomIoUCrop(),
            L.T.RandomHorizontalFlip(),
            L.T.SanitizeBoundingBoxes(),
            L.T.ConvertBoundingBoxFormat("CXCYWH"),
            L.T.ToDtype({L.tv.Image: L.torch.float32, "others": None}, scale=True),
            L.T.ToPureTensor(),
        ]),
    ),
    "ClampBoundingBoxes": (BOXES, lambda L: L.T.ClampBoundingBoxes()),
    "ClampKeyPoints": (BOXES, lambda L: L.T.ClampKeyPoints()),
    "SanitizeKeyPoints": (BOXES, lambda L: L.T.SanitizeKeyPoints()),
    "UniformTemporalSubsample": (("video",), lambda L: L.T.UniformTemporalSubsample(3)),
    "PILToTensor": (("pil",), lambda L: L.T.Compose([L.T.PILToTensor(), L.T.ToPILImage()])),
    "ConvertImageDtype": (PLAIN[1:], lambda L: L.T.ConvertImageDtype(L.torch.float32)),
    "Identity": (ALL, lambda L: L.T.Identity()),
    "LinearTransformation": (
        ("batch",),
        lambda L: L.T.LinearTransformation(
            L.torch.arange(300 * 300).view(300, 300) / 1e4, L.torch.arange(300) / 10
        ),
    ),
    "MixUp": (("batch",), lambda L: L.T.MixUp(alpha=0.4, num_classes=5)),
    "CutMix": (("batch",), lambda L: L.T.CutMix(num_classes=5)),
}  # fmt: skip

PAIRS = [(name, kind) for name, (kinds, _) in CASES.items() for kind in kinds]


def sample(L, kind: str, number: int):
    """A sample, the same of both libraries."""
    pixels = transform_cases.image(number)
    height, width = pixels.shape[:2]
    rng = numpy.random.default_rng(number)
    planes = numpy.ascontiguousarray(pixels.transpose(2, 0, 1))
    label = int(rng.integers(0, 10))
    tensor = L.torch.from_numpy
    if kind == "pil":
        return transform_cases.as_kind(L.torch, pixels, "pil"), label
    if kind == "bytes":
        return L.tv.Image(tensor(planes)), label
    if kind == "float":
        return tensor(planes.astype("float32") / numpy.float32(255)), tensor(numpy.array([label]))
    if kind == "video":
        return L.tv.Video(tensor(numpy.stack([planes, 255 - planes, planes[:, ::-1]] * 2))), label
    mask = rng.integers(0, 2, (4, height, width)).astype("uint8")
    if kind == "segmentation":
        return transform_cases.as_kind(L.torch, pixels, "pil"), L.tv.Mask(tensor(mask[0]))
    if kind == "batch":
        images = rng.random((3, 3, 10, 10), dtype="float32")
        return tensor(images), tensor(rng.integers(0, 5, 3))
    corners = rng.random((4, 2, 2)) * [width, height]
    boxes = numpy.concatenate([corners.min(1), corners.max(1)], 1).astype("float32")
    size = (height, width)
    points = tensor((rng.random((4, 2)) * [width, height] * 1.2 - 1).astype("float32"))
    target = {
        "boxes": L.tv.BoundingBoxes(tensor(boxes), format="XYXY", canvas_size=size),
        "labels": tensor(rng.integers(0, 10, 4)),
        "masks": L.tv.Mask(tensor(mask)),
        "points": L.tv.KeyPoints(points, canvas_size=size),
        "name": f"image {number}",
    }
    return L.tv.Image(tensor(planes)), target


def parts(L, value) -> list:
    """The parts of a sample, each as (kind, particulars, array)."""
    if isinstance(value, dict):
        return [part for key in value for part in [(key, None, None), *parts(L, value[key])]]
    if isinstance(value, (tuple, list)):
        return [part for entry in value for part in parts(L, entry)]
    if isinstance(value, L.torch.Tensor):
        format, size = (getattr(value, name, None) for name in ("format", "canvas_size"))
        particulars = f"{format} {size}"
        return [(type(value).__name__, particulars, value.numpy())]
    if hasattr(value, "getbands"):
        return [("PIL", value.mode, numpy.asarray(value))]
    return [(repr(value), None, None)]


def apply(L, name: str, kind: str, number: int) -> tuple[list, float]:
    """The parts of a sample after a case was applied to it, and the next random number."""
    L.torch.manual_seed(number % SEEDS)
    made = CASES[name][1](L)
    L.torch.manual_seed(number % SEEDS)
    result = parts(L, made(sample(L, kind, number)))
    return result, L.torch.rand(1).item()


def digest_of_text(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]
