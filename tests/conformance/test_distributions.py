"""Distributions against PyTorch: samples from the same seed, log probabilities, moments, divergences."""

import numpy as np
import pytest

reference = pytest.importorskip("torch")

import rushlight  # noqa: E402

# name -> parameters (arrays), whether moments are compared
V = np.array([0.3, 0.7, 1.6], dtype=np.float32)
P = np.array([0.2, 0.5, 0.9], dtype=np.float32)
L = np.array([[1.0, 0.0], [0.4, 0.8]], dtype=np.float32)
CASES = {
    "Normal": {"loc": -V, "scale": V},
    "Uniform": {"low": -V, "high": V},
    "Bernoulli": {"probs": P},
    "Categorical": {"logits": np.stack([V, P])},
    "OneHotCategorical": {"probs": np.stack([V, P])},
    "Exponential": {"rate": V},
    "Laplace": {"loc": V, "scale": V},
    "Gamma": {"concentration": V, "rate": P},
    "Chi2": {"df": V},
    "Beta": {"concentration1": V, "concentration0": P},
    "Dirichlet": {"concentration": np.stack([V, P])},
    "Poisson": {"rate": V},
    "Geometric": {"probs": P},
    "Binomial": {"total_count": np.array([3.0, 5.0, 9.0], np.float32), "probs": P},
    "Cauchy": {"loc": V, "scale": V},
    "StudentT": {"df": V + 2, "loc": V, "scale": P},
    "MultivariateNormal": {"loc": V[:2], "scale_tril": L},
    "LogNormal": {"loc": V, "scale": P},
    "HalfNormal": {"scale": V},
    "HalfCauchy": {"scale": V},
    "Gumbel": {"loc": V, "scale": P},
    "NegativeBinomial": {"total_count": np.array([3.0, 5.0, 9.0], np.float32), "probs": P},
    "Pareto": {"scale": V, "alpha": V + 2},
    "Weibull": {"scale": V, "concentration": V + 1},
    "RelaxedBernoulli": {"temperature": np.float32(0.5).reshape(1), "probs": P},
    "RelaxedOneHotCategorical": {
        "temperature": np.float32(0.5).reshape(1),
        "logits": np.stack([V, P]),
    },
}


def both(name):
    values = CASES[name]
    ours = getattr(rushlight.distributions, name)(
        **{k: rushlight.from_numpy(v.copy()) for k, v in values.items()}
    )
    theirs = getattr(reference.distributions, name)(
        **{k: reference.from_numpy(v.copy()) for k, v in values.items()}
    )
    return ours, theirs


def close(ours, theirs):
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_samples_and_log_probabilities(name):
    ours, theirs = both(name)
    rushlight.manual_seed(7)
    reference.manual_seed(7)
    got, want = ours.sample((4, 2)), theirs.sample((4, 2))
    close(got, want)
    close(ours.log_prob(rushlight.from_numpy(want.numpy())), theirs.log_prob(want))
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("what", ["mean", "variance", "mode", "stddev", "entropy"])
def test_moments(name, what):
    ours, theirs = both(name)
    try:
        want = getattr(theirs, what)
        want = want() if what == "entropy" else want
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            getattr(ours, what)() if what == "entropy" else getattr(ours, what)
        return
    got = getattr(ours, what)
    close(got() if what == "entropy" else got, want)


@pytest.mark.parametrize("name", CASES)
def test_distribution_functions(name):
    ours, theirs = both(name)
    if isinstance(ours, rushlight.distributions.Gamma) and not hasattr(rushlight._C.ops, "igamma"):
        with pytest.raises(NotImplementedError):
            ours.cdf(ours.sample())
        return
    value = theirs.sample((5,))
    try:
        want = theirs.cdf(value)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            ours.cdf(rushlight.from_numpy(value.numpy()))
        return
    close(ours.cdf(rushlight.from_numpy(value.numpy())), want)


@pytest.mark.parametrize("name", CASES)
def test_divergence_and_expand(name):
    ours, theirs = both(name)
    other, other_theirs = both(name)
    key = next(iter(CASES[name]))
    if name not in ("Uniform", "Binomial"):
        changed = CASES[name] | {key: (CASES[name][key] * 0.9).astype(np.float32)}
        other = type(ours)(**{k: rushlight.from_numpy(v) for k, v in changed.items()})
        other_theirs = type(theirs)(**{k: reference.from_numpy(v) for k, v in changed.items()})
    try:
        want = reference.distributions.kl_divergence(theirs, other_theirs)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            rushlight.distributions.kl_divergence(ours, other)
    else:
        np.testing.assert_allclose(
            rushlight.distributions.kl_divergence(ours, other).numpy(),
            want.numpy(),
            rtol=1e-4,
            atol=1e-5,
        )
    shape = (6, *theirs.batch_shape)
    rushlight.manual_seed(3)
    reference.manual_seed(3)
    close(ours.expand(shape).sample(), theirs.expand(shape).sample())


@pytest.mark.parametrize(
    "name", [n for n in CASES if getattr(reference.distributions, n).has_rsample is not False]
)
def test_reparametrised_gradients(name):
    grads = []
    for library in (rushlight, reference):
        leaves = {
            k: library.from_numpy(v.astype(np.float64)).requires_grad_(True)
            for k, v in CASES[name].items()
        }
        d = getattr(library.distributions, name)(**leaves)
        if not d.has_rsample:
            return
        library.manual_seed(1)
        (d.rsample((3,)) * 2).sum().backward()
        grads.append({k: v.grad for k, v in leaves.items()})
    # The derivative of gamma samples by their shape is a series that PyTorch cuts after four digits.
    rtol = 1e-3 if name == "Gamma" else 1e-4
    for k in CASES[name]:
        np.testing.assert_allclose(grads[0][k].numpy(), grads[1][k].numpy(), rtol=rtol, atol=1e-5)


def test_independent_transformed_and_mixtures():
    results = []
    for library in (rushlight, reference):
        D = library.distributions
        v = library.from_numpy(V.copy())
        base = D.Independent(D.Normal(v, v), 1)
        squashed = D.TransformedDistribution(
            D.Normal(v, v), [D.TanhTransform(), D.AffineTransform(1.0, 2.0)]
        )
        weights = D.Categorical(logits=v)
        mixture = D.MixtureSameFamily(weights, D.Normal(v, v + 1))
        library.manual_seed(2)
        x, y, z = base.sample((2,)), squashed.sample((2,)), mixture.sample((5,))
        results.append(
            [x, base.log_prob(x), y, squashed.log_prob(y), z, mixture.log_prob(z), mixture.mean]
        )
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["positive", "unit_interval", "simplex", "real", "lower_cholesky", "positive_definite"]
)
def test_transforms_to_constraints(name):
    data = np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32)
    results = []
    for library in (rushlight, reference):
        D = library.distributions
        constraint = getattr(D.constraints, name)
        y = D.transform_to(constraint)(library.from_numpy(data.copy()))
        assert bool(constraint.check(y).all())
        results.append(y)
    close(*results)


def test_wrong_parameters_and_values():
    for library in (rushlight, reference):
        D = library.distributions
        with pytest.raises(
            ValueError, match="Expected parameter scale .*to satisfy the constraint GreaterThan"
        ):
            D.Normal(0.0, -1.0)
        with pytest.raises(ValueError, match="Expected value argument .*to be within the support"):
            D.Bernoulli(0.5).log_prob(library.tensor(0.5))
        with pytest.raises(ValueError, match="Either `probs` or `logits` must be specified"):
            D.Bernoulli()
