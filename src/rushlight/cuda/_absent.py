"""How work on a device that is not there is refused."""

from __future__ import annotations

from typing import NoReturn

ADVICE = "rushlight runs on the CPU only so far: use device='cpu', or choose by torch.cuda.is_available()"


def refuse(
    kind: type[Exception] = AssertionError, text: str = "Torch not compiled with CUDA enabled"
) -> NoReturn:
    """Raise PyTorch's error, with what to do in the second line."""
    raise kind(f"{text}\n{ADVICE}")
