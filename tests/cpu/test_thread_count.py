"""Results do not depend on the number of threads, and the number is the one that was asked for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import rushlight as torch

# Prints a hash for each layer and for the parameters after three steps.
PROGRAM = """
import hashlib, sys
import rushlight as torch
from rushlight import nn

torch.use_deterministic_algorithms(True)

def digest(*tensors):
    h = hashlib.sha256()
    for t in tensors:
        h.update(t.detach().contiguous().numpy().tobytes())
    return h.hexdigest()[:16]

torch.manual_seed(0)
x = torch.randn(24, 8, 40, 40)
flat = torch.randn(300, 700)
sequence = torch.randn(48, 12, 96)
LAYERS = {
    "conv": (nn.Conv2d(8, 40, 3, padding=1), x),
    "conv few channels": (nn.Conv2d(1, 6, 5), x[:, :1]),
    "conv stride": (nn.Conv2d(8, 16, 3, stride=2, groups=2), x),
    "conv depthwise": (nn.Conv2d(8, 8, 5, padding=2, groups=8), x),
    "transposed conv": (nn.ConvTranspose2d(8, 12, 3), x),
    "batch norm": (nn.BatchNorm2d(8), x),
    "group norm": (nn.GroupNorm(4, 8), x),
    "layer norm": (nn.LayerNorm(700), flat),
    "max pool": (nn.MaxPool2d(2), x),
    "average pool": (nn.AvgPool2d(3, 2), x),
    "upsample": (nn.Upsample(scale_factor=2, mode="bilinear"), x),
    "linear": (nn.Linear(700, 333), flat),
    "softmax": (nn.Softmax(1), flat),
    "softmax channels": (nn.Softmax(1), x),
    "gelu": (nn.GELU(), x),
    "attention": (nn.TransformerEncoderLayer(96, 4, 128, dropout=0.0), sequence),
    "lstm": (nn.LSTM(96, 64, 2), sequence),
    "gru": (nn.GRU(96, 64), sequence),
}
for name, (layer, value) in LAYERS.items():
    value = value.clone().requires_grad_()
    out = layer(value)
    out = out[0] if isinstance(out, tuple) else out
    (out * out).sum().backward()
    print(name, digest(out, value.grad, *[p.grad for p in layer.parameters()]))
print("sums", digest(x.sum(), x.sum(1), x.sum((0, 2, 3)), x.mean(), x.var(), x.cumsum(0), x.norm()))
logits = [flat.clone().requires_grad_(), x.clone().requires_grad_()]
losses = [
    nn.functional.cross_entropy(logits[0], torch.randint(0, 700, (300,))),
    nn.functional.cross_entropy(logits[1], torch.randint(0, 8, (24, 40, 40)), label_smoothing=0.1),
]
sum(losses).backward()
print("cross entropy", digest(*losses, *[t.grad for t in logits]))
index = torch.randint(0, 300, (5000,))
print("indices", digest(flat[index], torch.zeros(300, 700).index_add(0, index, flat[index])))

model = nn.Sequential(
    nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
    nn.Dropout(0.3), nn.Linear(32 * 400, 10),
)
optimizer = torch.optim.AdamW(model.parameters())
labels = torch.randint(0, 10, (24,))
for _ in range(3):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    optimizer.step()
print("training", digest(loss, *model.parameters()))
"""


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    alone = run(PROGRAM, RUSHLIGHT_NUM_THREADS="1").splitlines()
    assert len(alone) > 15
    assert run(PROGRAM, RUSHLIGHT_NUM_THREADS="2").splitlines() == alone
    assert run(PROGRAM, RUSHLIGHT_NUM_THREADS="2").splitlines() == alone  # nor on the run


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({"OMP_NUM_THREADS": "3", "RUSHLIGHT_NUM_THREADS": ""}, 3),
        ({"OMP_NUM_THREADS": "3", "RUSHLIGHT_NUM_THREADS": "2"}, 2),
    ],
)
def test_the_environment_sets_the_number_of_threads(environment, threads) -> None:
    shown = run("import rushlight as torch; print(torch.get_num_threads())", **environment)
    assert int(shown) == threads


def test_set_num_threads_is_honoured() -> None:
    before = torch.get_num_threads()
    # Threads beyond the first are made when they are needed, and named.
    program = """
import os
import rushlight as torch
torch.set_num_threads({n})
x = torch.randn(1 << 20)
for _ in range(5):
    x = x.exp().tanh()
names = [open(f"/proc/self/task/{{t}}/comm").read() for t in os.listdir("/proc/self/task")]
print(sum(name.startswith("rl-pool") for name in names))
"""
    assert int(run(program.format(n=1))) == 0
    assert int(run(program.format(n=3))) == 2
    try:
        torch.set_num_threads(1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive"):
        torch.set_num_threads(0)


def test_forked_children_compute_after_threaded_work() -> None:
    a, x = torch.randn(400, 400), torch.randn(1 << 18)

    def results() -> float:
        return float((a @ a).sum() + x.exp().sum())

    wanted = results()
    for _ in range(50):
        child = os.fork()
        if child == 0:
            os._exit(0 if results() == wanted else 1)
        assert os.waitpid(child, 0)[1] == 0
