"""Call every operator with tensors of any shape, dtype and strides and with arguments out of range.

    python tests/fuzz/fuzz_operators.py --seconds 60 --seed 1
    python tests/fuzz/fuzz_operators.py --seed 1 --case 4711       # one call again, printed

A call may return or raise one of Python's exceptions. What it returns must not depend on how the
arguments lie in memory. Anything else is printed: a result that differs, an exception of the engine's
own making, a process that dies or stands still. Meant to run under the sanitizers (tools/sanitize.sh).
"""

from __future__ import annotations

import argparse
import faulthandler
import math
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import rushlight as torch
from rushlight import _C

EXPECTED = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, OverflowError)
# Arguments no program can give: operators behind others, which check for them.
HIDDEN = re.compile(r"^_|_backward$|_forward$|_backward_data$|^convolution_backward$")
# Results that may differ from call to call or with the strides, by definition.
UNSTABLE = re.compile(
    r"rand|bernoulli|multinomial|normal|dropout|rrelu|empty|poisson|exponential|cauchy|geometric"
    r"|uniform|random|binomial|gamma|dirichlet|as_strided|^view|resize|^set|stride|alias|unflatten"
)
DTYPES = (torch.float32,) * 6 + (
    torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int64, torch.int32,
    torch.uint8, torch.int8, torch.bool, torch.complex64,
)  # fmt: skip
EXTREME = (-(2**63), -(2**62), -(2**31) - 1, 2**31, 2**62, 2**63 - 1, 2**32 + 1)


def operators() -> list[tuple[str, list[tuple[str, str, bool, bool]]]]:
    """Each overload as its name and (type, name, has a default, keyword only) of its arguments."""
    found = []
    for text in _C._all_schemas():
        name, args = re.match(r"([\w.]+)\((.*)\)$", text).groups()
        name = name.split(".")[0]
        if HIDDEN.search(name) or not hasattr(_C.ops, name):
            continue
        parsed, keyword = [], False
        for arg in filter(None, args.split(", ")):
            if arg == "*":
                keyword = True
                continue
            left, equals, _ = arg.partition(" = ")
            kind, label = left.rsplit(" ", 1)
            parsed.append((kind, label, bool(equals), keyword))
        found.append((name, parsed))
    return found


class Maker:
    """Random arguments; tensors of one call have related shapes, so that many calls succeed."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.dims = rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5))
        wide = rng.random() < 0.15
        sizes = (0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 17) if not wide else (1, 2, 31, 33, 64, 67, 130)
        self.shape = [rng.choice(sizes) for _ in range(self.dims)]
        while math.prod(self.shape) > 60000:
            self.shape[self.shape.index(max(self.shape))] = 2
        self.dtype = rng.choice(DTYPES)
        self.wild = rng.random() < 0.3

    def size(self) -> list[int]:
        rng, shape = self.rng, list(self.shape)
        kind = rng.random()
        if kind < 0.55:
            return shape
        if kind < 0.7:  # broadcast
            return [1 if rng.random() < 0.4 else s for s in shape][rng.randrange(len(shape) + 1) :]
        if kind < 0.85 and shape:  # one size of the first as a vector
            return [rng.choice(shape)]
        if kind < 0.93:
            rng.shuffle(shape)
            return shape
        return [rng.choice((0, 1, 2, 3, 5)) for _ in range(rng.randrange(5))]

    def values(self, size: list[int], dtype) -> torch.Tensor:
        rng, n = self.rng, math.prod(size)
        if dtype == torch.bool:
            data = [rng.random() < 0.5 for _ in range(n)]
        elif dtype in (torch.int64, torch.int32, torch.int8, torch.uint8):
            low, high = (0, 7) if dtype == torch.uint8 else (-3, 7)
            if rng.random() < 0.6:
                low, high = 0, max(1, min(self.shape, default=1) - 1)
            data = [rng.randint(low, high) for _ in range(n)]
            if n and dtype == torch.int64 and rng.random() < 0.1:
                data[rng.randrange(n)] = rng.choice(EXTREME)
        else:
            data = [rng.gauss(0, 1) for _ in range(n)]
            if n and rng.random() < 0.05:
                data[rng.randrange(n)] = rng.choice((math.inf, -math.inf, math.nan, 0.0, 1e30))
        return (
            torch.tensor(data, dtype=torch.float64 if isinstance(sum(data), float) else None)
            .to(dtype)
            .reshape(size)
        )

    def tensor(self, dtype=None) -> torch.Tensor:
        rng, size = self.rng, self.size()
        dtype = dtype or (self.dtype if rng.random() < 0.8 else rng.choice(DTYPES))
        t = self.values(size, dtype)
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            t = self.rearranged(t)
        if t.is_floating_point() and rng.random() < 0.3:
            t = t.detach().requires_grad_()
        return t

    def rearranged(self, t: torch.Tensor) -> torch.Tensor:
        """The same values, lying otherwise."""
        rng, nd = self.rng, t.dim()
        kind = rng.randrange(7)
        if kind == 0 and nd > 1:
            order = rng.sample(range(nd), nd)
            back = [order.index(d) for d in range(nd)]
            return t.permute(order).contiguous().permute(back)
        if kind == 1 and nd:  # gaps
            d, step = rng.randrange(nd), rng.choice((2, 3))
            wide = torch.zeros(
                [s * step if i == d else s for i, s in enumerate(t.shape)], dtype=t.dtype
            )
            index = tuple(slice(None, None, step) if i == d else slice(None) for i in range(nd))
            wide[index] = t
            return wide[index]
        if kind == 2:  # an offset, odd alignment
            flat = torch.zeros(t.numel() + rng.randrange(1, 5), dtype=t.dtype)
            part = flat[flat.numel() - t.numel() :]
            part.copy_(t.reshape(-1))
            return part.view(t.shape)
        if kind == 3 and nd == 4:
            return t.contiguous(memory_format=torch.channels_last)
        if kind == 4 and nd == 4 and t.is_floating_point() and t.dtype == torch.float32:
            # As a convolution leaves it.
            c = t.shape[1]
            if t.numel() == 0 or not bool(t.isfinite().all()):
                return t
            return torch.conv2d(t, torch.eye(c).reshape(c, c, 1, 1))
        if kind == 5 and nd:  # expanded
            d = rng.randrange(nd)
            if t.shape[d] > 0:
                return t.narrow(d, 0, 1).expand(t.shape)
        if kind == 6 and nd == 4:  # part of a channels-last tensor
            c = t.shape[1]
            wide = torch.cat([t, t], 1).contiguous(memory_format=torch.channels_last)
            return wide[:, :c] if rng.random() < 0.5 else wide[:, c:]
        return t

    def integer(self) -> int:
        if self.wild and self.rng.random() < 0.15:
            return self.rng.choice(EXTREME)
        return self.rng.choice((-3, -2, -1, -1, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 7))

    def argument(self, kind: str, label: str) -> object:
        rng = self.rng
        if kind == "Tensor":
            index = "index" in label or label in ("indices", "target", "buckets")
            return self.tensor(torch.int64 if index and rng.random() < 0.9 else None)
        if kind == "tuple of Tensors":
            return [
                self.tensor(torch.int64 if label == "indices" else None)
                for _ in range(rng.randrange(4))
            ]
        if kind == "tuple of ints":
            if rng.random() < 0.3:
                return self.size()
            n = rng.choice((1, 1, 2, 2, 2, 3, 4, self.dims))
            if label in ("stride", "kernel_size", "dilation", "padding", "output_size"):
                return [rng.choice((0, 1, 1, 1, 2, 2, 3)) if not self.wild else self.integer()
                        for _ in range(rng.choice((1, 2, 2, 3)))]  # fmt: skip
            return [self.integer() for _ in range(n)]
        if kind == "int":
            return rng.choice((1, 1, 2)) if label == "groups" else self.integer()
        if kind == "bool":
            return rng.random() < 0.5
        if kind in ("float", "Number"):
            if rng.random() < 0.2:
                return rng.choice((0, 1, -1, 2, True))
            return rng.choice((0.0, 0.5, 1.0, -1.5, 2.0, 1e-5, 1e30, math.inf, math.nan))
        if kind == "tuple of floats":
            return [rng.choice((0.5, 1.0, 2.0, 1.7, 0.0, -1.0)) for _ in range(rng.choice((1, 2)))]
        if kind == "str":
            return rng.choice(("valid", "same", "sum", "mean", "prod", "amax", "amin", "trunc",
                               "floor", "ij", "none", "tanh", "linear", "higher"))  # fmt: skip
        if kind == "torch.dtype":
            return rng.choice(DTYPES)
        if kind == "torch.memory_format":
            return rng.choice((torch.contiguous_format, torch.channels_last, torch.preserve_format))
        return None


def plain(value):
    """The same values as fresh dense tensors."""
    if isinstance(value, torch.Tensor):
        t = torch.tensor(value.detach().tolist(), dtype=value.dtype).reshape(value.shape)
        return t.requires_grad_(value.requires_grad)
    return [plain(v) for v in value] if isinstance(value, list) else value


def numbers(value) -> list:
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for v in value for t in numbers(v)] if isinstance(value, (tuple, list)) else []


def call(name: str, way: str, args: list, keywords: dict, out: list | None = None):
    if way == "in place":
        return getattr(args[0], name + "_")(*args[1:], **keywords)
    if way == "out":
        keywords = keywords | {"out": out[0] if len(out) == 1 else tuple(out)}
    return getattr(_C.ops, name)(*args, **keywords)


def differ(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return True
    if a.numel() == 0:
        return False
    if not (a.is_floating_point() or a.is_complex()):
        return a.tolist() != b.tolist()
    if a.is_complex():
        a, b = (
            torch.view_as_real(a.detach().resolve_conj()),
            torch.view_as_real(b.detach().resolve_conj()),
        )
    limit = {torch.float64: 1e-9, torch.float32: 2e-4}.get(a.dtype, 4e-2)
    x, y = a.detach().double().reshape(-1).tolist(), b.detach().double().reshape(-1).tolist()
    scale = max((abs(v) for v in y if math.isfinite(v)), default=1.0) + 1
    for u, v in zip(x, y, strict=True):
        if math.isnan(u) or math.isnan(v) or math.isinf(u) or math.isinf(v):
            if repr(u) != repr(v) and scale < 1e15:
                return True
        elif abs(u - v) > limit * scale:
            return True
    return False


def describe(value) -> str:
    if isinstance(value, torch.Tensor):
        grad = ", grad" if value.requires_grad else ""
        return (
            f"<{str(value.dtype)[6:]} {list(value.shape)} strides {list(value.stride())}"
            f" +{value.storage_offset()}{grad}>"
        )
    return "[" + ", ".join(map(describe, value)) + "]" if isinstance(value, list) else repr(value)


def run_case(seed: int, case: int, ops: list, show: bool) -> str | None:
    """Makes one call both ways; the text of what is wrong with it."""
    rng = random.Random(f"{seed}/{case}")
    name, schema = rng.choice(ops)
    maker = Maker(rng)
    args, keywords = [], {}
    for kind, label, optional, keyword in schema:
        if kind.startswith("torch.") and kind not in ("torch.dtype", "torch.memory_format"):
            continue
        if optional and (keyword or keywords or rng.random() < 0.4):
            if rng.random() < 0.4:
                keywords[label] = maker.argument(kind, label)
        elif keyword or keywords:
            keywords[label] = maker.argument(kind, label)
        else:
            args.append(maker.argument(kind, label))
    way = "function"
    chance = rng.random()
    if args and isinstance(args[0], torch.Tensor) and chance < 0.15:
        way = "in place" if hasattr(args[0], name + "_") else way
    out = None
    if chance > 0.9:
        way, out = "out", [maker.tensor().detach() for _ in range(rng.choice((1, 1, 1, 2)))]
    line = f"case {case}: {name} {way} " + ", ".join(map(describe, args))
    line += "".join(f", {k}={describe(v)}" for k, v in keywords.items())
    if show:
        print(line, flush=True)
    dense = [plain(a) for a in args], {k: plain(v) for k, v in keywords.items()}
    try:
        got = call(name, way, args, keywords, out)
        error = None
    except EXPECTED as e:
        got, error = None, e
    results = numbers(got)
    leaves = [t for t in numbers(args) if t.requires_grad]
    if leaves and results and results[0].requires_grad and way == "function":
        try:
            ones = torch.ones_like(results[0])
            torch.autograd.grad(results[0], leaves, ones, allow_unused=True)
        except EXPECTED as e:
            if "not implemented" not in str(e) and "not differentiable" not in str(e):
                return f"{line}\n    backward: {type(e).__name__}: {e}"
    if UNSTABLE.search(name) or way == "out" or sum(t.numel() for t in results) > 10**6:
        return None
    try:
        wanted = numbers(call(name, way, *dense))
    except EXPECTED as e:
        if error is None:
            return f"{line}\n    dense arguments only: {type(e).__name__}: {e}"
        return None
    if error is not None:
        if way == "in place" or "leaf Variable" in str(error):  # or an expanded tensor
            return None
        return f"{line}\n    not with dense arguments: {type(error).__name__}: {error}"
    if len(results) != len(wanted) or any(map(differ, results, wanted)):
        return f"{line}\n    result differs\n    {results}\n    {wanted}"[:3000]
    return None


def child(seed: int, first: int, last: int, note: Path, show: bool) -> None:
    ops = operators()
    for case in range(first, last):
        note.write_text(str(case))
        faulthandler.dump_traceback_later(60, exit=True)
        try:
            wrong = run_case(seed, case, ops, show)
        except MemoryError:
            continue
        if wrong:
            print(wrong, flush=True)
    faulthandler.cancel_dump_traceback_later()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    note = Path(f"/tmp/fuzz_operators.{os.getpid()}")
    if args.case is not None:
        return child(args.seed, args.case, args.case + 1, note, show=True)
    if args.last is not None:
        return child(args.seed, args.first, args.last, Path(os.environ["FUZZ_NOTE"]), show=False)
    end, at, deaths = time.monotonic() + args.seconds, args.first, 0
    while time.monotonic() < end:
        batch = at + 500
        command = [sys.executable, __file__, "--seed", str(args.seed)]
        command += ["--first", str(at), "--last", str(batch)]
        done = subprocess.run(command, env=os.environ | {"FUZZ_NOTE": str(note)}, check=False)
        if done.returncode:
            at = int(note.read_text())
            deaths += 1
            print(f"case {at}: the process ended with status {done.returncode}", flush=True)
            batch = at + 1
        at = batch
    note.unlink(missing_ok=True)
    print(f"{at - args.first} calls, {deaths} ended the process")
    sys.exit(bool(deaths))


if __name__ == "__main__":
    main()
