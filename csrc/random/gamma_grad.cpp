// Derivatives of gamma and beta numbers with respect to their parameters, by implicit
// differentiation of the cumulative distribution F(x; alpha) = const: dx/dalpha = -(dF/dalpha) /
// (dF/dx).
#include <cmath>
#include <limits>

#include "random/gamma.h"

namespace rl::rng {
namespace {

double digamma(double x) {
  double shift = 0;
  for (; x < 10; x += 1) shift -= 1 / x;
  const double z = 1 / (x * x);
  const double tail =
      z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132)))));
  return shift + std::log(x) - 0.5 / x - tail;
}

// Integral of f over [0, inf) or a part of it, by the exp-sinh rule: nodes cluster towards 0, where
// f may have an integrable singularity, and f must fall off at least exponentially.
template <class F>
double integrate(double scale, F&& f) {
  constexpr double kStep = 1.0 / 16;
  double sum = 0;
  for (int k = -72; k <= 72; ++k) {
    const double t = k * kStep;
    const double node = scale * std::exp(1.5707963267948966 * std::sinh(t));
    const double weight = 1.5707963267948966 * std::cosh(t) * node;
    const double value = f(node) * weight;
    if (std::isfinite(value)) sum += value;
  }
  return sum * kStep;
}

double gamma_grad_one(double alpha, double x) {
  if (!(x > 0) || !(alpha > 0)) return 0;
  if (x <= alpha + 1) {
    // The series of the lower incomplete gamma function, differentiated term by term and divided by
    // the density.
    const double log_x = std::log(x);
    double c = x / alpha, psi = digamma(alpha + 1), sum = 0;
    for (int n = 1; n < 100000; ++n) {
      const double term = c * (psi - log_x);
      sum += term;
      if (std::fabs(term) < 1e-17 * std::fabs(sum) && psi > log_x) break;
      psi += 1 / (alpha + n);
      c *= x / (alpha + n);
    }
    return sum;
  }
  // Above, the complementary integral with t = x + s; every term is positive.
  const double psi = digamma(alpha);
  return integrate(std::min(std::sqrt(x), 1 / (1 - alpha / x)), [=](double s) {
    return (std::log(x + s) - psi) * std::exp((alpha - 1) * std::log1p(s / x) - s);
  });
}

// dx/dalpha of Beta(alpha, beta) for x on the lower side of its mean, times nothing.
double beta_grad_lower(double x, double alpha, double beta) {
  // t = x exp(-s) maps (0, x] to s in [0, inf).
  const double centre = digamma(alpha + beta) - digamma(alpha);
  const double log_x = std::log(x), rest = 1 - x;
  return -integrate(1 / alpha, [=](double s) {
    const double t = x * std::exp(-s);
    return (log_x - s + centre) * std::exp(-alpha * s + (beta - 1) * std::log((1 - t) / rest)) * x;
  });
}

double beta_grad_upper(double x, double alpha, double beta) {
  // 1 - t = (1 - x) exp(-s) maps [x, 1) to s in [0, inf).
  const double centre = digamma(alpha + beta) - digamma(alpha);
  const double rest = 1 - x;
  return integrate(1 / beta, [=](double s) {
    const double t = 1 - rest * std::exp(-s);
    return (std::log(t) + centre) * std::exp(-beta * s + (alpha - 1) * std::log(t / x)) * rest;
  });
}

double dirichlet_grad_one(double x, double alpha, double total) {
  if (!(x > 0) || !(x < 1)) return 0;
  const double beta = total - alpha;
  const double grad =
      x <= alpha / total ? beta_grad_lower(x, alpha, beta) : beta_grad_upper(x, alpha, beta);
  return grad / (1 - x);
}

}  // namespace

template <class T>
void standard_gamma_grad(T* out, const T* alpha, const T* sample, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = static_cast<T>(
        gamma_grad_one(static_cast<double>(alpha[i]), static_cast<double>(sample[i])));
}

template <class T>
void dirichlet_grad(T* out, const T* x, const T* alpha, const T* total, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = static_cast<T>(dirichlet_grad_one(
        static_cast<double>(x[i]), static_cast<double>(alpha[i]), static_cast<double>(total[i])));
}

template void standard_gamma_grad<float>(float*, const float*, const float*, int64_t);
template void standard_gamma_grad<double>(double*, const double*, const double*, int64_t);
template void dirichlet_grad<float>(float*, const float*, const float*, const float*, int64_t);
template void dirichlet_grad<double>(double*, const double*, const double*, const double*, int64_t);

}  // namespace rl::rng
