// Functions that stay scalar: rarely applied to large arrays, or with loops inside. double
// throughout; the float forms convert.
#pragma once

#include <cmath>

#include "vec_math_exp.h"
#include "vec_math_special.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

#define RL_VM_SCALAR static inline __attribute__((noinline, unused))

RL_VM_SCALAR double lgamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

// Asymptotic series from 10 on, the recurrence below, reflection for negative x. An infinity of
// the sign opposite to x at 0, nan at the negative integers.
RL_VM_SCALAR double digamma(double x) {
  constexpr double pi = 3.14159265358979323846;
  if (x == 0) return std::copysign(kInf<double>, -x);
  if (x < 0) {
    double fraction = x - std::trunc(x);
    if (fraction == 0 || x == -kInf<double>) return kNan<double>;
    return digamma(1 - x) - pi / std::tan(pi * fraction);
  }
  double below = 0;
  while (x < 10) {
    below += 1 / x;
    x += 1;
  }
  double z = 1 / (x * x);
  // Bernoulli numbers B(2k) / 2k
  double series =
      z * horner(z, 1. / 12, -1. / 120, 1. / 252, -1. / 240, 1. / 132, -691. / 32760, 1. / 12);
  if (x == kInf<double>) return x;
  return std::log(x) - 0.5 / x - series - below;
}

// Hurwitz zeta: the sum of (q + k)^-x, k >= 0, by Euler and Maclaurin
RL_VM_SCALAR double zeta(double x, double q) {
  // (2k)! / B(2k)
  constexpr double divisors[] = {12.,
                                 -720.,
                                 30240.,
                                 -1209600.,
                                 47900160.,
                                 -1307674368000. / 691.,
                                 74724249600.,
                                 -10670622842880000. / 3617.,
                                 5109094217170944000. / 43867.,
                                 -802857662698291200000. / 174611.};
  if (x == 1) return kInf<double>;
  if (!(x > 1) || q != q) return kNan<double>;
  if (q <= 0) {
    if (q == std::floor(q)) return kInf<double>;
    if (x != std::floor(x)) return kNan<double>;  // a power of a negative number
  }
  double sum = 0, base = q, term = 0;
  for (int k = 0; k < 10 || base <= 10; ++k, base += 1) {
    term = std::pow(base, -x);
    sum += term;
    if (base > 0 && std::fabs(term) < 1e-17 * std::fabs(sum)) return sum;
  }
  term = std::pow(base, -x);
  sum += base * term / (x - 1) + 0.5 * term;
  double rising = x, power = term / base;
  for (int k = 0; k < 10; ++k) {
    double step = rising * power / divisors[k];
    sum += step;
    if (std::fabs(step) < 1e-17 * std::fabs(sum)) break;
    rising *= (x + 2 * k + 1) * (x + 2 * k + 2);
    power /= base * base;
  }
  return sum;
}

RL_VM_SCALAR double trigamma(double x) {
  constexpr double pi = 3.14159265358979323846;
  if (x < 0.5 && x != std::floor(x)) {
    double s = std::sin(pi * (x - std::floor(x)));
    return pi * pi / (s * s) - zeta(2, 1 - x);
  }
  return zeta(2, x);
}

// n-th derivative of digamma
RL_VM_SCALAR double polygamma(int64_t n, double x) {
  if (n == 0) return digamma(x);
  if (n == 1) return trigamma(x);
  double order = static_cast<double>(n);
  double sign = n % 2 == 1 ? 1 : -1;
  return sign * std::tgamma(order + 1) * zeta(order + 1, x);
}

RL_VM_SCALAR double log_ndtr(double x) {
  if (x < -1) return std::log(0.5 * erfcx(-x * kSqrtHalf)) - 0.5 * x * x;
  return std::log1p(-ndtr(-x));
}

// -ndtri(q) for 0 < q < 1/2: Newton's method on log_ndtr
RL_VM_SCALAR double ndtri_tail(double q) {
  constexpr double half_log_2pi = 0.91893853320467274178, root_half_pi = 1.2533141373155002512;
  double x;
  if (q > 1e-6) {
    x = kSqrt2 * erfinv_lo(1 - 2 * q);
  } else {
    double s = std::sqrt(-2 * std::log(q));
    x = s - (std::log(s) + half_log_2pi) / s;
  }
  double log_q = std::log(q);
  for (int k = 0; k < 3; ++k) {
    x += (log_ndtr(-x) - log_q) * root_half_pi * erfcx(x * kSqrtHalf);
  }
  return x;
}

RL_VM_SCALAR double erfinv(double x) {
  constexpr double half_root_pi = 0.88622692545275801365;
  double a = std::fabs(x);
  if (!(a <= 1)) return kNan<double>;
  if (a == 1) return std::copysign(kInf<double>, x);
  if (a > 0.75) return std::copysign(ndtri_tail(0.5 * (1 - a)) * kSqrtHalf, x);
  double y = erfinv_lo(a);
  y -= (std::erf(y) - a) * half_root_pi * std::exp(y * y);
  return std::copysign(y, x);
}

RL_VM_SCALAR double ndtri(double p) {
  if (p == 0) return -kInf<double>;
  if (p == 1) return kInf<double>;
  if (!(p > 0 && p < 1)) return kNan<double>;
  if (p < 0.125) return -ndtri_tail(p);
  if (p > 0.875) return ndtri_tail(1 - p);
  return kSqrt2 * erfinv(2 * p - 1);
}

RL_VM float lgamma(float x) { return static_cast<float>(lgamma(static_cast<double>(x))); }
RL_VM float digamma(float x) { return static_cast<float>(digamma(static_cast<double>(x))); }
RL_VM float trigamma(float x) { return static_cast<float>(trigamma(static_cast<double>(x))); }
RL_VM float zeta(float x, float q) {
  return static_cast<float>(zeta(static_cast<double>(x), static_cast<double>(q)));
}
RL_VM float polygamma(int64_t n, float x) {
  return static_cast<float>(polygamma(n, static_cast<double>(x)));
}
RL_VM float log_ndtr(float x) { return static_cast<float>(log_ndtr(static_cast<double>(x))); }
RL_VM float ndtri(float x) { return static_cast<float>(ndtri(static_cast<double>(x))); }

#undef RL_VM_SCALAR

}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
