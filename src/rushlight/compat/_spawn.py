"""Carry the finder into processes that multiprocessing starts afresh (spawn, forkserver).

Such a child first unpickles a dict of "preparation data", then imports the main module, which says `import torch`.
The dict gets one more entry whose unpickling installs the finder; nothing is left in the environment, so
programs that the user starts with `subprocess` stay what they are.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

_CHILD = """\
try:
    import rushlight.compat
except ImportError:
    import sys
    sys.path.append({folder!r})
    import rushlight.compat
rushlight.compat.install()
"""


class _InstallInChild:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        folder = str(Path(__file__).resolve().parents[2])
        return exec, (_CHILD.format(folder=folder),)


def patch(spawn: ModuleType) -> None:
    """Make `multiprocessing.spawn.get_preparation_data` add the entry."""
    original = spawn.get_preparation_data
    if getattr(original, "is_rushlight_patch", False):
        return

    def get_preparation_data(name: str) -> dict[str, Any]:
        data = original(name)
        data["rushlight"] = _InstallInChild()
        return data

    get_preparation_data.is_rushlight_patch = True  # type: ignore[attr-defined]
    spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]
