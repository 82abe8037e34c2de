"""Load mutated checkpoint files: every one must load or be refused with LoadError.

    python tests/fuzz/fuzz_load.py --seconds 60 --seed 1

Pickles are mutated before the archive is put around them, so that checksums do not stop them at
the door; whole files are mutated as well. Prints the first input that does anything else.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import random
import sys
import time
from pathlib import Path

import rushlight as torch
from rushlight.serialization import LoadError

TOOL = Path(__file__).parents[2] / "tools" / "make_hostile_files.py"


def tool():
    spec = importlib.util.spec_from_file_location("make_hostile_files", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def mutate(rng: random.Random, data: bytes, tokens: list[bytes]) -> bytes:
    """A few random edits: flip, overwrite, insert, delete, repeat, cut, splice a token."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            out[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 3:
            del out[at : at + rng.randrange(1, 9)]
        elif kind == 4:
            out[at:at] = out[at : at + rng.randrange(1, 64)]
        elif kind == 5 and rng.random() < 0.2:
            del out[at:]
        else:
            token = rng.choice(tokens)
            out[at : at + rng.choice((0, len(token)))] = token
    return bytes(out)


def seeds(h) -> tuple[list[bytes], list[bytes]]:
    """Pickle bodies and whole files to start from."""
    stream = io.BytesIO()
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    torch.save({"model": model, "state": model.state_dict()}, stream)
    bodies = [h.PROTO + h.tensor(h.storage()) + h.STOP]
    bodies.append(h.PROTO + h.t(h.tensor(h.storage()), b"}" + h.s("a") + h.i(1) + b"s") + h.STOP)
    files = [h.GOOD, stream.getvalue(), h.legacy(h.tensor(h.old_storage()))]
    files += [c.data for c in h.cases() if len(c.data) < 4000]
    return bodies, files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    h = tool()
    rng = random.Random(options.seed)
    bodies, files = seeds(h)
    tokens = [h.g("torch._utils", "_rebuild_tensor_v2"), h.g("torch", "Size"), h.storage()]
    tokens += [h.i(n) for n in (-1, 2**31, 2**40, 2**63, 2**64)] + [bytes([c]) for c in range(256)]
    tokens += [
        h.g("torch.nn.modules.linear", "Linear") + b")\x81",
        h.tensor(h.storage()),
        b"PK\1\2",
    ]
    deadline = time.monotonic() + options.seconds
    count = loaded = 0
    while time.monotonic() < deadline:
        if rng.random() < 0.6:
            data = h.archive(h.records(mutate(rng, rng.choice(bodies), tokens)))
        else:
            data = mutate(rng, rng.choice(files), tokens)
        count += 1
        try:
            torch.load(io.BytesIO(data))
            loaded += 1
        except LoadError:
            continue
        except BaseException:
            Path("fuzz_failure.bin").write_bytes(data)
            print(f"input {count} of seed {options.seed} is in fuzz_failure.bin")
            raise
    print(f"{count} inputs, {loaded} loaded, the others refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
