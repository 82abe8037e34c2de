"""A group of one process; starting processes; folders of models; trees and stubs."""

import pytest

import rushlight as torch

dist = torch.distributed


@pytest.fixture
def world():
    dist.init_process_group("gloo", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_nothing_is_available_and_nothing_is_initialised():
    assert not dist.is_available() and not dist.is_initialized()
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        dist.get_rank()
    with pytest.raises(RuntimeError, match="run the program as one process"):
        dist.init_process_group("nccl", world_size=4, rank=1)


def test_a_group_of_one(world):
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    x = torch.arange(3.0)
    dist.all_reduce(x, op=dist.ReduceOp.SUM)
    parts = [torch.zeros(3)]
    dist.all_gather(parts, x)
    assert parts[0].tolist() == x.tolist() == [0.0, 1.0, 2.0]
    assert dist.broadcast(x, 0, async_op=True).wait()
    dist.barrier()
    objects = [None]
    dist.all_gather_object(objects, {"a": 1})
    assert objects == [{"a": 1}]
    sampler = torch.utils.data.DistributedSampler(range(4), shuffle=False)
    assert list(sampler) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group("gloo")


def _write_rank(i, folder):
    (folder / str(i)).write_text("here")


def _fail(i):
    if i == 1:
        raise ValueError("number one is ill")


def test_spawn(tmp_path):
    torch.multiprocessing.spawn(_write_rank, args=(tmp_path,), nprocs=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1"]
    with pytest.raises(torch.multiprocessing.ProcessRaisedException, match="number one is ill"):
        torch.multiprocessing.start_processes(_fail, nprocs=2, start_method="fork")


def test_hub_folders(tmp_path):
    (tmp_path / "hubconf.py").write_text(
        "import rushlight as torch\n"
        "def small(n=1):\n"
        "    'A small model.'\n"
        "    return torch.nn.Linear(n, n)\n"
    )
    assert torch.hub.list(str(tmp_path)) == ["small"]
    assert torch.hub.help(str(tmp_path), "small") == "A small model."
    assert torch.hub.load(str(tmp_path), "small", n=3, source="local").in_features == 3
    with pytest.raises(NotImplementedError, match="does not run code from the network"):
        torch.hub.load("pytorch/vision", "resnet18")


def test_hub_downloads(tmp_path, capsys):
    source = tmp_path / "w-abc.pth"
    torch.save({"w": torch.ones(2)}, source)
    state = torch.hub.load_state_dict_from_url(source.as_uri(), model_dir=str(tmp_path / "cache"))
    assert state["w"].tolist() == [1.0, 1.0]
    assert "Downloading" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="invalid hash value"):
        torch.hub.download_url_to_file(source.as_uri(), str(tmp_path / "x"), hash_prefix="00zz")
    assert not (tmp_path / "x").exists()


def test_compile_and_jit_pass_through():
    layer = torch.nn.Linear(2, 2)
    assert torch.compile(layer, mode="max-autotune") is layer
    assert torch.jit.script(layer) is layer
    assert torch.jit.trace(layer, torch.ones(1, 2)) is layer

    @torch.compile
    def f(x):
        return x + 1

    assert f(torch.ones(1)).item() == 2.0 and not torch.jit.is_scripting()
    with pytest.raises(NotImplementedError, match="compiled programs are not supported"):
        torch.jit.save(layer, "x.pt")


def test_other_classes_can_take_functions():
    class Mine:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return "mine"

    @torch.overrides.wrap_torch_function(lambda x: (x,))
    def f(x):
        return "plain"

    assert f(Mine()) == "mine" and f(torch.ones(1)) == "plain"
    assert torch.overrides.is_tensor_like(Mine()) and not torch.overrides.is_tensor_like(3)
