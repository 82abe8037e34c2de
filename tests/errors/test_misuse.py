"""An error keeps PyTorch's class and first line, which programs match on, and says what to do about it."""

from __future__ import annotations

import pytest
from misuse import MISUSE

import rushlight


@pytest.mark.parametrize("case", MISUSE, ids=lambda case: case.name)
def test_words(case):
    with pytest.raises(case.kind) as caught:
        case.call(rushlight)
    error = caught.value
    assert type(error) is case.kind
    assert str(error).split("\n")[0].rstrip() == case.first
    notes = getattr(error, "__notes__", [])
    if case.help is not None:
        assert case.help in "\n".join(notes)
    assert sum(map(len, notes)) <= 300, notes


def test_the_layer_is_named_below_the_advice():
    nn = rushlight.nn
    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.ReLU(), nn.Linear(10, 5)))
    with pytest.raises(RuntimeError) as caught:
        model(rushlight.ones(2, 9))
    assert caught.value.__notes__ == [
        "the inner sizes 9 and 10 differ",
        "Linear(in_features=10): the input's last size is 9 (input [2, 9])",
        "in model.1.1 (Linear(in_features=10, out_features=5, bias=True))",
    ]


def test_a_loss_of_unequal_sizes_warns_with_the_shape_of_the_errors():
    words = r"Please ensure they have the same size\.\nThe errors have shape \[4, 4\]; drop or add"
    with pytest.warns(UserWarning, match=words):
        rushlight.nn.functional.mse_loss(rushlight.ones(4, 1), rushlight.ones(4))
