"""A forked child runs products and convolutions after its parent did."""

from __future__ import annotations

import os

import rushlight as torch


def test_a_forked_child_gets_the_parents_results() -> None:
    x, w = torch.randn(4, 32, 28, 28), torch.randn(64, 32, 3, 3)
    a = torch.randn(600, 600)

    def results() -> list[bytes]:
        # The second convolution is a new problem in each child: the library makes it there.
        fresh = torch.nn.functional.conv2d(x[:2], w[: 16 + os.getpid() % 32], padding=1)
        assert fresh.isfinite().all().item()
        y = torch.nn.functional.conv2d(x, w, padding=1)
        return [y.numpy().tobytes(), (a @ a).numpy().tobytes()]

    wanted = results()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            os._exit(0 if results() == wanted else 1)
        assert os.waitpid(child, 0)[1] == 0
