"""The correspondence between our module names and those that programs import."""

from __future__ import annotations

TORCH_VERSION = "2.13.0+rushlight"
TORCHVISION_VERSION = "0.28.0+rushlight"

ROOT = "rushlight"
# Parts of Rushlight that PyTorch does not have; they keep their own name.
OWN = frozenset({"__main__", "cli", "compat", "hints", "train"})
SHOWN = ("torch", "torchvision")


def shown_name(ours: str) -> str | None:
    """`rushlight.nn` -> `torch.nn`, `rushlight.vision.ops` -> `torchvision.ops`, `rushlight.cli` -> None."""
    root, _, rest = ours.partition(".")
    if root != ROOT:
        return None
    first, _, tail = rest.partition(".")
    if first in OWN:
        return None
    if first == "vision":
        return f"torchvision.{tail}" if tail else "torchvision"
    return f"torch.{rest}" if rest else "torch"


def our_name(shown: str) -> str | None:
    """The inverse of `shown_name`; None where PyTorch's name space must not reach into ours."""
    root, _, rest = shown.partition(".")
    if root == "torchvision":
        return f"{ROOT}.vision.{rest}" if rest else f"{ROOT}.vision"
    if root != "torch" or rest.partition(".")[0] in OWN | {"vision"}:
        return None
    return f"{ROOT}.{rest}" if rest else ROOT


def lacks(what: str) -> str:
    """The clause that closes every message about a missing name."""
    return f"rushlight, which runs this program as torch, has no {what}"
