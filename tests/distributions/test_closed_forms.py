"""Distributions against closed forms and against their own samples."""

import math

import numpy as np
import pytest

import rushlight as torch

D = torch.distributions


@pytest.mark.parametrize(
    "make",
    [
        lambda: D.Normal(1.0, 2.0),
        lambda: D.Gamma(2.0, 3.0),
        lambda: D.Beta(2.0, 5.0),
        lambda: D.Laplace(0.5, 0.7),
        lambda: D.Gumbel(0.0, 1.0),
        lambda: D.LogNormal(0.0, 0.5),
        lambda: D.Uniform(-1.0, 3.0),
        lambda: D.StudentT(5.0),
    ],
)
def test_density_integrates_to_one_and_gives_the_mean(make):
    d = make()
    x = torch.linspace(-60.0, 60.0, 240001, dtype=torch.float64)
    inside = d.support.check(x)
    density = d.log_prob(x[inside]).exp()
    density = torch.nan_to_num(density, posinf=0.0)
    step = 120.0 / 240000
    assert density.sum().item() * step == pytest.approx(1.0, abs=2e-3)
    assert (density * x[inside]).sum().item() * step == pytest.approx(d.mean.item(), abs=5e-3)


def test_samples_have_the_right_moments():
    torch.manual_seed(0)
    for d in (D.Normal(1.0, 2.0), D.Exponential(2.0), D.Poisson(3.0), D.Binomial(10, 0.3)):
        x = d.sample((20000,))
        sigma = d.stddev.item() / math.sqrt(20000)
        assert abs(x.mean().item() - d.mean.item()) < 5 * sigma


def test_policy_gradient_of_a_categorical():
    logits = torch.zeros(3, requires_grad=True)
    D.Categorical(logits=logits).log_prob(torch.tensor(1)).backward()
    np.testing.assert_allclose(logits.grad.numpy(), [-1 / 3, 2 / 3, -1 / 3], rtol=1e-6)


def test_divergence_of_normals_and_registration():
    p, q = D.Normal(0.0, 1.0), D.Normal(1.0, 2.0)
    expected = math.log(2.0) + (1 + 1) / 8 - 0.5
    assert D.kl_divergence(p, q).item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(NotImplementedError, match=r"No KL\(p \|\| q\) is implemented"):
        D.kl_divergence(p, D.Poisson(1.0))

    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, Mine)
    def rule(a, b):
        return torch.tensor(42.0)

    assert D.kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0)).item() == 42.0
    assert D.kl_divergence(p, Mine(0.0, 1.0)).item() == 0.0


@pytest.mark.parametrize(
    "transform",
    [D.ExpTransform(), D.SigmoidTransform(), D.TanhTransform(), D.AffineTransform(1.0, -2.0)],
)
def test_transforms_invert_and_know_their_volume(transform):
    x = torch.tensor([-0.7, 0.1, 0.9], dtype=torch.float64, requires_grad=True)
    y = transform(x)
    np.testing.assert_allclose(transform.inv(y).detach().numpy(), x.detach().numpy(), atol=1e-9)
    (slope,) = torch.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(
        transform.log_abs_det_jacobian(x, y).detach().numpy(), np.log(abs(slope.numpy())), atol=1e-9
    )


def test_printed_form():
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(D.Categorical(torch.ones(4))) == "Categorical(probs: torch.Size([4]))"


@pytest.mark.parametrize(
    "make",
    [
        lambda: D.FisherSnedecor(5.0, 9.0),
        lambda: D.GeneralizedPareto(0.5, 1.0, 0.2),
        lambda: D.InverseGamma(4.0, 3.0),
        lambda: D.Kumaraswamy(2.0, 3.0),
        lambda: D.ContinuousBernoulli(0.2),
        lambda: D.ContinuousBernoulli(0.4999),
        lambda: D.VonMises(0.0, 2.0),
    ],
)
def test_rarer_densities_integrate_to_one_and_give_mean_and_variance(make):
    d = make()
    low, high = (-math.pi, math.pi) if isinstance(d, D.VonMises) else (0.0, 1000.0)
    if isinstance(d, (D.Kumaraswamy, D.ContinuousBernoulli)):
        high = 1.0
    # Midpoints, dense near the lower end: x = low + (high - low) u^3.
    u = (torch.arange(400000, dtype=torch.float64) + 0.5) / 400000
    x = low + (high - low) * u**3
    width = (high - low) * 3 * u**2 / 400000
    x, width = (t[d.support.check(x)] for t in (x, width))
    mass = d.log_prob(x).double().exp() * width
    assert abs(mass.sum().item() - 1) < 1e-4
    assert abs((mass * x).sum().item() - d.mean.item()) < 2e-3
    if not isinstance(d, D.VonMises):  # its variance is circular
        variance = (mass * (x - d.mean) ** 2).sum().item()
        assert abs(variance - d.variance.item()) < 2e-2 * max(1, variance)


def test_random_matrices_have_their_means():
    torch.manual_seed(0)
    scale = torch.tensor([[1.0, 0.0], [0.4, 0.8]], dtype=torch.float64)
    d = D.Wishart(torch.tensor(5.0, dtype=torch.float64), scale_tril=scale)
    x = d.sample((20000,))
    assert torch.allclose(x.mean(0), d.mean, rtol=0.03)
    assert torch.allclose(x.var(0), d.variance, rtol=0.06)
    assert abs(-d.log_prob(x).mean() - d.entropy()) < 0.03
    other = D.Wishart(torch.tensor(4.0, dtype=torch.float64), scale_tril=scale * 1.2)
    measured = (d.log_prob(x) - other.log_prob(x)).mean()
    assert abs(measured - D.kl_divergence(d, other)) < 0.02
    factor = D.LKJCholesky(3, torch.tensor(1.0, dtype=torch.float64)).sample((20000,))
    correlations = factor @ factor.mT
    assert torch.allclose(correlations.mean(0), torch.eye(3, dtype=torch.float64), atol=0.03)
    # For concentration 1 and 3 rows an entry is 2 B - 1 with B of Beta(3/2, 3/2): variance 1/4.
    assert abs(correlations[:, 1, 0].var() - 0.25) < 0.01


def test_gradients_of_random_matrices():
    def draw(df, scale):
        torch.manual_seed(1)
        return D.Wishart(df, scale_tril=scale.tril(), validate_args=False).rsample((2,))

    df = torch.tensor(4.0, dtype=torch.float64)
    scale = torch.tensor([[1.0, 0.0], [0.4, 0.8]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: draw(df, s), (scale,))


def test_entropy_of_the_exponential_family_follows_from_its_normalizer():
    class Rate(D.ExponentialFamily):
        """The exponential distribution: theta = -rate, F = -log(-theta)."""

        def __init__(self, rate):
            self.rate = rate
            super().__init__(rate.shape, validate_args=False)

        _mean_carrier_measure = 0.0

        @property
        def _natural_params(self):
            return (-self.rate,)

        def _log_normalizer(self, theta):
            return -(-theta).log()

    rate = torch.tensor([0.5, 2.0, 3.0])
    assert torch.allclose(Rate(rate).entropy(), 1 - rate.log())
