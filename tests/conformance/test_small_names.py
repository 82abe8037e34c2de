"""Names that programs use now and then do what PyTorch's do."""

from __future__ import annotations

import warnings

import pytest

import rushlight

torch = pytest.importorskip("torch")


def outcome(program, lib):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = program(lib)
        except Exception as raised:
            result = [type(raised).__name__, str(raised).splitlines()[0]]
    words = [(w.category.__name__, str(w.message).partition(" (Triggered")[0]) for w in seen]
    # index_reduce says so once in a process.
    return result, [w for w in words if "in beta and the API may change" not in w[1]]


def same(ours, theirs) -> bool:
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if not hasattr(theirs, "detach"):
        return ours == theirs
    a, b = ours.detach(), theirs.detach()
    assert str(a.dtype) == str(b.dtype) and tuple(a.shape) == tuple(b.shape), (a, b)
    a, b = torch.from_numpy(a.double().numpy()), b.double()
    return torch.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def with_gradients(function):
    """Call with tensors of random numbers; the result and the gradients of its weighted sum."""

    def program(lib, *shapes):
        lib.manual_seed(0)
        inputs = [lib.randn(s).requires_grad_() for s in shapes]
        out = function(lib, *inputs)
        (out * lib.arange(1.0, out.numel() + 1).reshape(out.shape)).sum().backward()
        return [out, *[x.grad for x in inputs]]

    return program


def _target(lib):
    return lib.tensor([[0.1, 0.2, 0.7, 0.0], [0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]])


def _segments(lib, x, reduce, **kwargs):
    lengths = lib.tensor([2, 0, 3, 1])
    return lib.segment_reduce(x, reduce, lengths=lengths, **kwargs)


GRADIENTS = {
    "cosine_similarity": (lambda t, x, y: t.cosine_similarity(x, y, 0, 1e-3), (3, 4), (3, 4)),
    "pairwise_distance": (
        lambda t, x, y: t.pairwise_distance(x, y, 3.0, 1e-3, True),
        (3, 4),
        (3, 4),
    ),
    "kl_div none": (lambda t, x: t.kl_div(x, _target(t), 0), (3, 4)),
    "kl_div mean": (lambda t, x: t.kl_div(x, _target(t), 1), (3, 4)),
    "kl_div sum": (lambda t, x: t.kl_div(x, _target(t), 2, log_target=True), (3, 4)),
    "kl_div default": (lambda t, x: t.kl_div(x, _target(t)), (3, 4)),
    "conv_tbc": (lambda t, x, w, b: t.conv_tbc(x, w, b, 1), (5, 2, 3), (3, 3, 4), (4,)),
    "gumbel_softmax": (lambda t, x: t.nn.functional.gumbel_softmax(x, tau=0.5), (3, 4)),
    "gumbel_softmax hard": (lambda t, x: t.nn.functional.gumbel_softmax(x, hard=True), (3, 4)),
}
for _reduce in ("mean", "amax", "amin", "prod"):
    GRADIENTS[f"index_reduce_ {_reduce}"] = (
        lambda t, x, y, r=_reduce: (x * 1).index_reduce_(1, t.tensor([0, 2, 0]), y, r),
        (2, 4),
        (2, 3),
    )
for _reduce in ("sum", "mean", "max", "min", "prod"):
    for _initial in (None, 0.5):
        GRADIENTS[f"segment_reduce {_reduce} {_initial}"] = (
            lambda t, x, r=_reduce, i=_initial: _segments(t, x, r, initial=i),
            (6, 2),
        )


@pytest.mark.parametrize("name", sorted(GRADIENTS))
def test_values_and_gradients(name):
    function, *shapes = GRADIENTS[name]
    program = with_gradients(function)
    ours, theirs = (outcome(lambda t: program(t, *shapes), lib) for lib in (rushlight, torch))
    assert same(ours, theirs), (ours, theirs)


PROGRAMS = {
    "map2_": lambda t: t.tensor([1.0, 2.0]).map2_(
        t.tensor([3.0, 4.0]), t.tensor([5.0]), lambda a, b, c: a + b * c
    ),
    "range": lambda t: t.range(1, 3),
    "range step": lambda t: t.range(1, 4, 0.5),
    "range down": lambda t: t.range(3, 0, -1),
    "range tenth": lambda t: t.range(0, 1, 0.1),
    "range int": lambda t: t.range(0, 5, 2, dtype=t.int64),
    "range double": lambda t: t.range(-1, 1, 0.3, dtype=t.float64),
    "range out": lambda t: t.range(1, 2, out=t.empty(0)),
    "range one": lambda t: t.range(5),
    "range wrong way": lambda t: t.range(3, 0),
    "range zero step": lambda t: t.range(0, 1, 0),
    "range endless": lambda t: t.range(0, float("inf")),
    "kl_div name": lambda t: t.kl_div(t.ones(2), t.ones(2), "mean"),
    "kl_div other": lambda t: t.kl_div(t.zeros(3, 4), _target(t), reduction=3),
    "conv_tbc channels": lambda t: t.conv_tbc(t.ones(5, 2, 3), t.ones(3, 2, 4), t.zeros(4)),
    "conv_tbc dims": lambda t: t.conv_tbc(t.ones(5, 3), t.ones(3, 3, 4), t.zeros(4)),
    "segments offsets": lambda t: t.segment_reduce(
        t.arange(6.0), "prod", offsets=t.tensor([0, 2, 6])
    ),
    "segments axis": lambda t: t.segment_reduce(
        t.arange(12.0).view(2, 6), "mean", lengths=t.tensor([[2, 4], [1, 5]]), axis=1
    ),
    "segments unsafe": lambda t: t.segment_reduce(
        t.arange(12.0).view(6, 2), "min", lengths=t.tensor([2, 3]), unsafe=True
    ),
    "segments sum": lambda t: t.segment_reduce(t.arange(6.0), "sum", lengths=t.tensor([2, 1])),
    "segments name": lambda t: t.segment_reduce(t.arange(6.0), "no", lengths=t.tensor([2, 4])),
    "segments none": lambda t: t.segment_reduce(t.arange(6.0), "sum"),
    "segments ints": lambda t: t.segment_reduce(t.arange(6), "sum", lengths=t.tensor([2, 4])),
    "segments indices": lambda t: t.segment_reduce(t.arange(6.0), "sum", indices=t.tensor([2, 4])),
    "pca q": lambda t: t.pca_lowrank(t.ones(3, 2), q=3),
    "pca niter": lambda t: t.pca_lowrank(t.ones(3, 2), niter=-1),
    "has": lambda t: [t.has_cuda, t.has_cudnn, t.has_mps, t.has_mkldnn],
    "abi": lambda t: [t.compiled_with_cxx11_abi(), str(t.legacy_contiguous_format)],
    "scaler": lambda t: [t.GradScaler is t.amp.GradScaler],
    "storage type": lambda t: t.serialization.normalize_storage_type(t.FloatStorage).__name__,
    "dlpack": lambda t: t.utils.dlpack.from_dlpack(t.to_dlpack(t.arange(3.0))),
}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_programs(name):
    import torch.utils.dlpack  # noqa: F401 - `torch.utils.dlpack` is reached as an attribute

    ours, theirs = outcome(PROGRAMS[name], rushlight), outcome(PROGRAMS[name], torch)
    assert same(ours, theirs), (ours, theirs)


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (2, 7, 4)])
def test_low_rank_decompositions(shape):
    def program(lib):
        lib.manual_seed(3)
        a = lib.randn(*shape, dtype=lib.float64)
        u, s, v = lib.svd_lowrank(a, q=3)
        p, r, w = lib.pca_lowrank(a, q=2, niter=1)
        m, o, x = lib.svd_lowrank(a, M=a * 0.5, q=2)
        products = [(b * c.unsqueeze(-2)) @ d.mT for b, c, d in ((u, s, v), (p, r, w), (m, o, x))]
        return [*products, s, r, o, lib.rand(2)]

    assert same(program(rushlight), program(torch))


def test_checkpoint_states():
    from torch.utils import checkpoint

    assert rushlight.utils.checkpoint.get_device_states(rushlight.ones(1), [2]) == ([], [])
    assert checkpoint.get_device_states(torch.ones(1), [2]) == ([], [])
    assert rushlight.utils.checkpoint.set_device_states([], []) is None


def test_swapped_tensors():
    def program(lib):
        kind = type("Kind", (lib.Tensor,), {})
        a = lib.ones(2).as_subclass(kind)
        b = lib.zeros(3, requires_grad=True)
        a.mark = "a"
        held = [a, b]
        lib.utils.swap_tensors(a, b)
        b.add_(1)
        shown = [type(t).__name__ for t in held] + [hasattr(t, "mark") for t in held]
        return [*shown, [t.requires_grad for t in held], a.tolist(), b.tolist(), b.mark]

    assert program(rushlight) == program(torch)


def test_environment_report_has_the_same_labels():
    from torch.utils import collect_env

    def labels(text):
        return [line.partition(":")[0] for line in text.partition("\nCPU:")[0].splitlines()]

    ours = rushlight.utils.collect_env
    assert labels(ours.get_pretty_env_info()) == labels(collect_env.get_pretty_env_info())
    assert ours.SystemEnv._fields == collect_env.SystemEnv._fields
    for command in ("echo hi; exit 3", ["echo", "hi"]):
        assert ours.run(command) == collect_env.run(command)
    for name in (
        "get_gcc_version",
        "get_cmake_version",
        "get_nvidia_driver_version",
        "get_gpu_info",
    ):
        assert getattr(ours, name)(ours.run) == getattr(collect_env, name)(collect_env.run)
