"""What this machine can do at most, and the least time each workload needs on it.

    python benchmarks/roofline.py                 the machine: products and memory, on one core and on all
    python benchmarks/roofline.py --count gpt     what one step of a workload computes and moves (needs PyTorch)

Products: the best of our own engine, of oneDNN called bare, and of our engine without oneDNN. Memory: the best of the
C library's memchr, memset and memcpy and of a dot product, each core on a buffer of its own.

A workload's floor is the sum over its operators, forward and backward, of the longer of two times: its arithmetic at
the product peak, and its bytes at the bandwidth of the smallest cache that could hold them. Every operator reads its
inputs once and writes its result once; views cost nothing. An engine that joins operators can be faster than that.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))

# ---- the machine


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as f:
            names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def machine_line() -> str:
    """Processor, cores, versions and the day: the head of every table that a benchmark writes."""
    import rushlight

    cores = len(os.sched_getaffinity(0))
    level = rushlight.backends.cpu.get_cpu_capability()
    return (
        f"{processor()}, {cores} cores, {level}, Python {platform.python_version()}, "
        f"{datetime.date.today().isoformat()}"
    )


def best_rate(work: Callable[[], Any], amount: float, seconds: float = 0.25) -> float:
    """Amount per second of the fastest call in about `seconds`, calls grouped to at least 1 ms."""
    work()
    start = time.perf_counter()
    work()
    calls = max(1, int(1e-3 / max(time.perf_counter() - start, 1e-7)))
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            work()
        best = max(best, amount * calls / (time.perf_counter() - start))
    return best


PRODUCT_SIZES = (512, 1024, 2048)


def engine_products(threads: int) -> float:
    """GFLOP/s of `a @ b` in float32, the best over a few sizes."""
    import rushlight as torch

    torch.set_num_threads(threads)
    best = 0.0
    for n in PRODUCT_SIZES:
        a, b = torch.randn(n, n), torch.randn(n, n)
        best = max(best, best_rate(lambda a=a, b=b: torch.mm(a, b), 2.0 * n**3))
    return best / 1e9


def onednn_products(threads: int) -> float:
    """GFLOP/s of oneDNN's dnnl_sgemm without us in between."""
    import rushlight as torch

    torch.set_num_threads(threads)
    folder = os.path.join(os.path.dirname(torch.__file__), "lib")
    names = (
        [n for n in os.listdir(folder) if n.startswith("libdnnl")] if os.path.isdir(folder) else []
    )
    if not names:
        return 0.0
    sgemm = ctypes.CDLL(os.path.join(folder, names[0])).dnnl_sgemm
    best = 0.0
    for n in PRODUCT_SIZES:
        a, b, c = (torch.randn(n, n) for _ in range(3))
        size, plain, one = ctypes.c_int64(n), ctypes.c_char(b"N"), ctypes.c_float(1.0)
        pa, pb, pc = (ctypes.c_void_p(t.data_ptr()) for t in (a, b, c))
        arguments = (
            plain,
            plain,
            size,
            size,
            size,
            one,
            pa,
            size,
            pb,
            size,
            ctypes.c_float(0.0),
            pc,
            size,
        )
        best = max(best, best_rate(lambda arguments=arguments: sgemm(*arguments), 2.0 * n**3))
    return best / 1e9


# Bytes that one core works on: well inside its second-level cache, inside the third, beyond all.
LEVELS = {"L2": 384 << 10, "L3": 4 << 20, "memory": 192 << 20}


def bandwidth(kind: str, size: int) -> float:
    """GB/s of one core: bytes read, bytes written, or for a copy bytes read and written together."""
    import numpy as np

    libc = ctypes.CDLL(None)
    for f in (libc.memchr, libc.memset, libc.memcpy):
        f.restype = ctypes.c_void_p
    half = size // 2
    x, y = np.full(half // 4, 1.5, np.float32), np.full(half // 4, 2.5, np.float32)
    px, py = ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data)
    count = ctypes.c_size_t(half)
    if kind == "read":
        ways = [
            (lambda: libc.memchr(px, 7, count), half),
            (lambda: np.dot(x, y), 2 * half),
        ]
    elif kind == "write":
        ways = [(lambda: libc.memset(px, 7, count), half)]
    else:
        ways = [(lambda: libc.memcpy(py, px, count), 2 * half)]
    return max(best_rate(work, amount) for work, amount in ways) / 1e9


MEASURES = {"engine": engine_products, "onednn": onednn_products, "own": engine_products}


def in_child(arguments: list[str], **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
    )


def answer(child: subprocess.Popen) -> float:
    out, _ = child.communicate(timeout=300)
    if child.returncode != 0:
        raise RuntimeError(f"roofline: a measurement ended with status {child.returncode}")
    return float(out.strip().splitlines()[-1])


def measure_machine() -> dict:
    """{"gflops": {threads: {way: GFLOP/s}}, "gbs": {cores: {level: {kind: GB/s}}}}."""
    cores = len(os.sched_getaffinity(0))
    machine: dict = {"cores": cores, "gflops": {}, "gbs": {}}
    for threads in sorted({1, cores}):
        machine["gflops"][str(threads)] = {
            way: answer(
                in_child(
                    ["--measure", way, str(threads)],
                    **({"RUSHLIGHT_ONEDNN": "0"} if way == "own" else {}),
                )
            )
            for way in MEASURES
        }
        machine["gbs"][str(threads)] = {
            level: {
                kind: sum(
                    answer(c)
                    for c in [in_child(["--measure", kind, str(size)]) for _ in range(threads)]
                )
                for kind in ("read", "write", "copy")
            }
            for level, size in LEVELS.items()
        }
    return machine


def cache_sizes() -> dict[str, int]:
    """Bytes of the second- and third-level caches that this process may use, all cores together."""
    found: dict[str, set[tuple[str, int]]] = {"L2": set(), "L3": set()}
    for cpu in os.sched_getaffinity(0):
        folder = f"/sys/devices/system/cpu/cpu{cpu}/cache"
        for index in os.listdir(folder) if os.path.isdir(folder) else []:
            try:
                level, size, shared = (
                    open(os.path.join(folder, index, name)).read().strip()
                    for name in ("level", "size", "shared_cpu_list")
                )
            except OSError:
                continue
            if f"L{level}" in found:
                found[f"L{level}"].add(
                    (shared, int(size.rstrip("KM")) << (20 if size.endswith("M") else 10))
                )
    sizes = {level: sum(size for _, size in caches) for level, caches in found.items()}
    return {"L2": sizes["L2"] or 1 << 20, "L3": sizes["L3"] or 8 << 20}


def print_machine(machine: dict) -> None:
    for threads, ways in machine["gflops"].items():
        rates = ", ".join(f"{way} {rate:.0f}" for way, rate in ways.items())
        print(f"float32 products, {threads} threads: {rates} GFLOP/s")
    for threads, levels in machine["gbs"].items():
        for level, kinds in levels.items():
            rates = ", ".join(f"{kind} {rate:.0f}" for kind, rate in kinds.items())
            print(f"{level}, {threads} cores: {rates} GB/s")


def floor_of(operators: list[dict], machine: dict, caches: dict[str, int]) -> dict:
    """Milliseconds of arithmetic, of memory traffic, and the floor: operator by operator the longer of the two."""
    threads = str(machine["cores"])
    peak = max(machine["gflops"][threads].values()) * 1e9
    compute = memory = floor = 0.0
    for op in operators:
        moved = op["read"] + op["write"]
        level = next((name for name in ("L2", "L3") if moved <= caches[name]), "memory")
        rates = machine["gbs"][threads][level]
        arithmetic = op["flop"] / peak
        traffic = op["read"] / (rates["read"] * 1e9) + op["write"] / (rates["write"] * 1e9)
        compute, memory, floor = (
            compute + arithmetic,
            memory + traffic,
            floor + max(arithmetic, traffic),
        )
    return {
        "gflop": sum(op["flop"] for op in operators) / 1e9,
        "mb": sum(op["read"] + op["write"] for op in operators) / 1e6,
        "compute_ms": compute * 1e3,
        "memory_ms": memory * 1e3,
        "floor_ms": floor * 1e3,
    }


def count_operators(workload: str) -> list[dict]:
    """The operators of one step, counted in a fresh process that runs it on PyTorch."""
    child = in_child(["--count", workload, "--json"])
    out, _ = child.communicate(timeout=600)
    if child.returncode != 0:
        raise RuntimeError(f"roofline: {workload} could not be counted (it runs on PyTorch)")
    return json.loads(out.strip().splitlines()[-1])


def main() -> int:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--count", metavar="WORKLOAD", help="count one step of this workload")
    p.add_argument("--json", action="store_true", help="print JSON")
    p.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.measure:
        what, number = o.measure[0], int(o.measure[1])
        print(MEASURES[what](number) if what in MEASURES else bandwidth(what, number))
        return 0
    if o.count:
        operators = importlib.import_module("counting").count(o.count)
        if o.json:
            print(json.dumps(operators))
            return 0
        for op in operators:
            print(
                f"{op['name']:32} {op['flop'] / 1e6:12.2f} MFLOP {op['read'] / 1e6:10.2f} MB read "
                f"{op['write'] / 1e6:10.2f} MB written"
            )
        return 0
    machine = measure_machine()
    if o.json:
        print(json.dumps(machine))
    else:
        print(machine_line())
        print_machine(machine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
