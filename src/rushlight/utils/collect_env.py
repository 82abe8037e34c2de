"""What a report of a fault should say about the machine and its programs."""

from __future__ import annotations

import locale
import os
import platform
import re
import subprocess
import sys
from typing import Any, NamedTuple

__all__ = ["get_env_info", "get_pretty_env_info", "run"]

_UNKNOWN = "Could not collect"


class SystemEnv(NamedTuple):
    """The report, entry by entry; None where nothing was found."""

    torch_version: Any
    is_debug_build: Any
    cuda_compiled_version: Any
    gcc_version: Any
    clang_version: Any
    cmake_version: Any
    os: Any
    libc_version: Any
    python_version: Any
    python_platform: Any
    is_cuda_available: Any
    cuda_runtime_version: Any
    cuda_module_loading: Any
    nvidia_driver_version: Any
    nvidia_gpu_models: Any
    cudnn_version: Any
    is_xpu_available: Any
    pip_version: Any
    pip_packages: Any
    conda_packages: Any
    hip_compiled_version: Any
    hip_runtime_version: Any
    miopen_runtime_version: Any
    caching_allocator_config: Any
    is_xnnpack_available: Any
    cpu_info: Any


def run(command: Any) -> tuple[int, str, str]:
    """Run a command.

    Args:
        command: a line for the shell, or a list of words.

    Returns:
        Tuple of its exit status (127 if there is no such program), its output and its errors, both stripped.
    """
    try:
        done = subprocess.run(command, shell=isinstance(command, str), capture_output=True)
    except FileNotFoundError:
        words = command if isinstance(command, str) else " ".join(command)
        return 127, "", f"Command not found: {words}"
    coding = locale.getpreferredencoding()
    out, errors = (t.decode(coding, "replace").strip() for t in (done.stdout, done.stderr))
    return done.returncode, out, errors


def run_and_read_all(run_lambda: Any, command: Any) -> str | None:
    """The output of a command, None if it failed."""
    status, out, _ = run_lambda(command)
    return out if status == 0 else None


def run_and_parse_first_match(run_lambda: Any, command: Any, regex: str) -> str | None:
    """The first group of the first match in the output of a command, None if there is none."""
    found = re.search(regex, run_and_read_all(run_lambda, command) or "")
    return found.group(1) if found else None


def get_gcc_version(run_lambda: Any) -> str | None:
    """The version of gcc."""
    return run_and_parse_first_match(run_lambda, ["gcc", "--version"], r"gcc (.*)")


def get_clang_version(run_lambda: Any) -> str | None:
    """The version of clang."""
    return run_and_parse_first_match(run_lambda, ["clang", "--version"], r"clang version (.*)")


def get_cmake_version(run_lambda: Any) -> str | None:
    """The version of cmake."""
    return run_and_parse_first_match(run_lambda, ["cmake", "--version"], r"cmake (.*)")


def get_nvidia_driver_version(run_lambda: Any) -> str | None:
    """The version of NVIDIA's driver."""
    return run_and_parse_first_match(run_lambda, ["nvidia-smi"], r"Driver Version: (.*?) ")


def get_gpu_info(run_lambda: Any) -> str | None:
    """The names of NVIDIA's devices."""
    listed = run_and_read_all(run_lambda, ["nvidia-smi", "-L"])
    return None if listed is None else re.sub(r" \(UUID: .+?\)", "", listed)


def get_cpu_info(run_lambda: Any) -> str:
    """What the system says of the processor."""
    return run_and_read_all(run_lambda, ["lscpu"]) or platform.processor() or "None"


def get_platform() -> str:
    """The kind of system: "linux", "win32", "darwin", "cygwin"."""
    return "linux" if sys.platform.startswith("linux") else sys.platform


def get_os(run_lambda: Any) -> str:
    """The name of the operating system."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = f"{platform.system()} {platform.release()}"
    return f"{name} ({platform.machine()})"


def get_libc_version() -> str:
    """The name and version of the C library."""
    return "-".join(platform.libc_ver()) if get_platform() == "linux" else "N/A"


def get_python_platform() -> str:
    """The platform as Python names it."""
    return platform.platform()


def get_pip_packages(run_lambda: Any, patterns: Any = None) -> tuple[str, str]:
    """The name of pip, and the installed packages whose names contain one of `patterns`, one a line."""
    from importlib import metadata

    wanted = patterns or ("torch", "numpy", "rushlight", "mypy", "flake8", "onnx")
    found = {f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions()}
    return "pip3", "\n".join(sorted(n for n in found if any(w in n.lower() for w in wanted)))


def get_env_info() -> SystemEnv:
    """The report, entry by entry."""
    from .. import __version__, cuda, xpu

    bits = sys.maxsize.bit_length() + 1
    pip, packages = get_pip_packages(run)
    return SystemEnv(
        torch_version=str(__version__),
        is_debug_build="False",
        cuda_compiled_version="None",
        gcc_version=get_gcc_version(run),
        clang_version=get_clang_version(run),
        cmake_version=get_cmake_version(run),
        os=get_os(run),
        libc_version=get_libc_version(),
        python_version=f"{sys.version.splitlines()[0]} ({bits}-bit runtime)",
        python_platform=get_python_platform(),
        is_cuda_available=str(cuda.is_available()),
        cuda_runtime_version=None,
        cuda_module_loading=os.environ.get("CUDA_MODULE_LOADING", "N/A"),
        nvidia_driver_version=get_nvidia_driver_version(run),
        nvidia_gpu_models=get_gpu_info(run),
        cudnn_version=None,
        is_xpu_available=str(xpu.is_available()),
        pip_version=pip,
        pip_packages=packages,
        conda_packages=None,
        hip_compiled_version="N/A",
        hip_runtime_version="N/A",
        miopen_runtime_version="N/A",
        caching_allocator_config="N/A",
        is_xnnpack_available="False",
        cpu_info=get_cpu_info(run),
    )


_LINES = {
    "PyTorch version": "torch_version",
    "Is debug build": "is_debug_build",
    "CUDA used to build PyTorch": "cuda_compiled_version",
    "ROCM used to build PyTorch": "hip_compiled_version",
    "": None,
    "OS": "os",
    "GCC version": "gcc_version",
    "Clang version": "clang_version",
    "CMake version": "cmake_version",
    "Libc version": "libc_version",
    " ": None,
    "Python version": "python_version",
    "Python platform": "python_platform",
    "Is CUDA available": "is_cuda_available",
    "CUDA runtime version": "cuda_runtime_version",
    "CUDA_MODULE_LOADING set to": "cuda_module_loading",
    "GPU models and configuration": "nvidia_gpu_models",
    "Nvidia driver version": "nvidia_driver_version",
    "cuDNN version": "cudnn_version",
    "Is XPU available": "is_xpu_available",
    "HIP runtime version": "hip_runtime_version",
    "MIOpen runtime version": "miopen_runtime_version",
    "Is XNNPACK available": "is_xnnpack_available",
    "Caching allocator config": "caching_allocator_config",
}


def pretty_str(envinfo: SystemEnv) -> str:
    """The report as text."""
    found = {k: _UNKNOWN if v is None else v for k, v in envinfo._asdict().items()}
    lines = [f"{label}: {found[name]}" if name else "" for label, name in _LINES.items()]
    lines += ["", "CPU:", found["cpu_info"], "", "Versions of relevant libraries:"]
    lines += [f"[{found['pip_version']}] {p}" for p in found["pip_packages"].splitlines()]
    return "\n".join([*lines, f"[conda] {found['conda_packages']}"])


def get_pretty_env_info() -> str:
    """The report as text, as `python -m torch.utils.collect_env` prints it.

    Example:
        >>> from rushlight.utils.collect_env import get_pretty_env_info
        >>> get_pretty_env_info().startswith("PyTorch version: 2.13.0")
        True
    """
    return pretty_str(get_env_info())


def main() -> None:
    """Print the report."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
