"""Every layer with every sample of PyTorch's module database: state, output, gradients, printed form."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import rushlight  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
import module_samples as ms  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
CASES = [
    pytest.param(
        info, training, dtype, id=f"{info.name[3:]}-{'train' if training else 'eval'}-{dtype}"
    )
    for info in ms.database
    for training in ms.modes(info)
    for dtype in ms.TOLERANCES
]


def same_start(actual, expected, where: str) -> None:
    assert repr(actual) == repr(expected), where
    ours, theirs = actual.state_dict(), expected.state_dict()
    assert list(ours) == list(theirs), where
    for name, e in theirs.items():
        if not torch.nn.parameter.is_lazy(e):
            assert np.array_equal(ours[name].numpy(), e.numpy()), f"{where}: {name}"


def exact_results(module, call) -> dict:
    """PyTorch's results in float64 for the same numbers."""
    wide = {torch.float32: torch.float64, torch.complex64: torch.complex128}
    return ms.flat(
        ms.run(torch, module, *ms.arguments(call, lambda t: t.to(wide.get(t.dtype, t.dtype))))
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info, training, dtype", CASES)
def test_module(info, training: bool, dtype: str) -> None:
    """Float64 agrees within 1e-7; float32 agrees, or is as near to float64 as `excess` allows."""
    name = info.module_cls.__name__
    for number, sample in enumerate(ms.samples(info, training, getattr(torch, dtype))):
        where = f"{name}, sample {number}"
        expected, actual = ms.both(info, sample, training, dtype)
        same_start(actual, expected, where)
        call = sample.forward_input
        if call is None or name in ms.UNFIT:
            continue
        doubled = copy.deepcopy(expected).double()
        args, kwargs = ms.arguments(call)
        translate = ms.Translator()
        got = ms.run(rushlight, actual, translate(args), translate(kwargs))
        want = ms.run(torch, expected, args, kwargs)
        places = ms.differing(got, want, where)
        if not places:
            continue
        assert dtype == "float32", f"{where}: {places}"
        exact, got, want = exact_results(doubled, call), ms.flat(got), ms.flat(want)
        for place in places:
            assert ms.excess(got[place], want[place], exact[place]) == 0, f"{where}: {place}"


def test_every_sample_is_a_case() -> None:
    """The database is the whole of PyTorch 2.13's: 114 layers, 3,618 samples of both modes."""
    assert len(ms.database) == 114
    counts = [len(ms.samples(info, mode)) for info in ms.database for mode in (True, False)]
    assert sum(counts) == 3618


def test_tolerances_are_numbers_of_pytorch() -> None:
    from torch.testing._comparison import _DTYPE_PRECISIONS

    for dtype, (rtol, atol) in ms.TOLERANCES.items():
        assert _DTYPE_PRECISIONS[getattr(torch, dtype)] == (rtol, atol)
