"""The processor."""

from __future__ import annotations

from .. import _C

_NAMES = {"baseline": "DEFAULT", "avx2": "AVX2", "avx512": "AVX512"}


def get_cpu_capability() -> str:
    """The instruction level that the kernels were chosen for: "DEFAULT", "AVX2" or "AVX512".

    Example:
        >>> import rushlight as torch
        >>> torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
        True
    """
    return _NAMES[_C._isa_level()]
