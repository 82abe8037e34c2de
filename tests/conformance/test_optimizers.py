"""Every configuration of PyTorch's own optimizer table, side by side: twenty steps, states, errors."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest

import rushlight

torch = pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's tables of test inputs need it")
from torch.testing._internal.common_optimizers import optim_db  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
TOLERANCES = {"float64": 1e-7, "float32": 1e-5, "complex128": 1e-7}


def translated(value: Any) -> Any:
    """PyTorch tensors inside as ours; the same tensor stays the same tensor."""
    made: dict[int, Any] = {}

    def walk(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            if id(x) not in made:
                fresh = rushlight.tensor(x.detach().tolist(), dtype=dtype_of(x))
                made[id(x)] = fresh.requires_grad_(x.requires_grad)
            return made[id(x)]
        if isinstance(x, dict):
            return {k: walk(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return type(x)(walk(v) for v in x)
        return x

    return walk(value)


def dtype_of(x: Any) -> Any:
    return getattr(rushlight, str(x.dtype).removeprefix("torch."))


def configurations() -> list[Any]:
    rows = []
    for info in optim_db:
        name = info.optim_cls.__name__
        if name == "SparseAdam":  # needs sparse gradients
            continue
        for entry in info.optim_inputs_func(device="cpu"):
            for dtype in TOLERANCES:
                real_only = name in ("LBFGS", "Adafactor", "Muon") or entry.kwargs.get("fused")
                if dtype.startswith("complex") and real_only:
                    continue
                rows.append(
                    pytest.param(name, entry.kwargs, dtype, id=f"{name}-{entry.desc}-{dtype}")
                )
    return rows


def start(dtype: str, matrices_only: bool) -> list[list]:
    generator = torch.Generator().manual_seed(7)
    shapes = [(4, 3), (3, 5)] if matrices_only else [(4, 3), (3,)]
    kind = getattr(torch, dtype)
    return [torch.randn(s, dtype=kind, generator=generator) for s in shapes]


def run(lib: Any, name: str, options: dict, tensors: list[Any], steps: int) -> tuple[list, Any]:
    weights = [t.clone().requires_grad_() for t in tensors]
    optimizer = getattr(lib.optim, name)(weights, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        residual = (weights[0] @ weights[1]).abs() - 1
        loss = (residual * residual).sum() + 0.1 * sum((w.abs() ** 2).sum() for w in weights)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return weights, optimizer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, options, dtype", configurations())
def test_twenty_steps(name: str, options: dict, dtype: str) -> None:
    tensors = start(dtype, name == "Muon")
    steps = 3 if name == "LBFGS" else 20
    expected, theirs = run(torch, name, dict(options), tensors, steps)
    got, ours = run(rushlight, name, translated(options), translated(tensors), steps)
    assert repr(ours) == repr(theirs)
    # Muon rounds to bfloat16 on its way, where another order of sums shows in the third digit.
    tolerance = 1e-2 if name == "Muon" else TOLERANCES[dtype]
    for mine, other in zip(got, expected):
        mine = torch.tensor(mine.detach().tolist(), dtype=other.dtype)
        # Some configurations run away to infinity, in both.
        torch.testing.assert_close(
            mine, other.detach(), rtol=tolerance, atol=tolerance, equal_nan=True
        )
    state, other_state = ours.state_dict(), theirs.state_dict()
    assert {k: list(v) for k, v in state["state"].items()} == {
        k: list(v) for k, v in other_state["state"].items()
    }
    assert [sorted(g) for g in state["param_groups"]] == [
        sorted(g) for g in other_state["param_groups"]
    ]


def error_inputs() -> list[Any]:
    rows = []
    for info in optim_db:
        for entry in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
            name = info.optim_cls.__name__
            rows.append(pytest.param(name, entry, id=f"{name}-{entry.optimizer_error_input.desc}"))
    return rows


@pytest.mark.parametrize("name, entry", error_inputs())
def test_bad_arguments(name: str, entry: Any) -> None:
    given = entry.optimizer_error_input
    if "dense params required" in given.desc:
        pytest.skip("needs sparse parameters")
    params = given.params
    if params is None:
        params = [torch.randn(1, 1, requires_grad=True)]
    make = getattr(rushlight.optim, name)
    if issubclass(entry.error_type, Warning):
        with pytest.warns(entry.error_type, match=entry.error_regex):
            make(translated(params), **translated(given.kwargs))
        return
    with pytest.raises(entry.error_type, match=entry.error_regex):
        optimizer = make(translated(params), **translated(given.kwargs))
        if entry.error_on.name == "STEP_ERROR":
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.grad = p.detach().clone()
            optimizer.step()


OTHERS = [info.optim_cls.__name__ for info in optim_db if info.optim_cls.__name__ != "SparseAdam"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(
    "giver, taker",
    [(torch, rushlight), (rushlight, torch), (rushlight, rushlight)],
    ids=["to ours", "to PyTorch", "ours to ours"],
)
def test_training_goes_on_from_a_file(name: str, giver: Any, taker: Any) -> None:
    options = dict(lr=0.05, momentum=0.9) if name == "SGD" else dict(lr=0.05)
    tensors = start("float64", name == "Muon")
    expected, _ = run(torch, name, options, tensors, 6)
    own = tensors if giver is torch else translated(tensors)
    weights, optimizer = run(giver, name, options, own, 3)
    file = io.BytesIO()
    giver.save({"weights": [w.detach() for w in weights], "state": optimizer.state_dict()}, file)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = taker.load(file)
    weights, other = run(taker, name, options, loaded["weights"], 0)
    other.load_state_dict(loaded["state"])

    def closure() -> Any:
        other.zero_grad()
        residual = (weights[0] @ weights[1]).abs() - 1
        loss = (residual * residual).sum() + 0.1 * sum((w.abs() ** 2).sum() for w in weights)
        loss.backward()
        return loss

    for _ in range(3):
        other.step(closure)
    # Muon rounds to bfloat16 on its way.
    tolerance = 1e-2 if name == "Muon" else 1e-7
    for mine, want in zip(weights, expected):
        mine = torch.tensor(mine.detach().tolist(), dtype=want.dtype)
        torch.testing.assert_close(mine, want.detach(), rtol=tolerance, atol=tolerance)


def test_every_optimizer_is_there_with_its_arguments() -> None:
    import inspect

    assert len(optim_db) == 15
    for info in optim_db:
        ours = getattr(rushlight.optim, info.optim_cls.__name__)
        names = [
            [(p.name, p.kind, p.default) for p in inspect.signature(cls).parameters.values()]
            for cls in (ours, info.optim_cls)
        ]
        assert names[0] == names[1], info.optim_cls
