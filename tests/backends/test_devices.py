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
        ("npu:0", "start of device string: npu:0\nunknown device 'npu'; available here: cpu"),
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


COMPILED = {"xpu": "XPU", "mtia": "MTIA"}
MODULES = ["hpu", "privateuseone"]
NO_BACKEND = ["mkldnn", "opengl", "opencl", "ideep"]
BACKENDS = {n: n.upper() for n in ("ipu", "hip", "ve", "fpga", "maia", "xla", "mps")}
BACKENDS |= {"lazy": "Lazy", "vulkan": "Vulkan"}
NAMES = ["cpu", "cuda", "meta", *COMPILED, *MODULES, *NO_BACKEND, *BACKENDS]


@pytest.mark.filterwarnings("ignore:'mkldnn' is no longer used")
@pytest.mark.parametrize("name", NAMES)
def test_every_type_that_pytorch_names_makes_a_device(name):
    device, second = torch.device(name), torch.device(name, 1)
    assert (device.type, device.index, str(device)) == (name, None, name)
    assert repr(second) == f"device(type='{name}', index=1)"
    assert second == torch.device(f"{name}:1") != device
    assert hash(second) == hash(torch.device(f"{name}:1"))
    assert pickle.loads(pickle.dumps(second)) == second
    assert device.__reduce__() == (torch.device, (name,))
    assert second.__reduce__() == (torch.device, (name, 1))


@pytest.mark.filterwarnings("ignore:'mkldnn' is no longer used")
@pytest.mark.parametrize("name", sorted({*NAMES} - {"cpu", "cuda", "meta"}))
def test_devices_without_memory_are_refused_in_use(name):
    x = torch.ones(2)
    making = [lambda: torch.zeros(2, device=name), lambda: torch.rand(2, device=torch.device(name))]
    copying = [lambda: x.to(name), lambda: torch.tensor([1.0], device=name)]
    copying.append(lambda: nn.Linear(1, 1).to(torch.device(name)))
    for use in making + copying:
        if name in COMPILED:
            kind, text = AssertionError, f"Torch not compiled with {COMPILED[name]} enabled"
        elif name in MODULES:
            kind, text = ModuleNotFoundError, f"No module named 'torch.{name}'"
        elif name in NO_BACKEND or (use in copying and name != "lazy"):
            kind, text = RuntimeError, f"PyTorch is not linked with support for {name} devices"
        else:
            kind = NotImplementedError
            text = f"Could not run 'aten::empty.memory_format' with arguments from the '{BACKENDS[name]}' backend."
        with pytest.raises(kind) as caught:
            use()
        assert type(caught.value) is kind
        assert notes(caught.value).startswith(text)
        assert "leave the tensor on 'cpu'" in notes(caught.value)
    with pytest.raises(RuntimeError, match=f"Cannot get {name} generator"):
        torch.Generator(name)
    if name not in ("xpu", "mps"):
        with pytest.raises(RuntimeError, match=f"Device '{name}' does not have a corresponding"):
            torch.get_device_module(name)


@pytest.mark.parametrize(
    "use",
    [
        lambda: torch.device(0),
        lambda: torch.ones(1).to(0),
        lambda: torch.ones(1, device=1),
        lambda: torch.ones(1).cuda(0),
        lambda: nn.Linear(1, 1).to(0),
    ],
)
def test_a_number_alone_means_the_accelerator(use):
    with pytest.raises(RuntimeError, match="^Cannot access accelerator device when none is") as e:
        use()
    assert "this build computes on 'cpu'" in notes(e.value)


def test_arguments_of_device():
    assert torch.device(device="cuda") == torch.device("cuda", index=None)
    for wrong, text in [
        ((None,), "invalid combination of arguments - got"),
        ((torch.device("cpu"), 1), "argument 'type' .position 1. must be str, not torch.device"),
        (("cuda", True), "argument 'index' .position 2. must be int, not bool"),
    ]:
        with pytest.raises(TypeError, match=text):
            torch.device(*wrong)
    for wrong, text in [
        ((-1,), "Device index must not be negative"),
        (("xpu", 300), "Device index must be less than 128: got 300"),
        (("cuda:1", 0), "must not include an index"),
    ]:
        with pytest.raises(RuntimeError, match=text):
            torch.device(*wrong)
    with pytest.raises(TypeError, match="comparison not implemented"):
        torch.device("cpu") < torch.device("cuda")  # noqa: B015


@pytest.mark.parametrize("name", ["ipu", "xpu", "mtia", "cuda"])
def test_methods_that_move(name):
    for thing in (torch.ones(1), nn.Linear(1, 1)):
        with pytest.raises((AssertionError, RuntimeError), match="not (compiled|linked) with"):
            getattr(thing, name)()
    with pytest.raises(RuntimeError, match="(?i)^Invalid device, must be " + name + " device"):
        getattr(torch.ones(1), name)("cpu")
    assert getattr(torch.ones(1), f"is_{name}") is False


def test_mkldnn_warns_once():
    import subprocess
    import sys

    program = "import rushlight as t; t.device('mkldnn'); t.device('mkldnn')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.count("'mkldnn' is no longer used as device type.") == 1


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
