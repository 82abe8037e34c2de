"""What holds for every layer of PyTorch's module database beside its results: copies, files, views, devices, errors."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import rushlight  # noqa: E402
from rushlight import nn  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
import module_samples as ms  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]
INFOS = [pytest.param(info, id=info.name[3:]) for info in ms.database]
MOST = 40  # samples of a layer; LinearCrossEntropyLoss has 857, which differ in their numbers only


def some(info, training: bool) -> list:
    samples = ms.samples(info, training)
    return samples[:: 1 + len(samples) // MOST]


def callable_samples(info):
    """(PyTorch's module, ours, call) of samples that can be run."""
    if info.module_cls.__name__ in ms.UNFIT:
        return
    for training in ms.modes(info):
        for sample in some(info, training):
            if sample.forward_input is not None:
                yield *ms.both(info, sample, training, "float32"), sample.forward_input


def run(module, call, change=None) -> dict:
    translate = ms.Translator()
    args, kwargs = ms.arguments(call, change)
    return ms.flat(ms.run(rushlight, module, translate(args), translate(kwargs)))


def assert_same(actual: dict, expected: dict, where: str) -> None:
    """Bit for bit."""
    assert list(actual) == list(expected), where
    for place, e in expected.items():
        a = actual[place]
        assert (a is None) == (e is None), f"{where}: {place}"
        if e is not None:
            assert a.dtype == e.dtype and np.array_equal(a, e, equal_nan=True), f"{where}: {place}"


def is_lazy(module) -> bool:
    return any(nn.parameter.is_lazy(p) for p in module.parameters())


def through_file(library, value, **options):
    file = io.BytesIO()
    library.save(value, file)
    file.seek(0)
    return rushlight.load(file, **options)


def copies(module, theirs):
    """Modules that must do what `module` does."""
    yield "deepcopy", copy.deepcopy(module)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        yield f"pickle {protocol}", pickle.loads(pickle.dumps(module, protocol))
    yield "file", through_file(rushlight, module, weights_only=False)
    if is_lazy(module):
        return
    if not isinstance(getattr(module, "options", None), nn.LinearCrossEntropyOptions):
        yield "safe file", through_file(rushlight, module, weights_only=True)
    for library, source in ((rushlight, module), (torch, theirs)):
        state = through_file(library, source.state_dict(), weights_only=True)
        other = copy.deepcopy(module)
        with rushlight.no_grad():
            for tensor in [*other.parameters(), *other.buffers()]:
                tensor.zero_()
        other.load_state_dict(state)
        yield f"state_dict of {library.__name__}", other


@pytest.mark.parametrize("info", INFOS)
def test_copies_do_the_same(info) -> None:
    for theirs, module, call in callable_samples(info):
        expected = run(copy.deepcopy(module), call)
        for kind, other in copies(module, theirs):
            assert repr(other) == repr(module), kind
            assert other.training == module.training, kind
            assert_same(run(other, call), expected, kind)


@pytest.mark.parametrize("info", INFOS)
def test_whole_modules_are_exchanged(info) -> None:
    """A module that either library saved loads in the other one (with code allowed) and computes the same."""
    for theirs, module, call in list(callable_samples(info))[:3]:
        expected = run(copy.deepcopy(module), call)
        assert_same(run(through_file(torch, theirs, weights_only=False), call), expected, "to ours")
        if is_lazy(module):
            continue
        file = io.BytesIO()
        rushlight.save(module, file)
        file.seek(0)
        read = torch.load(file, weights_only=False)
        assert repr(read) == repr(theirs)
        for name, tensor in read.state_dict().items():
            assert np.array_equal(tensor.numpy(), theirs.state_dict()[name].numpy()), name
        ms.run(torch, read, *ms.arguments(call))


def spread(t: torch.Tensor) -> torch.Tensor:
    """The same values at every second place of a memory."""
    if t.numel() < 2:
        return t
    return torch.stack([t, t], -1)[..., 0]


@pytest.mark.parametrize("info", INFOS)
def test_inputs_need_not_be_contiguous(info) -> None:
    for _, module, call in callable_samples(info):
        expected = run(copy.deepcopy(module), call)
        got = run(copy.deepcopy(module), call, spread)
        assert not ms.differing(got, expected, info.name)


@pytest.mark.parametrize("info", INFOS)
def test_signature(info) -> None:
    theirs, ours = info.module_cls, getattr(nn, info.module_cls.__name__)
    for method in ("__init__", "forward"):
        names = [
            [(p.name, p.kind) for p in inspect.signature(getattr(cls, method)).parameters.values()]
            for cls in (ours, theirs)
        ]
        assert names[0] == names[1], method


def tensors_of(module) -> dict:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


@pytest.mark.parametrize(
    "info",
    [p for p in INFOS if "dtype" in inspect.signature(p.values[0].module_cls).parameters],
)
def test_device_and_dtype(info) -> None:
    ours = getattr(nn, info.module_cls.__name__)
    for sample in some(info, True):
        given, translate = sample.constructor_input, ms.Translator()
        options = {k: v for k, v in given.kwargs.items() if k not in ("device", "dtype")}
        for dtype in ("float64", "bfloat16"):
            torch.manual_seed(0)
            expected = info.module_cls(
                *given.args, **options, device="cpu", dtype=getattr(torch, dtype)
            )
            rushlight.manual_seed(0)
            module = ours(
                *translate(list(given.args)),
                **translate(options),
                device="cpu",
                dtype=getattr(rushlight, dtype),
            )
            theirs = tensors_of(expected)
            assert list(tensors_of(module)) == list(theirs)
            for name, tensor in tensors_of(module).items():
                assert str(tensor.dtype) == str(theirs[name].dtype), name
                if not nn.parameter.is_lazy(tensor):
                    values = theirs[name].detach().double().numpy()
                    assert np.array_equal(tensor.detach().double().numpy(), values), name
        theirs = tensors_of(info.module_cls(*given.args, **options, device="meta"))
        module = ours(*translate(list(given.args)), **translate(options), device="meta")
        devices = {name: tensor.device.type for name, tensor in tensors_of(module).items()}
        assert devices == {name: tensor.device.type for name, tensor in theirs.items()}
        if not is_lazy(module):
            assert module.to_empty(device="cpu") is module
            assert all(tensor.device.type == "cpu" for tensor in tensors_of(module).values())


@pytest.mark.parametrize("info", INFOS)
def test_device_context(info) -> None:
    ours = getattr(nn, info.module_cls.__name__)
    for sample in some(info, True)[:5]:
        given, translate = sample.constructor_input, ms.Translator()
        if "device" in given.kwargs:
            continue
        args, kwargs = translate(list(given.args)), translate(given.kwargs)
        with torch.device("meta"):
            theirs = tensors_of(
                info.module_cls(*copy.deepcopy(given.args), **copy.deepcopy(given.kwargs))
            )
        with rushlight.device("meta"):
            module = ours(*args, **kwargs)
        devices = {name: tensor.device.type for name, tensor in tensors_of(module).items()}
        assert devices == {name: tensor.device.type for name, tensor in theirs.items()}


@pytest.mark.parametrize("info", INFOS)
def test_evaluation_differs_where_it_does_in_pytorch(info) -> None:
    """By the outputs of the samples: for the layers with a difference in one at least, else in none."""
    differs = False
    if info.module_cls.__name__ in ms.UNFIT:
        pytest.skip("PyTorch refuses its own samples")
    for sample in some(info, True):
        if sample.forward_input is None:
            continue
        for library in (torch, rushlight):
            results = []
            for training in (True, False):
                pair = ms.both(info, sample, training, "float32")
                module = pair[library is rushlight]
                args, kwargs = ms.arguments(sample.forward_input)
                if library is rushlight:
                    translate = ms.Translator()
                    args, kwargs = translate(args), translate(kwargs)
                found = ms.flat(ms.run(library, module, args, kwargs)["outputs"])
                results.append(b"".join(value.tobytes() for value in found.values()))
            if library is torch:
                expected = results[0] != results[1]
            else:
                assert (results[0] != results[1]) == expected
        differs |= expected
    assert differs <= info.train_and_eval_differ


IN_PLACE = [p for p in INFOS if "inplace" in inspect.signature(p.values[0].module_cls).parameters]


def in_place(library, cls, sample, values) -> list:
    """What an in-place layer does to a leaf and to an intermediate value."""
    tensor = torch.from_numpy(values) if library is torch else rushlight.from_numpy(values.copy())
    translate = ms.Translator() if library is rushlight else lambda value: value
    given = sample.constructor_input
    module = cls(*translate(list(given.args)), **{**translate(given.kwargs), "inplace": True})
    leaf = tensor.clone().requires_grad_()
    with pytest.raises(RuntimeError) as refused:
        module(leaf)
    library.manual_seed(0)
    between = leaf.clone()
    result = module(between)
    assert result.data_ptr() == between.data_ptr() and between._version == 1
    result.backward(ms.weights_like(library, result))
    return [
        repr(module),
        str(refused.value).splitlines()[0],
        result.detach().numpy(),
        leaf.grad.numpy(),
    ]


@pytest.mark.parametrize("info", IN_PLACE)
def test_in_place(info) -> None:
    ours = getattr(nn, info.module_cls.__name__)
    for sample in some(info, True):
        values = sample.forward_input.args[0].detach().numpy()
        if not values.size:
            continue
        expected = in_place(torch, info.module_cls, sample, values.copy())
        got = in_place(rushlight, ours, sample, values)
        assert got[:2] == expected[:2]
        for a, e in zip(got[2:], expected[2:]):
            np.testing.assert_allclose(a, e, *ms.TOLERANCES["float32"])


def bad_calls() -> list:
    rows = []
    for info in ms.database:
        if info.module_error_inputs_func is None:
            continue
        for dtype in (torch.float32, torch.float64):
            found = info.module_error_inputs_func(
                info, device="cpu", dtype=dtype, requires_grad=False, training=True
            )
            for number, entry in enumerate(found):
                where = f"{info.name[3:]}-{number}-{str(dtype)[6:]}"
                rows.append(pytest.param(info.module_cls, entry, id=where))
    return rows


def outcome(cls, entry, translate) -> tuple[type, str]:
    """Class and first line of the error."""
    given, call = entry.module_error_input.constructor_input, entry.module_error_input.forward_input
    with pytest.raises(Exception) as caught:
        module = cls(*translate(list(given.args)), **translate(given.kwargs))
        if entry.error_on.name == "CONSTRUCTION_ERROR":
            return None, "no error"
        module(*translate(list(call.args)), **translate(call.kwargs))
    return caught.type, str(caught.value).splitlines()[0]


@pytest.mark.parametrize("cls, entry", bad_calls())
def test_bad_call(cls, entry) -> None:
    expected = outcome(cls, entry, lambda value: value)
    got = outcome(getattr(nn, cls.__name__), entry, ms.Translator())
    assert got == expected
