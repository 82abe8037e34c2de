"""Write docs/api.txt, the list of public names, or check that it is up to date.

python tools/api.py            write
python tools/api.py --check    exit status 1 and the difference where it is not up to date
"""

from __future__ import annotations

import difflib
import importlib
import sys
import types
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.txt"
MODULES = (
    "rushlight",
    "rushlight.Tensor",
    "rushlight.autograd",
    "rushlight.compat",
    "rushlight.nn",
    "rushlight.nn.functional",
    "rushlight.nn.init",
    "rushlight.nn.utils",
    "rushlight.optim",
    "rushlight.optim.lr_scheduler",
    "rushlight.train",
    "rushlight.utils.data",
    "rushlight.utils.tensorboard",
    "rushlight.vision.datasets",
    "rushlight.vision.io",
    "rushlight.vision.models",
    "rushlight.vision.ops",
    "rushlight.vision.transforms",
    "rushlight.vision.transforms.functional",
    "rushlight.vision.transforms.v2",
    "rushlight.vision.transforms.v2.functional",
    "rushlight.vision.tv_tensors",
    "rushlight.vision.utils",
)


def public(path: str) -> list[str]:
    """The names that `path` offers: not private ones, not the modules it happens to import."""
    if path == "rushlight.Tensor":
        owner = importlib.import_module("rushlight").Tensor
    else:
        owner = importlib.import_module(path)
    names = getattr(owner, "__all__", None) or dir(owner)
    return sorted(
        n
        for n in set(names)
        if not n.startswith("_")
        and n != "annotations"
        and hasattr(owner, n)
        and not isinstance(getattr(owner, n), types.ModuleType)
    )


def listing() -> str:
    return "".join(f"{path}.{name}\n" for path in MODULES for name in public(path))


def main(args: list[str]) -> int:
    text = listing()
    if "--check" not in args:
        PAGE.write_text(text)
        return 0
    old = PAGE.read_text() if PAGE.exists() else ""
    changes = list(
        difflib.unified_diff(
            old.splitlines(), text.splitlines(), "docs/api.txt", "the package", "", "", 0, ""
        )
    )
    print("\n".join(changes) or "docs/api.txt is up to date")
    return int(bool(changes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
