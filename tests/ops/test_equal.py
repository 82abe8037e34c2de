"""equal: shapes, promotion, nan, layouts."""

from __future__ import annotations

import pytest

import rushlight as torch

NAN = float("nan")


@pytest.mark.parametrize(
    ("a", "b", "want"),
    [
        (lambda: torch.ones(2), lambda: torch.ones(2, dtype=torch.float64), True),
        (lambda: torch.ones(2), lambda: torch.ones(2, dtype=torch.int64), True),
        (lambda: torch.ones(2), lambda: torch.ones(3), False),
        (lambda: torch.ones(2), lambda: torch.ones(2, 1), False),
        (lambda: torch.tensor([NAN]), lambda: torch.tensor([NAN]), False),
        (lambda: torch.tensor([0.0]), lambda: torch.tensor([-0.0]), True),
        (lambda: torch.ones(2, 1).expand(2, 3), lambda: torch.ones(2, 3), True),
        (lambda: torch.arange(6).view(2, 3), lambda: torch.arange(6).view(3, 2).t(), False),
        (lambda: torch.empty(0), lambda: torch.empty(0), True),
        (lambda: torch.ones(2, dtype=torch.complex64), lambda: torch.ones(2), True),
        (lambda: torch.ones(9, dtype=torch.bfloat16), lambda: torch.ones(9), True),
        (lambda: torch.tensor(True), lambda: torch.tensor(1), True),
    ],
)
def test_equal(a, b, want):
    assert torch.equal(a(), b()) is want
    assert a().equal(b()) is want


@pytest.mark.parametrize("n", [1, 4095, 4096, 4097, 100_000])
def test_one_difference_anywhere(n):
    for at in (0, n // 2, n - 1):
        x = torch.zeros(n)
        y = torch.zeros(n)
        y[at] = 1
        assert not torch.equal(x, y)


def test_other_must_be_a_tensor():
    with pytest.raises(TypeError, match=r"argument 'other' \(position 2\) must be Tensor, not int"):
        torch.equal(torch.ones(2), 3)
