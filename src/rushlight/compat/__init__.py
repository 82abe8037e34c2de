"""Present Rushlight to the running program under the names `torch` and `torchvision`.

`install()` puts one finder on `sys.meta_path`. From then on, in this process:

- `import torch.X` gives the very module object that `import rushlight.X` gives, and `torchvision.X` that of
  `rushlight.vision.X`; `importlib.util.find_spec` and `importlib.metadata.version` answer for both names;
- modules, classes and functions of Rushlight call themselves `torch...`, so that `type(param)` prints
  `<class 'torch.nn.parameter.Parameter'>` and pickles name importable paths;
- a name that Rushlight lacks raises AttributeError, ImportError or ModuleNotFoundError that says so;
- processes started by `multiprocessing` with spawn or forkserver install the same finder before they
  import the main module.

Nothing is installed on disk, and a process that does not ask keeps its real PyTorch.
"""

from __future__ import annotations

from .._names import TORCH_VERSION, TORCHVISION_VERSION

__all__ = ["TORCHVISION_VERSION", "TORCH_VERSION", "install", "installed"]


def install() -> None:
    """Make `import torch` and `import torchvision` reach Rushlight in this process. Idempotent.

    Raises:
        RuntimeError: if a real `torch` or `torchvision` has already been imported here.

    Example:
        >>> import rushlight.compat
        >>> rushlight.compat.install()
        >>> import torch, rushlight
        >>> torch is rushlight
        True
    """
    from ._finder import install_finder

    install_finder()


def installed() -> bool:
    """Whether `install()` has been called in this process."""
    from ._finder import find_installed

    return find_installed() is not None
