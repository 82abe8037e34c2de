"""Build and run the C++ checks of the thread pool and of the CPU allocator."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
POOL = [CSRC / "pool" / name for name in ("pool.cpp", "cores.cpp", "omp.cpp")]
COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the pool is for Linux"),
]


def build(target: Path, *sources: Path | str) -> Path:
    flags = ["-std=c++20", "-O1", f"-I{CSRC}", "-pthread"]
    subprocess.run([COMPILER, *flags, *map(str, sources), "-o", str(target)], check=True)
    return target


def run(*command: Path | str, **env: str) -> None:
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr or f"exit status {done.returncode}"


@pytest.fixture(scope="module")
def pool_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pool") / "test_pool"
    return build(target, ROOT / "tests/cpp/test_pool.cpp", *POOL)


def test_pool(pool_program: Path) -> None:
    run(pool_program)


def test_number_of_threads_from_the_environment(pool_program: Path) -> None:
    run(pool_program, "7", OMP_NUM_THREADS="7,2", RUSHLIGHT_NUM_THREADS="")
    run(pool_program, "3", OMP_NUM_THREADS="7", RUSHLIGHT_NUM_THREADS="3")


def test_number_of_threads_follows_affinity(pool_program: Path) -> None:
    cpu = min(os.sched_getaffinity(0))
    subprocess.run(
        [pool_program, "1"],
        env={**os.environ, "OMP_NUM_THREADS": "many", "RUSHLIGHT_NUM_THREADS": "0"},
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        check=True,
        timeout=60,
    )


def test_allocator(tmp_path: Path) -> None:
    sources = (ROOT / "tests/cpp/test_allocator.cpp", CSRC / "core/allocator.cpp")
    run(build(tmp_path / "test_allocator", *sources))


def openmp_library(folder: Path, body: str) -> tuple[Path, Path]:
    """Compile a library that uses libgomp and the edited copy's place; return both paths."""
    source = folder / "user.cpp"
    source.write_text(body)
    original, copy = folder / "libuser.so", folder / "lib" / "libuser.so"
    copy.parent.mkdir()
    build(original, source, "-shared", "-fPIC", "-fopenmp")
    return original, copy


USER = """
#include <omp.h>
extern "C" int dnnl_sum(int n) {
  int sum = 0;
#pragma omp parallel for reduction(+ : sum)
  for (int i = 0; i < n; ++i) sum += i;
  return sum + 1000000 * omp_get_max_threads();
}
"""

# Prints the result computed by the edited library in a process that also has libgomp loaded.
DRIVER = """
import ctypes, sys
ctypes.CDLL("libgomp.so.1", mode=ctypes.RTLD_GLOBAL)
ctypes.CDLL(sys.argv[1])
print(ctypes.CDLL(sys.argv[2]).dnnl_sum(1000))
"""


def bundle(original: Path, copy: Path, stubs: Path) -> subprocess.CompletedProcess[str]:
    script, exports = ROOT / "cmake/bundle_onednn.py", CSRC / "pool/exports.map"
    command = [sys.executable, script, original, copy, stubs, exports]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


@pytest.mark.skipif(struct.calcsize("P") != 8, reason="the bundler edits 64-bit libraries")
def test_an_edited_library_runs_on_the_pool(tmp_path: Path) -> None:
    original, copy = openmp_library(tmp_path, USER)
    stubs = tmp_path / "stubs.S"
    done = bundle(original, copy, stubs)
    assert done.returncode == 0, done.stderr
    assert "dnnl_sum:" in stubs.read_text()
    pool = copy.parent / "librlpool.so"
    map_file = CSRC / "pool/exports.map"
    options = ["-shared", "-fPIC", "-fvisibility=hidden", f"-Wl,--version-script={map_file}"]
    build(pool, *POOL, *options, "-Wl,-soname,librlpool.so", "-Wl,-z,nodelete")
    out = subprocess.run(
        [sys.executable, "-c", DRIVER, str(pool), str(copy)],
        env={**os.environ, "RUSHLIGHT_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    # Three threads is the pool's count: libgomp would say five.
    assert out.stdout.split() == ["3499500"], out.stderr


def test_the_bundler_names_what_the_pool_lacks(tmp_path: Path) -> None:
    body = '#include <omp.h>\nextern "C" int dnnl_team() { return omp_get_team_size(0); }\n'
    original, copy = openmp_library(tmp_path, body)
    done = bundle(original, copy, tmp_path / "stubs.S")
    assert done.returncode != 0 and "rlp_get_team_size" in done.stderr
    assert not copy.exists()
