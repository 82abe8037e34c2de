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


def test_both_names_of_the_writer_are_ours(rushlight_run, tmp_path):
    pytest.importorskip("tensorboardX")
    done = rushlight_run(
        "import torch, tensorboardX, tensorboardX.writer\n"
        "from torch.utils.tensorboard import FileWriter, RecordWriter, SummaryWriter\n"
        "from tensorboardX import GlobalSummaryWriter\n"
        "import torch.utils.tensorboard.writer\n"
        "if __name__ == '__main__':\n"
        "    for kind in (SummaryWriter, tensorboardX.SummaryWriter, tensorboardX.writer.SummaryWriter):\n"
        "        print(kind.__module__.rpartition('.')[0])\n"
        "    print(FileWriter is tensorboardX.FileWriter)\n"
        "    w = GlobalSummaryWriter('all')\n"
        "    for _ in range(3):\n"
        "        w.add_scalar('a', torch.tensor(1.5))\n"
        "    w.close()\n"
        "    with SummaryWriter(comment='_x') as w:\n"
        "        print(w.log_dir)\n"
        "    with tensorboardX.SummaryWriter(logdir='a', write_to_disk=False) as w:\n"
        "        w.add_scalar('a', torch.tensor(1.5), 1)\n"
    )
    assert done.returncode == 0, done.stderr
    *names, folder = done.stdout.splitlines()
    assert names == ["torch.utils.tensorboard"] * 3 + ["True"]
    assert folder.startswith("runs/") and folder.endswith("_x")
    assert (tmp_path / folder).is_dir() and not (tmp_path / "a").exists()
    (events,) = (tmp_path / "all").iterdir()
    assert events.stat().st_size > 100


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


def test_torchinfo_shows_our_models(rushlight_run):
    pytest.importorskip("torchinfo")
    done = rushlight_run(
        "import torch\n"
        "from torch import nn\n"
        "from torchinfo import summary\n"
        "net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))\n"
        "theirs = summary(net, (2, 3, 4, 4), verbose=0)\n"
        "ours = torch.summary(net, (2, 3, 4, 4), verbose=0)\n"
        "print(str(theirs).replace('(Units.MEGABYTES)', '(M)') == str(ours), theirs.total_mult_adds)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"True {2 * 4 * (112 + 2 * 0) + 2 * 8 + 2 * 34}\n"
