#include "random/gamma.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace rl::rng {
namespace {

using Lock = std::lock_guard<std::mutex>;

// Marsaglia and Tsang (2000); below 1 by the power of a uniform. Some constants are floats rounded
// once, and the first steps happen in alpha's own type: they decide the last bits of PyTorch's
// stream.
template <class A>
double gamma_one(CpuGenerator& gen, A alpha) {
  double scale = 1;
  if (alpha < 1) {
    if (alpha == 0) return 0;
    scale = std::pow(1 - gen.unit53(), static_cast<double>(A(1) / alpha));
    alpha += 1;
  }
  const auto d = static_cast<double>(alpha - static_cast<A>(1.0f / 3.0f));
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    double x, y;
    do {
      x = gen.normal_unit();
      y = 1.0 + c * x;
    } while (y <= 0);
    const double cube = y * y * y;
    const double u = 1 - gen.unit53();
    const double square = x * x;
    if (u < 1.0 - static_cast<double>(0.0331f) * square * square) return scale * d * cube;
    if (std::log(u) < 0.5 * square + d * (1.0 - cube + std::log(cube))) return scale * d * cube;
  }
}

// log(k!) minus Stirling's formula, tabulated for small k and as a series beyond.
double stirling_tail(double k) {
  static constexpr double kSmall[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983,
                                      0.02079067210376509, 0.0166446911898211, 0.0138761288230707,
                                      0.0118967099458917,  0.0104112652619720, 0.00925546218271273,
                                      0.00833056343336287};
  if (k < 10) return kSmall[static_cast<int>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Counts geometric gaps until they pass `count`: fast while count * p is small.
double binomial_by_gaps(CpuGenerator& gen, double count, double p) {
  const double scale = std::log1p(-p);
  double passed = 0, hits = 0;
  for (;; ++hits) {
    passed += std::ceil(std::log(gen.unit53()) / scale);
    if (passed > count) return hits;
  }
}

// BTRS, transformed rejection with squeeze: Hoermann (1993), for count * p >= 10 and p <= 1/2.
double binomial_by_rejection(CpuGenerator& gen, double count, double p) {
  const double spread = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * spread;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = count * p + 0.5;
  const double squeeze = 0.92 - 4.2 / b;
  const double odds = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * spread;
  const double mode = std::floor((count + 1) * p);
  for (;;) {
    const double u = gen.unit53() - 0.5;
    double v = gen.unit53();
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + c);
    if (k < 0 || k > count) continue;
    if (us >= 0.07 && v <= squeeze) return k;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (mode + 0.5) * std::log((mode + 1) / (odds * (count - mode + 1))) +
                         (count + 1) * std::log((count - mode + 1) / (count - k + 1)) +
                         (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) +
                         stirling_tail(mode) + stirling_tail(count - mode) - stirling_tail(k) -
                         stirling_tail(count - k);
    if (v <= bound) return k;
  }
}

double binomial_one(CpuGenerator& gen, double count, double p) {
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  if (std::isnan(p)) return p;
  const bool mirrored = p > 0.5;
  const double q = mirrored ? 1.0 - p : p;
  const double hits =
      count * q >= 10 ? binomial_by_rejection(gen, count, q) : binomial_by_gaps(gen, count, q);
  return mirrored ? count - hits : hits;
}

}  // namespace

template <class T>
void standard_gamma(CpuGenerator& gen, T* out, const T* alpha, int64_t n) {
  Lock lock(gen.mutex());
  for (int64_t i = 0; i < n; ++i) {
    const auto value = static_cast<T>(gamma_one(gen, alpha[i]));
    out[i] = std::max(std::numeric_limits<T>::min(), value);
  }
}

template <class T>
void dirichlet(CpuGenerator& gen, T* out, const T* alpha, int64_t rows, int64_t categories) {
  const T largest = std::nextafter(T(1), T(0));
  Lock lock(gen.mutex());
  std::vector<double> gamma(static_cast<size_t>(categories));
  for (int64_t row = 0; row < rows; ++row, out += categories, alpha += categories) {
    double sum = 0;
    for (int64_t j = 0; j < categories; ++j) {
      gamma[static_cast<size_t>(j)] = gamma_one(gen, static_cast<double>(alpha[j]));
      sum += gamma[static_cast<size_t>(j)];
    }
    for (int64_t j = 0; j < categories; ++j) {
      const auto value = static_cast<T>(gamma[static_cast<size_t>(j)] / sum);
      out[j] = std::min(largest, std::max(std::numeric_limits<T>::min(), value));
    }
  }
}

template <class T>
void binomial(CpuGenerator& gen, T* out, const T* count, const T* p, int64_t n) {
  Lock lock(gen.mutex());
  for (int64_t i = 0; i < n; ++i)
    out[i] =
        static_cast<T>(binomial_one(gen, static_cast<double>(count[i]), static_cast<double>(p[i])));
}

template void standard_gamma<float>(CpuGenerator&, float*, const float*, int64_t);
template void standard_gamma<double>(CpuGenerator&, double*, const double*, int64_t);
template void dirichlet<float>(CpuGenerator&, float*, const float*, int64_t, int64_t);
template void dirichlet<double>(CpuGenerator&, double*, const double*, int64_t, int64_t);
template void binomial<float>(CpuGenerator&, float*, const float*, const float*, int64_t);
template void binomial<double>(CpuGenerator&, double*, const double*, const double*, int64_t);

}  // namespace rl::rng
