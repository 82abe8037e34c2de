"""`torch` and `torchvision` reach Rushlight under `rushlight run`: modules, names, metadata, refusals."""

from __future__ import annotations

import pytest


def lines(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_module_objects_are_shared(rushlight_run):
    done = rushlight_run(
        "import sys, torch, torch.nn as nn, rushlight\n"
        "from torch.utils.data import DataLoader\n"
        "import torch.utils.data as data, torch.nn.functional as F\n"
        "import rushlight.utils.data\n"
        "print(torch is rushlight, nn is rushlight.nn, torch.nn.functional is F is rushlight.nn.functional)\n"
        "print(data is rushlight.utils.data, data.DataLoader is DataLoader)\n"
        "import torchvision, torchvision.transforms as T, rushlight.vision.transforms\n"
        "print(torchvision is rushlight.vision, T is rushlight.vision.transforms)\n"
        "print(len([n for n in sys.modules if n.startswith('torch.') and\n"
        "           sys.modules[n] is not sys.modules['rushlight' + n[5:]]]))\n"
    )
    assert lines(done) == ["True True True", "True True", "True True", "0"]


def test_types_show_pytorch_names(rushlight_run):
    done = rushlight_run(
        "import torch, torch.nn as nn, torch.optim\n"
        "m = nn.Linear(2, 3)\n"
        "print(type(m), type(m.weight), type(torch.ones(1)), type(m.weight.dtype), type(m.weight.shape))\n"
        "print(torch.optim.SGD, nn.functional.relu.__module__, nn.__name__, torch.device)\n"
    )
    assert lines(done) == [
        "<class 'torch.nn.modules.linear.Linear'> <class 'torch.nn.parameter.Parameter'> "
        "<class 'torch.Tensor'> <class 'torch.dtype'> <class 'torch.Size'>",
        "<class 'torch.optim.sgd.SGD'> torch.nn.functional torch.nn <class 'torch.device'>",
    ]


def test_names_are_ours_without_the_hook():
    import rushlight

    assert rushlight.nn.Linear.__module__ == "rushlight.nn.modules.linear"
    assert rushlight.__name__ == "rushlight"


def test_metadata_and_find_spec(rushlight_run):
    done = rushlight_run(
        "import importlib.util as u, importlib.metadata as m\n"
        "print(u.find_spec('torch') is not None, u.find_spec('torch.nn') is not None)\n"
        "print(u.find_spec('torch.nope'), u.find_spec('torchvision.nope'))\n"
        "print(m.version('torch'), m.version('torchvision'), m.metadata('torch')['Name'])\n"
        "print(set(m.packages_distributions()['torch']))\n"
        "import torch, torchvision\n"
        "print(str(torch.__version__), torchvision.__version__)\n"
    )
    assert lines(done) == [
        "True True",
        "None None",
        "2.13.0+rushlight 0.28.0+rushlight torch",
        "{'torch'}",
        "2.13.0+rushlight 0.28.0+rushlight",
    ]


@pytest.mark.parametrize(
    ("statement", "error", "name"),
    [
        ("torch.no_such_name", "AttributeError", "torch.no_such_name"),
        ("torch.nn.NoSuchLayer", "AttributeError", "torch.nn.NoSuchLayer"),
        ("torch.nn.functional.no_such", "AttributeError", "torch.nn.functional.no_such"),
        ("import torch.no_such_module", "ModuleNotFoundError", "torch.no_such_module"),
        ("import torchvision.no_such_module", "ModuleNotFoundError", "torchvision.no_such_module"),
        ("from torch import no_such_name", "ImportError", "no_such_name"),
        ("from torch.nn import NoSuchLayer", "ImportError", "NoSuchLayer"),
        ("import torch.cli", "ModuleNotFoundError", "torch.cli"),
        ("import torch.vision", "ModuleNotFoundError", "torch.vision"),
        (
            "import importlib.util as u; u.find_spec('torch.cli')",
            "ModuleNotFoundError",
            "torch.cli",
        ),
        ("torch.ones(1).no_such_method", "AttributeError", "no_such_method"),
    ],
)
def test_missing_names_are_refused_by_name(rushlight_run, statement, error, name):
    done = rushlight_run(f"import torch\n{statement}\n")
    assert done.returncode == 1
    report = done.stderr[done.stderr.rindex(error) :]
    assert name in report
    assert "rushlight" in report


def test_pickles_name_pytorch_paths(rushlight_run):
    done = rushlight_run(
        "import pickle, torch.nn as nn\n"
        "data = pickle.dumps(nn.Linear, 0)\n"
        "print(b'ctorch.nn.modules.linear\\nLinear' in data, pickle.loads(data) is nn.Linear)\n"
    )
    assert lines(done) == ["True True"]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_child_processes_have_the_names_too(rushlight_run, method):
    done = rushlight_run(
        "import multiprocessing, torch\n"
        "def work(n):\n"
        "    return type(torch.ones(n)).__module__, torch.ones(n).tolist()\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context({method!r}).Pool(1) as pool:\n"
        "        print(pool.map(work, [1, 2]))\n"
    )
    assert lines(done) == ["[('torch', [1.0]), ('torch', [1.0, 1.0])]"]


def test_install_refuses_when_another_torch_is_loaded(rushlight_command, tmp_path):
    (tmp_path / "torch.py").write_text("")
    (tmp_path / "program.py").write_text(
        "import torch, rushlight.compat\n"
        "try:\n    rushlight.compat.install()\n"
        "except RuntimeError as e:\n    print(e)\n"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "torch is already imported from" in done.stdout, done.stderr


def test_tensorboardx_is_the_real_library(rushlight_run):
    pytest.importorskip("tensorboardX")
    done = rushlight_run(
        "import tensorboardX, os\nprint(os.path.basename(os.path.dirname(tensorboardX.__file__)))\n"
    )
    assert lines(done) == ["tensorboardX"]
