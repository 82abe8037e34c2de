"""Train the GPT of workloads.py in float32 and under bfloat16 autocast on the CPU: losses and speed.

    python benchmarks/autocast_gpt.py [rushlight|torch] [steps]

Both runs start from the same weights and see the same batches of a text made by a small Markov chain, so that
there is something to learn. Prints every tenth loss of both, the largest relative difference of the loss curves
(each smoothed over ten steps) and the median seconds per step.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import statistics
import sys
import time

lib = sys.argv[1] if len(sys.argv) > 1 else "rushlight"
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 200
sys.argv = [sys.argv[0], lib]
workloads = importlib.import_module("workloads")
workloads.LIB = lib
torch = importlib.import_module(lib)
workloads.torch, workloads.nn, workloads.F = torch, torch.nn, torch.nn.functional
VOCAB, LENGTH, BATCH, SMOOTH = 65, 256, 8, 10


def text(length: int):
    """Tokens of a chain in which each token has four likely successors."""
    g = torch.Generator().manual_seed(1)
    successors = torch.randint(0, VOCAB, (VOCAB, 4), generator=g).tolist()
    choices = torch.randint(0, 4, (length,), generator=g).tolist()
    token, out = 0, []
    for choice in choices:
        out.append(token)
        token = successors[token][choice]
    return torch.tensor(out)


def train(reduced: bool) -> tuple[list[float], float]:
    torch.manual_seed(0)
    model = workloads.GPT(VOCAB, LENGTH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    tokens = text(100_000)
    g = torch.Generator().manual_seed(2)
    losses, seconds = [], []
    for _ in range(steps):
        at = torch.randint(0, len(tokens) - LENGTH - 1, (BATCH,), generator=g).tolist()
        x = torch.stack([tokens[i : i + LENGTH] for i in at])
        y = torch.stack([tokens[i + 1 : i + LENGTH + 1] for i in at]).flatten()
        start = time.perf_counter()
        region = (
            torch.autocast("cpu", dtype=torch.bfloat16) if reduced else contextlib.nullcontext()
        )
        optimizer.zero_grad()
        with region:
            loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return losses, statistics.median(seconds)


def smooth(losses: list[float]) -> list[float]:
    return [sum(losses[i : i + SMOOTH]) / SMOOTH for i in range(len(losses) - SMOOTH + 1)]


def main() -> None:
    full, full_s = train(False)
    reduced, reduced_s = train(True)
    for i in range(0, steps, 10):
        print(f"step {i:4}  float32 {full[i]:.4f}  bfloat16 {reduced[i]:.4f}", flush=True)
    apart = max(abs(a - b) / a for a, b in zip(smooth(full), smooth(reduced)))
    print(
        json.dumps(
            {
                "lib": lib,
                "float32_s": full_s,
                "bfloat16_s": reduced_s,
                "speedup": full_s / reduced_s,
                "largest_relative_difference": apart,
            }
        )
    )


if __name__ == "__main__":
    main()
