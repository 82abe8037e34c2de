"""What is observed of a model of either library: its starting values, text, outputs and gradients."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

# Name of the case -> name of the model, its arguments, height and width of the images. None of them takes
# more than a second; the larger networks are compared in tests/conformance.
SMALL: dict[str, tuple[str, dict[str, Any], int]] = {
    name: (name, {}, 64)
    for name in (
        "convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s mnasnet0_5 mobilenet_v2 mobilenet_v3_large "
        "mobilenet_v3_small regnet_x_400mf regnet_y_400mf resnet18 resnet50 resnext50_32x4d shufflenet_v2_x0_5 "
        "shufflenet_v2_x1_0 squeezenet1_0 squeezenet1_1 swin_t swin_v2_t"
    ).split()
}
SMALL |= {
    "googlenet": ("googlenet", {"init_weights": True}, 64),
    "inception_v3": ("inception_v3", {"init_weights": True, "aux_logits": False}, 96),
    "resnet18, other arguments": (
        "resnet18",
        {"num_classes": 7, "zero_init_residual": True},
        64,
    ),
    "resnet50, dilated": (
        "resnet50",
        {"replace_stride_with_dilation": [False, True, True], "num_classes": 5},
        64,
    ),
    "mobilenet_v3_small, other arguments": (
        "mobilenet_v3_small",
        {"width_mult": 0.75, "reduced_tail": True, "dilated": True, "num_classes": 3},
        64,
    ),
    "mobilenet_v2, narrow": ("mobilenet_v2", {"width_mult": 0.35, "num_classes": 3}, 64),
    "VisionTransformer": (
        "VisionTransformer",
        {
            "image_size": 32,
            "patch_size": 8,
            "num_layers": 2,
            "num_heads": 2,
            "hidden_dim": 16,
            "mlp_dim": 24,
            "dropout": 0.1,
            "representation_size": 12,
            "num_classes": 10,
        },
        32,
    ),
}

LARGE: dict[str, tuple[str, dict[str, Any], int]] = {
    "alexnet": ("alexnet", {}, 96),
    "vgg16": ("vgg16", {}, 32),
    "wide_resnet50_2": ("wide_resnet50_2", {}, 64),
    "vit_b_16": ("vit_b_16", {}, 224),
}


def required(name: str) -> dict[str, Any]:
    """The arguments without which a model warns."""
    return {"init_weights": True} if name in ("googlenet", "inception_v3") else {}


def build(library: Any, models: Any, case: tuple[str, dict[str, Any], int]) -> Any:
    """The model of a case with the starting values of seed 0.

    Args:
        library: torch or rushlight. models: torchvision.models or rushlight's.
    """
    name, arguments, _ = case
    library.manual_seed(0)
    return getattr(models, name)(**arguments)


def digest(model: Any) -> str:
    """SHA-256 of all names, shapes and bytes of a model's state."""
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        array = value.numpy()
        found.update(f"{name} {array.dtype} {array.shape};".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def text_digest(model: Any) -> str:
    """SHA-256 of a model's printed form and of the names and shapes of its state; its values are not read."""
    found = hashlib.sha256(repr(model).encode())
    for name, value in model.state_dict().items():
        found.update(f"{name} {tuple(value.shape)};".encode())
    return found.hexdigest()


def images(library: Any, size: int) -> Any:
    """Two images (2, 3, size, size), float64."""
    return library.from_numpy(np.random.default_rng(0).standard_normal((2, 3, size, size)))


def run(library: Any, model: Any, size: int) -> dict[str, np.ndarray]:
    """Outputs in both modes and all gradients, in float64, where the order of a sum does not matter.

    Parameters that start at zero get other values, so that no part of the model hides another.
    """
    model.double()
    rng = np.random.default_rng(1)
    with library.no_grad():
        for value in model.parameters():
            if not value.any():
                value.copy_(library.from_numpy(rng.normal(0, 0.1, tuple(value.shape))))
    x = images(library, size)
    model.eval()
    with library.no_grad():
        found = {"eval": model(x).numpy()}
    model.train()
    library.manual_seed(1)
    outputs = model(x)
    outputs = [outputs] if isinstance(outputs, library.Tensor) else list(outputs)
    for i, y in enumerate(outputs):
        found[f"train {i}"] = y.detach().numpy()
    sum(y.square().mean() for y in outputs).backward()
    for name, value in model.named_parameters():
        found[f"gradient of {name}"] = value.grad.numpy()
    return found


def summary(found: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """A few numbers for what `run` found."""
    gradients = [v for k, v in found.items() if k.startswith("gradient")]
    norms = [float(np.linalg.norm(v)) for v in gradients]
    short = {
        k: [float(np.linalg.norm(v)), *v.flatten()[:2].tolist()]
        for k, v in found.items()
        if not k.startswith("gradient")
    }
    return {**short, "gradients": [sum(norms), norms[0], norms[-1]]}
