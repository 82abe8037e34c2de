"""Distributions against PyTorch: samples from the same seed, log probabilities, moments, divergences."""

import numpy as np
import pytest

reference = pytest.importorskip("torch")

import rushlight  # noqa: E402

# PyTorch says so of every sample of a Wishart distribution.
pytestmark = pytest.mark.filterwarnings("ignore:Singular sample detected")

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
    "ContinuousBernoulli": {"probs": np.array([0.2, 0.4995, 0.9], np.float32)},
    "FisherSnedecor": {"df1": V + 2, "df2": V + 4},
    "GeneralizedPareto": {
        "loc": -V,
        "scale": V,
        "concentration": np.array([0.2, 0.0, 0.7], np.float32),
    },
    "InverseGamma": {"concentration": V + 2, "rate": P},
    "Kumaraswamy": {"concentration1": V + 1, "concentration0": V + 2},
    "LogisticNormal": {"loc": V, "scale": P},
    "LowRankMultivariateNormal": {"loc": V, "cov_factor": np.stack([V, P], 1), "cov_diag": P},
    "VonMises": {"loc": V, "concentration": np.array([1e-6, 0.7, 9.0], np.float32)},
    "Wishart": {"df": np.array([4.0, 6.5]), "scale_tril": L.astype(np.float64)},
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
        changed = CASES[name] | {key: (CASES[name][key] * 0.9).astype(CASES[name][key].dtype)}
        other = type(ours)(**{k: rushlight.from_numpy(v) for k, v in changed.items()})
        other_theirs = type(theirs)(**{k: reference.from_numpy(v) for k, v in changed.items()})
    # PyTorch's number for Wishart is not the divergence: test_closed_forms.py has the check by samples.
    try:
        want = reference.distributions.kl_divergence(theirs, other_theirs)
        if name == "Wishart":
            assert float(want.detach()[0]) > 0.9  # it is 0.033
            want = rushlight.distributions.kl_divergence(ours, other)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            rushlight.distributions.kl_divergence(ours, other)
    else:
        np.testing.assert_allclose(
            rushlight.distributions.kl_divergence(ours, other).numpy(),
            want.detach().numpy(),
            rtol=1e-4,
            atol=1e-5,
        )
    shape = (6, *theirs.batch_shape)
    rushlight.manual_seed(3)
    reference.manual_seed(3)
    close(ours.expand(shape).sample(), theirs.expand(shape).sample())


# PyTorch's Wishart changes its samples in place and refuses to go backward through them.
@pytest.mark.parametrize(
    "name",
    [
        n
        for n in CASES
        if n != "Wishart" and getattr(reference.distributions, n).has_rsample is not False
    ],
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
    rtol = 1e-3 if name in ("Gamma", "FisherSnedecor") else 1e-4
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


def test_wrong_parameters_and_values(monkeypatch):
    # PyTorch's compiler, which other tests reach, turns PyTorch's checks off for the whole process.
    monkeypatch.setattr(reference.distributions.Distribution, "_validate_args", True)
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


def of_both(program):
    """What a program makes of both libraries: lists of tensors."""
    return [[t.numpy() for t in program(library)] for library in (rushlight, reference)]


@pytest.mark.parametrize("dim", [2, 3, 5])
@pytest.mark.parametrize("concentration", [1.0, [0.5, 3.0]])
def test_correlation_matrices(dim, concentration):
    def program(library):
        c = library.tensor(concentration)
        d = library.distributions.LKJCholesky(dim, c)
        library.manual_seed(5)
        x = d.sample((4,))
        assert tuple(d.expand((6, *d.batch_shape)).sample().shape) == (6, *d.batch_shape, dim, dim)
        return [x, d.log_prob(x)]

    for got, want in zip(*of_both(program), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5)


def test_divergences_of_low_rank():
    def program(library):
        D = library.distributions
        v, p, w = (library.from_numpy(x.copy()) for x in (V, P, np.stack([V, P], 1)))
        low, other = D.LowRankMultivariateNormal(v, w, p), D.LowRankMultivariateNormal(p, w * 2, v)
        full = D.MultivariateNormal(p, other.covariance_matrix)
        return [
            D.kl_divergence(low, other),
            D.kl_divergence(low, full),
            D.kl_divergence(full, low),
            low.covariance_matrix,
            low.precision_matrix,
            low.scale_tril,
            low.variance,
        ]

    for got, want in zip(*of_both(program), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


TRANSFORMS = {
    "correlations": (lambda D: D.CorrCholeskyTransform(), (2, 6), True),
    "cat": (
        lambda D: D.CatTransform(
            [D.ExpTransform(), D.TanhTransform(), D.AffineTransform(1.0, 3.0)], 1, [1, 2, 3]
        ),
        (2, 6),
        True,
    ),
    "cat first": (lambda D: D.CatTransform([D.ExpTransform(), D.TanhTransform()]), (2, 3), True),
    "stack": (
        lambda D: D.StackTransform([D.ExpTransform(), D.SigmoidTransform()], -1),
        (3, 2),
        True,
    ),
    "cdf": (lambda D: D.CumulativeDistributionTransform(D.Normal(0.5, 2.0)), (3, 2), True),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_joined_transforms(name):
    make, shape, _ = TRANSFORMS[name]
    data = np.random.default_rng(1).standard_normal(shape).astype(np.float32)

    def program(library):
        t = make(library.distributions)
        x = library.from_numpy(data.copy())
        y = t(x)
        assert t.forward_shape(shape) == tuple(y.shape) and t.inverse_shape(y.shape) == shape
        if not hasattr(t, "distribution"):
            x.requires_grad_()
            (t(x) * library.arange(1.0, y.numel() + 1).reshape(y.shape)).sum().backward()
        gradient = [x.grad] if x.grad is not None else []
        x = x.detach()
        checks = [t.domain.check(x), t.codomain.check(y)]
        repeated = t.with_cache(1)
        z = repeated(x)
        assert repeated.inv(z) is x or hasattr(t, "transforms")
        return [y, t.inv(y), t.log_abs_det_jacobian(x, y), *gradient, *checks]

    for got, want in zip(*of_both(program), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5)


def test_transforms_to_correlations_and_joined_constraints():
    data = np.random.default_rng(2).standard_normal((4, 3)).astype(np.float32)

    def program(library):
        D = library.distributions
        c = D.constraints
        x = library.from_numpy(data.copy())
        out = [D.transform_to(c.corr_cholesky)(x), D.biject_to(c.corr_cholesky)(x)]
        joined = c.cat([c.positive, c.unit_interval], 1, [1, 2])
        out += [D.transform_to(joined)(x), D.biject_to(joined)(x)]
        stacked = c.stack([c.positive, c.unit_interval, c.real], 1)
        return [*out, D.transform_to(stacked)(x), D.biject_to(stacked)(x)]

    for got, want in zip(*of_both(program), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)


def test_triangles_as_vectors():
    for diag in (-2, -1, 0, 1):

        def program(library, diag=diag):
            U = library.distributions.utils
            m = library.arange(32.0).reshape(2, 4, 4)
            v = U.tril_matrix_to_vec(m, diag)
            return [v, U.vec_to_tril_matrix(v, diag)]

        for got, want in zip(*of_both(program), strict=True):
            np.testing.assert_array_equal(got, want)
    for library in (rushlight, reference):
        with pytest.raises(ValueError, match="cannot be expressed as the lower triangular part"):
            library.distributions.utils.vec_to_tril_matrix(library.ones(5))
        with pytest.raises(ValueError, match=r"diag \(4\) provided is outside"):
            library.distributions.utils.tril_matrix_to_vec(library.ones(4, 4), 4)


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (lambda t: t.distributions.LKJCholesky(1), "greater than or equal to 2"),
        (lambda t: t.distributions.Wishart(1.0, t.eye(3)), "expected to be greater than ndim"),
        (lambda t: t.distributions.Wishart(t.tensor(9.0)), "Exactly one of covariance_matrix"),
        (
            lambda t: t.distributions.LowRankMultivariateNormal(t.ones(2), t.ones(3, 1), t.ones(2)),
            "cov_factor must be a batch of matrices",
        ),
        (lambda t: t.distributions.ContinuousBernoulli(), "Either `probs` or `logits`"),
        (lambda t: t.distributions.CorrCholeskyTransform().forward_shape((4,)), "not a flattened"),
        (lambda t: t.distributions.CorrCholeskyTransform().inverse_shape((4, 3)), "not square"),
    ],
)
def test_wrong_arguments_of_rarer_distributions(program, text):
    for library in (rushlight, reference):
        with pytest.raises((ValueError, AssertionError), match=text):
            program(library)


def test_exponential_family():
    for library in (rushlight, reference):
        D = library.distributions
        kinds = [n for n in D.__all__ if isinstance(getattr(D, n), type)]
        found = {n for n in kinds if issubclass(getattr(D, n), D.ExponentialFamily)}
        assert {"Bernoulli", "Beta", "Dirichlet", "Gamma", "Normal", "Poisson"} <= found
