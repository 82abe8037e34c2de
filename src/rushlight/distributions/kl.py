"""Kullback-Leibler divergences in closed form."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log
from typing import Any

from .. import _C
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .log_normal import LogNormal
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, _squared_distance
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant, sum_rightmost
from .wishart import Wishart

__all__ = ["kl_divergence", "register_kl"]

Tensor = _C.Tensor
_RULES: dict[tuple[type, type], Callable] = {}
_found: dict[tuple[type, type], Callable | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """Decorator that sets the divergence of two classes of distributions.

    Args:
        type_p: class of the first distribution.
        type_q: class of the second.

    Returns:
        Decorator for a function of both distributions.
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected a subclass of Distribution but got {kind}")

    def decorator(rule: Callable) -> Callable:
        _RULES[type_p, type_q] = rule
        _found.clear()
        return rule

    return decorator


def _find(p: type, q: type) -> Callable | None:
    if (p, q) not in _found:
        fitting = [key for key in _RULES if issubclass(p, key[0]) and issubclass(q, key[1])]
        # the nearest ancestors win
        fitting.sort(key=lambda key: (p.__mro__.index(key[0]) + q.__mro__.index(key[1])))
        _found[p, q] = _RULES[fitting[0]] if fitting else None
    return _found[p, q]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q): the expectation under p of log p - log q.

    Args:
        p: distribution.
        q: distribution.

    Returns:
        Tensor of the batch shape.

    Raises:
        NotImplementedError: no closed form is known.

    Example:
        >>> import rushlight as torch
        >>> N = torch.distributions.Normal
        >>> torch.distributions.kl_divergence(N(0.0, 1.0), N(1.0, 1.0))
        tensor(0.5000)
    """
    rule = _find(type(p), type(q))
    if rule is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
        )
    return rule(p, q)


def _rule(kind: type) -> Callable:
    return register_kl(kind, kind)


@_rule(Normal)
def _normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    distance = ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + distance - 1 - ratio.log())


@_rule(Bernoulli)
def _bernoulli(p: Any, q: Any) -> Tensor:
    from ..nn.functional import softplus

    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = one.masked_fill(q.probs == 0, inf).masked_fill(p.probs == 0, 0)
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zero = zero.masked_fill(q.probs == 1, inf).masked_fill(p.probs == 1, 0)
    return one + zero


@_rule(Categorical)
def _categorical(p: Any, q: Any) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill((q.probs == 0).expand(terms.shape), inf)
    return terms.masked_fill((p.probs == 0).expand(terms.shape), 0).sum(-1)


@_rule(OneHotCategorical)
def _one_hot(p: Any, q: Any) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@_rule(Binomial)
def _binomial(p: Any, q: Any) -> Tensor:
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return kl.masked_fill(p.total_count > q.total_count, inf)


@_rule(Beta)
def _beta(p: Any, q: Any) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@_rule(Dirichlet)
def _dirichlet(p: Any, q: Any) -> Tensor:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    sizes = total_p.lgamma() - total_q.lgamma()
    sizes = sizes - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    slope = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return sizes + ((p.concentration - q.concentration) * slope).sum(-1)


@_rule(Exponential)
def _exponential(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@_rule(Gamma)
def _gamma(p: Any, q: Any) -> Tensor:
    return (
        q.concentration * (p.rate / q.rate).log()
        + q.concentration.lgamma()
        - p.concentration.lgamma()
        + (p.concentration - q.concentration) * p.concentration.digamma()
        + (q.rate - p.rate) * (p.concentration / p.rate)
    )


@_rule(Geometric)
def _geometric(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@_rule(Gumbel)
def _gumbel(p: Any, q: Any) -> Tensor:
    ratio = p.scale / q.scale
    shift, away = q.loc / q.scale, p.loc / q.scale
    term = (shift - away + (ratio + 1).lgamma()).exp()
    return ratio.log().neg() - shift + away + ratio * euler_constant + term - (1 + euler_constant)


@_rule(Laplace)
def _laplace(p: Any, q: Any) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@_rule(Cauchy)
def _cauchy(p: Any, q: Any) -> Tensor:
    whole = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return whole.log() - (4 * p.scale * q.scale).log()


@_rule(Pareto)
def _pareto(p: Any, q: Any) -> Tensor:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return result.masked_fill(p.scale < q.scale, inf)


@_rule(Poisson)
def _poisson(p: Any, q: Any) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@_rule(Uniform)
def _uniform(p: Any, q: Any) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return result.masked_fill((q.low > p.low) | (q.high < p.high), inf)


@_rule(HalfNormal)
def _half_normal(p: Any, q: Any) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@_rule(LogNormal)
def _log_normal(p: Any, q: Any) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@_rule(MultivariateNormal)
def _multivariate(p: Any, q: Any) -> Tensor:
    from ..linalg import solve_triangular

    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed"
        )
    half = q.scale_tril.diagonal(0, -2, -1).log().sum(-1) - p.scale_tril.diagonal(
        0, -2, -1
    ).log().sum(-1)
    ratio = solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    spread = (ratio * ratio).sum(-1).sum(-1)
    distance = _squared_distance(q.scale_tril, q.loc - p.loc)
    return half + 0.5 * (spread + distance - p.event_shape[0])


@_rule(Independent)
def _independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@_rule(TransformedDistribution)
def _transformed(p: Any, q: Any) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    extra = len(p.event_shape) - len(p.base_dist.event_shape)
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), extra)


@register_kl(Uniform, Normal)
def _uniform_normal(p: Any, q: Any) -> Tensor:
    from math import pi, sqrt

    width = p.high - p.low
    size = (sqrt(2 * pi) * q.scale / width).log()
    spread = width**2 / 12
    middle = ((p.high + p.low - 2 * q.loc) / 2) ** 2
    return size + 0.5 * (spread + middle) / q.scale**2


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return (
        -q.concentration * ratio.log()
        + ratio
        + q.concentration.lgamma()
        + q.concentration * euler_constant
        - (1 + euler_constant)
    )


@register_kl(Laplace, Normal)
def _laplace_normal(p: Any, q: Any) -> Tensor:
    from math import pi

    spread = q.scale**2
    ratio = p.scale**2 / spread
    distance = 0.5 * (p.loc - q.loc) ** 2 / spread
    return -0.5 * (2 * ratio).log() + ratio + distance + 0.5 * log(pi) - 1


@_rule(ContinuousBernoulli)
def _continuous_bernoulli(p: Any, q: Any) -> Tensor:
    odds = p.mean * (p.logits - q.logits)
    return odds + p._log_norm() + (-p.probs).log1p() - q._log_norm() - (-q.probs).log1p()


def _same_event_shape(p: Any, q: Any) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {type(p).__name__} and {type(q).__name__} with different event shapes "
            f"cannot be computed: {tuple(p.event_shape)} and {tuple(q.event_shape)}"
        )


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _any_low_rank(p: Any, q: Any) -> Tensor:
    """By q's precision D^-1 - A^T A; what p is does not matter."""
    from ..linalg import solve_triangular

    _same_event_shape(p, q)
    weighted = q.cov_factor.mT / q.cov_diag.unsqueeze(-2)
    a = solve_triangular(q._capacitance_tril, weighted, upper=False)
    shift = q.loc - p.loc
    distance = (shift**2 / q.cov_diag).sum(-1) - ((a @ shift.unsqueeze(-1)) ** 2).sum((-2, -1))
    spread = (p.variance / q.cov_diag).sum(-1) - ((a @ p.scale_tril) ** 2).sum((-2, -1))
    low = isinstance(p, LowRankMultivariateNormal)
    own = p._log_det() if low else 2 * p.scale_tril.diagonal(0, -2, -1).log().sum(-1)
    return 0.5 * (q._log_det() - own + spread + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_rank_full(p: Any, q: Any) -> Tensor:
    _same_event_shape(p, q)
    return _multivariate(p, q)


@_rule(Wishart)
def _wishart(p: Any, q: Any) -> Tensor:
    from ..linalg import solve_triangular

    _same_event_shape(p, q)
    n = p.event_shape[-1]
    half = [d.scale_tril.diagonal(0, -2, -1).log().sum(-1) for d in (p, q)]
    ratio = solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    spread = (ratio**2).sum((-2, -1))
    digammas = ((p.df.unsqueeze(-1) - _C.ops.arange(n, dtype=p.df.dtype)) / 2).digamma().sum(-1)
    sizes = (q.df / 2).mvlgamma(n) - (p.df / 2).mvlgamma(n)
    return (
        q.df * (half[1] - half[0])
        + 0.5 * p.df * (spread - n)
        + sizes
        + 0.5 * (p.df - q.df) * digammas
    )
