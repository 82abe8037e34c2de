"""`rushlight env`: what is needed to judge a report - versions, instruction level, threads, libraries, devices."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata

LIBRARIES = (
    "numpy",
    "scikit-learn",
    "matplotlib",
    "tensorboardX",
    "tensorboard",
    "tqdm",
    "pillow",
    "pandas",
    "safetensors",
    "torch",
)
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "DNNL_MAX_CPU_ISA", "CUDA_VISIBLE_DEVICES")


def rows() -> Iterator[tuple[str, str]]:
    """The report, line by line: a label and what was found."""
    from .. import __file__ as package_file

    version = _version("rushlight").replace("not installed", "not installed, run from its sources")
    yield "rushlight", f"{version} ({os.path.dirname(package_file)})"
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield "processor", _processor()
    yield from _engine()
    for name in LIBRARIES:
        yield name, _version(name)
    for name in sorted(set(VARIABLES) | {k for k in os.environ if k.startswith("RUSHLIGHT_")}):
        if name in os.environ:
            yield name, os.environ[name]


def _engine() -> Iterator[tuple[str, str]]:
    import rushlight

    yield "instructions", str(rushlight.backends.cpu.get_cpu_capability())
    yield "threads", f"{rushlight.get_num_threads()} of {os.cpu_count()} processors"
    yield "oneDNN", _onednn(rushlight)
    yield "devices", ", ".join(["cpu", "meta", *_cuda(rushlight)])


def _onednn(rushlight) -> str:
    return rushlight._C._onednn_version() or "not found"


def _cuda(rushlight) -> list[str]:
    return [f"cuda:{i}" for i in range(rushlight.cuda.device_count())]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as f:
            return next(
                line.split(":", 1)[1].strip() for line in f if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def main(args: Sequence[str]) -> int:
    p = argparse.ArgumentParser(
        prog="rushlight env",
        description="Print versions, instruction level, threads, libraries and devices.",
    )
    p.parse_args(args)
    for label, value in rows():
        print(f"{label:13} {value}")
    return 0
