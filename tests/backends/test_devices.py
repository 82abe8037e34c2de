"""Devices on a machine without a GPU: what is answered, what is refused, what runs. As PyTorch 2.13 without CUDA."""

from __future__ import annotations

import pickle

import numpy
import pytest

import rushlight as torch
from rushlight import nn

REFUSED = "Torch not compiled with CUDA enabled"


@pytest.fixture(autouse=True)
def defaults():
    yield
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)


def notes(error: BaseException) -> str:
    """What a user reads: the message and what was added to it."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def test_device_objects():
    assert repr(torch.device("cuda:1")) == "device(type='cuda', index=1)"
    assert torch.device("cuda", 1) == torch.device(type="cuda", index=1) == torch.device("cuda:1")
    assert torch.device("cpu:0") != torch.device("cpu")
    assert len({torch.device("cpu"), torch.device("cpu"), torch.device("meta")}) == 2
    assert pickle.loads(pickle.dumps(torch.device("cuda:1"))).index == 1
    assert str(torch.device(torch.device("cpu"))) == "cpu"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "gpu",
            r"start of device string: gpu\nunknown device 'gpu'; available here: cpu. Did you mean 'cuda'\?",
        ),
        ("mps:0", "start of device string: mps:0\nunknown device 'mps'; available here: cpu"),
        ("cuda:x", "Invalid device string: 'cuda:x'"),
        ("cuda:-1", "Invalid device string: 'cuda:-1'"),
        ("cuda:200", "Invalid device string: 'cuda:200': the index must be less than 128"),
        ("", "Device string must not be empty"),
    ],
)
def test_names_that_are_no_device(name, text):
    import re

    with pytest.raises(RuntimeError) as caught:
        torch.device(name)
    assert re.search(text, notes(caught.value))


FACTORIES = [
    lambda d: torch.empty(2, device=d),
    lambda d: torch.zeros(2, device=d),
    lambda d: torch.ones(2, device=d),
    lambda d: torch.full((2,), 1, device=d),
    lambda d: torch.tensor([1], device=d),
    lambda d: torch.as_tensor([1.0], device=d),
    lambda d: torch.as_tensor(numpy.ones(2), device=d),
    lambda d: torch.asarray([1], device=d),
    lambda d: torch.arange(3, device=d),
    lambda d: torch.linspace(0, 1, 3, device=d),
    lambda d: torch.logspace(0, 1, 3, device=d),
    lambda d: torch.eye(2, device=d),
    lambda d: torch.tril_indices(2, 2, device=d),
    lambda d: torch.triu_indices(2, 2, device=d),
    lambda d: torch.empty_strided((2,), (1,), device=d),
    lambda d: torch.rand(2, device=d),
    lambda d: torch.randn(2, device=d),
    lambda d: torch.normal(0.0, 1.0, (2,), device=d),
    lambda d: torch.randint(0, 5, (2,), device=d),
    lambda d: torch.randperm(3, device=d),
    lambda d: torch.hann_window(3, device=d),
    lambda d: torch.zeros_like(torch.ones(2), device=d),
    lambda d: torch.rand_like(torch.ones(2), device=d),
    lambda d: torch.ones(2).new_zeros(2, device=d),
    lambda d: torch.ones(2).to(d),
    lambda d: torch.ones(2).to(device=d, dtype=torch.float64),
    lambda d: nn.Linear(2, 2, device=d).weight,
    lambda d: nn.Linear(2, 2).to(d).weight
    if str(d) != "meta"
    else nn.Linear(2, 2, device=d).weight,
    lambda d: nn.BatchNorm1d(2, device=d).running_mean,
]


@pytest.mark.parametrize("make", FACTORIES)
def test_factories_go_where_they_are_told(make):
    assert make("meta").device == torch.device("meta")
    assert make(torch.device("cpu")).device == torch.device("cpu")
    for device in ("cuda", torch.device("cuda:0")):
        with pytest.raises(AssertionError, match=f"^{REFUSED}") as caught:
            make(device)
        assert "cpu" in notes(caught.value) and len(notes(caught.value)) <= 300


def test_cuda_methods_are_refused():
    for call in (torch.ones(1).cuda, nn.Linear(1, 1).cuda, nn.DataParallel(nn.Linear(1, 1)).cuda):
        with pytest.raises(AssertionError, match=REFUSED):
            call()
    nn.Module().cuda()  # nothing to move


def test_default_device():
    assert torch.get_default_device() == torch.device("cpu")
    torch.set_default_device("meta")
    made = [
        torch.ones(2),
        torch.tensor([1.0]),
        torch.randn(2),
        torch.arange(2),
        torch.as_tensor([1]),
    ]
    made += [
        *nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.LSTM(2, 2)).state_dict().values()
    ]
    made += [torch.as_tensor(numpy.ones(1)), torch.tril_indices(2, 2), torch.logspace(0, 1, 2)]
    assert {t.device.type for t in made} == {"meta"}
    assert repr(torch.ones(2)) == "tensor(..., device='meta', size=(2,))"
    x = torch.ones(2, device="cpu")
    stay = [
        x,
        torch.tensor([1.0], device="cpu"),
        torch.from_numpy(numpy.ones(1)),
        x.new_tensor([1.0]),
    ]
    stay += [x.new([1.0]), x.new(2), x + 1, torch.FloatTensor([1.0]), torch.LongTensor(2)]
    assert {t.device.type for t in stay} == {"cpu"}
    torch.set_default_device("cuda")
    for make in (lambda: torch.ones(1), lambda: torch.randn(1), lambda: torch.tensor([1])):
        with pytest.raises(AssertionError, match=REFUSED):
            make()
    torch.set_default_device(None)
    assert torch.ones(1).device.type == "cpu"


def test_device_as_a_block():
    with torch.device("meta") as device:
        assert device == torch.get_default_device() == torch.ones(1).device
        with torch.device("cpu"):
            assert torch.randn(1).device.type == "cpu"
        assert torch.zeros_like(torch.ones(2, device="cpu")).device.type == "cpu"
    assert torch.get_default_device().type == "cpu"
    with pytest.raises(AssertionError, match=REFUSED), torch.device("cuda"):
        torch.ones(1)
    assert torch.ones(1).device.type == "cpu"


def test_default_tensor_type():
    with pytest.warns(UserWarning, match="deprecated as of PyTorch 2.1"):
        torch.set_default_tensor_type(torch.DoubleTensor)
    assert torch.ones(1).dtype == torch.tensor([1.0]).dtype == torch.float64
    with pytest.warns(UserWarning):
        torch.set_default_tensor_type("torch.FloatTensor")
    assert torch.get_default_dtype() == torch.float32
    for kind in (torch.LongTensor, "x", 3, "FloatTensor"):
        with pytest.raises(
            TypeError, match="only floating-point types are supported as the default"
        ):
            torch.set_default_tensor_type(kind)
    for kind in (torch.cuda.FloatTensor, "torch.cuda.FloatTensor"):
        with (
            pytest.warns(UserWarning, match="deprecated as of PyTorch 2.1"),
            pytest.raises(TypeError, match=r"type torch.cuda.FloatTensor not available. Torch not"),
        ):
            torch.set_default_tensor_type(kind)


def test_tensor_types():
    assert torch.FloatTensor(2, 3).shape == (2, 3)
    assert torch.FloatTensor([1, 2.5]).tolist() == [1.0, 2.5]
    assert torch.LongTensor([1.7, 2]).tolist() == [1, 2]
    assert torch.FloatTensor().shape == (0,)
    assert repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>"
    assert torch.FloatTensor.dtype == torch.float32 and not torch.FloatTensor.is_cuda
    x = torch.ones(2)
    assert isinstance(x, torch.FloatTensor) and isinstance(x, torch.Tensor)
    assert not isinstance(x, (torch.LongTensor, torch.cuda.FloatTensor))
    assert isinstance(nn.Parameter(x), torch.FloatTensor)
    with pytest.raises(
        RuntimeError, match="expects device type: cpu but device type: cuda was passed"
    ):
        torch.FloatTensor(2, device="cuda")


def test_tensor_types_of_cuda_can_be_named():
    kind = torch.cuda.FloatTensor
    assert repr(kind) == "<class 'torch.cuda.FloatTensor'>"
    assert kind is torch.cuda.FloatTensor and kind.is_cuda and kind.dtype == torch.float32
    dtype = kind if torch.cuda.is_available() else torch.FloatTensor
    assert torch.ones(1).long().type(dtype).dtype == torch.float32
    for make in (lambda: torch.cuda.FloatTensor(2), lambda: torch.cuda.LongTensor([1, 2])):
        with pytest.raises(
            TypeError, match=r"Tensor not available. Torch not compiled with CUDA enabled.\n.*CPU"
        ):
            make()
    with pytest.raises(AttributeError, match="FlootTensor"):
        torch.cuda.FlootTensor  # noqa: B018


def test_type_method():
    x = torch.ones(2)
    names = {
        "float64": "Double",
        "float16": "Half",
        "bfloat16": "BFloat16",
        "int64": "Long",
        "bool": "Bool",
    }
    for dtype, word in names.items():
        y = x.to(getattr(torch, dtype))
        assert y.type() == f"torch.{word}Tensor"
        assert x.type(y.type()).dtype == y.dtype == x.type(getattr(torch, f"{word}Tensor")).dtype
        assert x.type(y.dtype).dtype == y.dtype
    assert x.type(torch.FloatTensor) is x
    for name in ("FloatTensor", "torch.FlootTensor", "x"):
        with pytest.raises(ValueError, match=f"^invalid type: '{name}'"):
            x.type(name)
    with pytest.raises(TypeError, match="^dtype must be a type, str, or dtype object"):
        x.type(3)
    for kind in ("torch.cuda.FloatTensor", torch.cuda.FloatTensor):
        with pytest.raises(RuntimeError, match="^Cannot initialize CUDA without ATen_cuda library"):
            x.type(kind)


def test_data_parallel_is_the_module():
    inner = nn.Linear(2, 1)
    x = torch.randn(3, 2)
    for net in (nn.DataParallel(inner), nn.DataParallel(inner, device_ids=[0])):
        assert torch.equal(net(x), inner(x)) and net.module is inner
        assert list(net.state_dict()) == ["module.weight", "module.bias"]
        net.eval()
        assert not inner.training
        net.train()
    assert torch.equal(nn.parallel.data_parallel(inner, x), inner(x))
    assert torch.equal(nn.parallel.data_parallel(inner, (x,), device_ids=[0]), inner(x))


ANSWERS = {
    "is_available": False,
    "device_count": 0,
    "is_initialized": False,
    "get_arch_list": [],
    "get_gencode_flags": "",
    "get_rng_state_all": [],
    "memory_allocated": 0,
    "max_memory_allocated": 0,
    "memory_reserved": 0,
    "max_memory_reserved": 0,
    "memory_stats": {},
    "empty_cache": None,
    "seed": None,
    "seed_all": None,
    "is_bf16_supported": False,
}
REFUSALS = (
    "current_device synchronize get_device_name get_device_capability get_device_properties init initial_seed "
    "get_rng_state current_stream default_stream mem_get_info ipc_collect get_sync_debug_mode"
).split()


def test_questions_about_cuda():
    for name, answer in ANSWERS.items():
        assert getattr(torch.cuda, name)() == answer, name
    for name in REFUSALS:
        with pytest.raises(AssertionError, match=f"^{REFUSED}\n.*device='cpu'"):
            getattr(torch.cuda, name)()
    assert not torch.cuda.has_magma
    assert torch.cuda.random.manual_seed(1) is None and torch.cuda.memory.memory_allocated() == 0
    with pytest.warns(FutureWarning, match="renamed to `torch.cuda.memory_reserved`"):
        assert torch.cuda.memory_cached() == 0
    with pytest.warns(UserWarning, match="not compiled with NCCL"):
        assert not torch.cuda.nccl.is_available([torch.ones(1)])
    assert torch.get_device_module("cuda") is torch.cuda


def test_blocks_and_streams_of_cuda():
    torch.cuda.set_rng_state(torch.get_rng_state())
    torch.cuda.set_device(-1)
    with (
        torch.cuda.stream(None),
        torch.cuda.device(-1),
        torch.cuda.device(None),
        torch.cuda.device_of(torch.ones(1)),
    ):
        assert torch.ones(1).device.type == "cpu"
    with (
        pytest.raises(RuntimeError, match="^PyTorch was compiled without CUDA support"),
        torch.cuda.device(0),
    ):
        pass
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        torch.cuda.device("cpu")
    for kind, text in (
        ("Stream", "requires CUDA support"),
        ("Event", "dummy base class"),
        ("CUDAGraph", "dummy"),
    ):
        with pytest.raises(RuntimeError, match=text):
            getattr(torch.cuda, kind)()
    with pytest.raises(RuntimeError, match="NVTX functions not installed"):
        torch.cuda.nvtx.range_push("a")
    try:
        raise torch.cuda.OutOfMemoryError("full")
    except torch.OutOfMemoryError as error:
        assert isinstance(error, RuntimeError)


def test_a_program_that_chooses_its_device_runs():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = torch.cuda.FloatTensor if torch.cuda.is_available() else torch.FloatTensor
    model = nn.DataParallel(nn.Linear(3, 1)).to(device)
    x = kind(4, 3).uniform_(0, 1).to(device, non_blocking=True)
    loss = model(x).square().mean()
    loss.backward()
    assert model.module.weight.grad.device == device
    if torch.cuda.is_available():
        torch.cuda.synchronize()
