"""What the random functions refuse, and moments of what they return."""

from __future__ import annotations

import pytest

import rushlight as torch

REFUSED = [
    (lambda: torch.empty(3).uniform_(2, 1), RuntimeError, r"found from=2 > to=1"),
    (lambda: torch.empty(3).uniform_(-3e38, 3e38), RuntimeError, "exceed the limit"),
    (
        lambda: torch.empty(3, dtype=torch.float16).uniform_(0, 1e5),
        RuntimeError,
        "to is out of bounds for c10::Half",
    ),
    (
        lambda: torch.empty(3, dtype=torch.int64).uniform_(),
        NotImplementedError,
        "\"check_uniform_bounds\" not implemented for 'Long'",
    ),
    (lambda: torch.empty(3).normal_(0, -1), RuntimeError, "expects std >= 0.0, but found std -1"),
    (
        lambda: torch.empty(3, dtype=torch.int64).normal_(),
        NotImplementedError,
        "\"normal_kernel_cpu\" not implemented for 'Long'",
    ),
    (
        lambda: torch.normal(torch.zeros(2), torch.tensor([-1.0, 1.0])),
        RuntimeError,
        "expects all elements of std >= 0.0",
    ),
    (lambda: torch.empty(3).exponential_(-1), RuntimeError, "but found lambda=-1"),
    (
        lambda: torch.empty(3, dtype=torch.int64).exponential_(),
        RuntimeError,
        "must be a floating point but you specified Long",
    ),
    (lambda: torch.empty(3).geometric_(0), RuntimeError, r"in \(0, 1\), but got p=0"),
    (lambda: torch.empty(3).cauchy_(0, 0), RuntimeError, "but found sigma=0"),
    (lambda: torch.empty(3).log_normal_(0, 0), RuntimeError, "but found std=0"),
    (lambda: torch.empty(3).bernoulli_(2), RuntimeError, r"in \[0, 1\], but got p=2"),
    (lambda: torch.bernoulli(torch.tensor([2.0])), RuntimeError, "Expected p_in >= 0"),
    (
        lambda: torch.bernoulli(torch.tensor([1, 0])),
        NotImplementedError,
        "not implemented for 'Long'",
    ),
    (lambda: torch.poisson(torch.tensor([-1.0])), RuntimeError, "invalid Poisson rate"),
    (lambda: torch.empty(3).random_(5, 5), RuntimeError, "got from=5 >= to=5"),
    (
        lambda: torch.empty(3, dtype=torch.uint8).random_(0, 300),
        RuntimeError,
        "to - 1 is out of bounds for unsigned char",
    ),
    (
        lambda: torch.empty(3, dtype=torch.uint8).random_(-1, 3),
        RuntimeError,
        "from is out of bounds for unsigned char",
    ),
    (lambda: torch.randint(3, 3, (2,)), RuntimeError, "got from=3 >= to=3"),
    (lambda: torch.randperm(-1), RuntimeError, "negative dimension -1"),
    (
        lambda: torch.randperm(3000, dtype=torch.float16),
        RuntimeError,
        "n cannot be greater than 2049 for Half type",
    ),
    (lambda: torch.multinomial(torch.tensor([1.0, 2.0]), 3), RuntimeError, "without replacement"),
    (lambda: torch.multinomial(torch.tensor([1, 2]), 1), RuntimeError, "got: Long"),
    (
        lambda: torch.multinomial(torch.tensor([0.0, 0.0]), 1),
        RuntimeError,
        "sum of probabilities <= 0",
    ),
    (lambda: torch.multinomial(torch.tensor([-1.0, 2.0]), 1), RuntimeError, "element < 0"),
    (lambda: torch.multinomial(torch.ones(1, 1, 1), 1), RuntimeError, "must be 1 or 2 dim"),
    (lambda: torch.multinomial(torch.ones(2), 0), RuntimeError, "n_sample <= 0 samples"),
    (
        lambda: torch.multinomial(torch.tensor([float("inf"), 0.0]), 2, True),
        RuntimeError,
        "infinity or NaN",
    ),
    (lambda: torch.dropout(torch.ones(3), 1.5, True), RuntimeError, "but got 1.5"),
    (lambda: torch.rrelu(torch.ones(3), 0.5, 0.2, True), RuntimeError, "Lower bound"),
    (
        lambda: torch.feature_dropout(torch.ones(3), 0.5, True),
        RuntimeError,
        "at least 2 dimensions",
    ),
    (
        lambda: torch.ones(3, requires_grad=True).uniform_(),
        RuntimeError,
        "a leaf Variable that requires grad",
    ),
    (lambda: torch.empty(1).expand(3).uniform_(), RuntimeError, "single memory location"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused(number):
    call, error, words = REFUSED[number]
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("fill", "mean", "variance"),
    [
        (lambda x: x.uniform_(-1, 3), 1.0, 16 / 12),
        (lambda x: x.normal_(2, 3), 2.0, 9.0),
        (lambda x: x.exponential_(0.5), 2.0, 4.0),
        (lambda x: x.geometric_(0.25), 4.0, 12.0),
        (lambda x: x.bernoulli_(0.3), 0.3, 0.21),
        (lambda x: x.random_(0, 11), 5.0, 10.0),
        (lambda x: torch.poisson(x.fill_(7.0)), 7.0, 7.0),
        (lambda x: torch.poisson(x.fill_(50.0)), 50.0, 50.0),
        (lambda x: torch._standard_gamma(x.fill_(3.0)), 3.0, 3.0),
        (lambda x: torch.binomial(x.fill_(40.0), torch.full_like(x, 0.4)), 16.0, 9.6),
    ],
)
def test_moments(fill, mean, variance):
    torch.manual_seed(2)
    numbers = fill(torch.empty(100_000, dtype=torch.float64)).numpy()
    # Five standard errors of the mean; the variance within 5 %.
    assert abs(numbers.mean() - mean) < 5 * (variance / numbers.size) ** 0.5
    assert abs(numbers.var() / variance - 1) < 0.05


def test_permutations_hold_every_number_once():
    torch.manual_seed(2)
    for n in (1, 7, 5000):
        assert sorted(torch.randperm(n).tolist()) == list(range(n))


def test_sampling_without_replacement_is_distinct():
    torch.manual_seed(2)
    drawn = torch.multinomial(torch.rand(6, 40), 40)
    assert all(sorted(row) == list(range(40)) for row in drawn.tolist())


def test_fills_are_not_differentiable_and_pass_zero():
    x = torch.ones(4, requires_grad=True)
    y = (x * 2).normal_()
    y.sum().backward()
    assert x.grad.tolist() == [0.0] * 4


def test_dropout_keeps_the_input_when_there_is_nothing_to_drop():
    x = torch.ones(4)
    assert torch.dropout(x, 0.0, True) is x
    assert torch.dropout(x, 0.5, False) is x


def test_gamma_gradient_against_a_finite_difference():
    alpha = torch.tensor([0.5, 1.0, 3.0, 30.0], dtype=torch.float64)
    sample = torch.tensor([0.7, 0.2, 6.0, 25.0], dtype=torch.float64)
    got = torch._standard_gamma_grad(alpha, sample).tolist()
    for a, x, value in zip(alpha.tolist(), sample.tolist(), got):
        assert value == pytest.approx(_gamma_derivative(a, x), rel=1e-6)


def _gamma_derivative(alpha: float, x: float) -> float:
    """-dF/dalpha / density by central differences of Simpson sums of the density."""
    import math

    def cumulative(a: float) -> float:
        # Substituting t = x exp(-s) removes the singularity at 0.
        n, end = 4000, 45 / a
        total = 0.0
        for i in range(n + 1):
            weight = 1 if i in (0, n) else (4 if i % 2 else 2)
            s = end * i / n
            total += weight * math.exp(a * (math.log(x) - s) - x * math.exp(-s) - math.lgamma(a))
        return total * end / (3 * n)

    h = 1e-4 * alpha
    density = math.exp((alpha - 1) * math.log(x) - x - math.lgamma(alpha))
    return -(cumulative(alpha + h) - cumulative(alpha - h)) / (2 * h) / density
