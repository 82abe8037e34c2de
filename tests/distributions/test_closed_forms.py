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
