"""CUDA: not built in. The switches are accepted, since programs set them before they ask for a device."""

from __future__ import annotations


class _Matmul:
    fp32_precision = "none"
    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()


def is_built() -> bool:
    """Whether this build can use CUDA devices."""
    return False
