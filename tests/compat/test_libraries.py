"""Libraries that import torch work on Rushlight under `rushlight run`."""

from __future__ import annotations

import pytest


def test_tensorboardx_takes_our_tensors(rushlight_run, tmp_path):
    pytest.importorskip("tensorboardX")
    done = rushlight_run(
        "import torch\n"
        "from tensorboardX import SummaryWriter\n"
        "with SummaryWriter('log') as w:\n"
        "    w.add_scalar('a', torch.ones(2, requires_grad=True).sum(), 1)\n"
        "    w.add_histogram('h', torch.randn(100), 1)\n"
        "    w.add_image('i', torch.rand(3, 8, 8), 1)\n"
        "    w.add_embedding(torch.randn(5, 3), metadata=list('abcde'))\n"
        "    w.add_pr_curve('p', torch.tensor([0, 1, 1]), torch.tensor([0.1, 0.8, 0.6]), 1)\n"
    )
    assert done.returncode == 0, done.stderr
    assert any(p.name.startswith("events") for p in (tmp_path / "log").iterdir())


def test_safetensors_reads_and_writes_our_tensors(rushlight_run):
    pytest.importorskip("safetensors")
    done = rushlight_run(
        "import torch\n"
        "import safetensors.torch as st\n"
        "x = {'a': torch.arange(6).reshape(2, 3), 'b': torch.randn(4).to(torch.bfloat16)}\n"
        "st.save_file(x, 'm.safetensors')\n"
        "y = st.load_file('m.safetensors')\n"
        "print(sorted(y), all(torch.equal(x[k], y[k]) and x[k].dtype is y[k].dtype for k in x))\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['a', 'b'] True\n"
