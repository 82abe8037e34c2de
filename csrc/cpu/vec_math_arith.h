// pow, hypot, fmod, remainder. See vec_math_core.h for how to compile.
#pragma once

#include <cmath>

#include "vec_math_core.h"
#include "vec_math_exp.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

// C's rules for zeros, infinities, nan and negative bases. Within 0.51 ulp.
RL_VM float pow(float x, float y) {
  constexpr double log2e = 0x1.71547652b82fep+0;
  double ax = abs(x), vy = y;
  double l = log_lo(ax) * log2e;
  l = ax < kInf<double> ? l : ax;
  l = ax == 0. ? -kInf<double> : l;
  double v = vy * l;
  v = (ax == 1.) & (y == y) ? 0. : v;
  v = clamp(v, -1000., 1000.);
  auto k = round_small(v + Traits<double>::kMagic);
  float r = static_cast<float>(exp2_poly_lo(v - k.value) * pow2(k.bits));
  float half = 0.5f * y;
  bool whole = trunc(y) == y, odd = whole & (trunc(half) != half);
  r = odd ? copysign(r, x) : r;
  r = (x < 0.f) & (x > -kInf<float>)&!whole ? kNan<float> : r;
  return (x == 1.f) | (y == 0.f) ? 1.f : r;
}
// Not vector code: one call of the C library per element.
RL_VM double pow(double x, double y) { return std::pow(x, y); }

// An infinity wins over nan.
RL_VM float hypot(float x, float y) {
  double a = abs(x), b = abs(y);
  double r = sqrt(a * a + b * b);
  r = (a == kInf<double>) | (b == kInf<double>) ? kInf<double> : r;
  return static_cast<float>(r);
}
RL_VM double hypot(double x, double y) {
  double a = abs(x), b = abs(y);
  double top = a > b ? a : b;
  double scale = top > 0x1p500 ? 0x1p-600 : (top < 0x1p-400 ? 0x1p600 : 1.);
  double back = top > 0x1p500 ? 0x1p600 : (top < 0x1p-400 ? 0x1p-600 : 1.);
  double u = a * scale, v = b * scale;
  double r = sqrt(fma(u, u, v * v)) * back;
  return (a == kInf<double>) | (b == kInf<double>) ? kInf<double> : r;
}

// fmod is exact while the quotient fits in the digits at hand; FmodLimit says up to where.
// fmod_is_hard elements belong to the C library (vec_math_apply.h's Fmod and Remainder do it).
RL_VM bool fmod_is_hard(float x, float y) {
  double q = abs(static_cast<double>(x) / static_cast<double>(y));
  return !(q < 0x1p28) & (x == x) & (y == y);
}
RL_VM float fmod(float x, float y) {
  double a = abs(x), b = abs(y);
  double q = trunc(a / b);
  double r = a - q * b;  // both exact: 28 + 24 bits
  r = r < 0. ? r + b : r;
  r = r >= b ? r - b : r;
  float m = b == kInf<double> ? x : copysign(static_cast<float>(r), x);
  return (x == x) & (y == y) ? m : kNan<float>;
}
RL_VM bool fmod_is_hard(double x, double y) {
  if constexpr (!kHasFma) return true;
  double q = abs(x / y);
  return !(q < 0x1p50) & (x == x) & (y == y);
}
RL_VM double fmod(double x, double y) {
  double a = abs(x), b = abs(y);
  double q = trunc(a / b);
  double r = fma(-q, b, a);
  r = r < 0. ? r + b : r;
  r = r >= b ? r - b : r;
  double m = b == kInf<double> ? x : copysign(r, x);
  return (x == x) & (y == y) ? m : kNan<double>;
}
// Python's: the result takes the sign of y
template <class T>
RL_VM T remainder_from_fmod(T m, T y) {
  T other = m + y;
  bool differ = ((m < T(0)) & (y > T(0))) | ((m > T(0)) & (y < T(0)));
  return differ ? other : m;
}
template <class T>
RL_VM T remainder(T x, T y) {
  return remainder_from_fmod(fmod(x, y), y);
}
// Python's //: from the exact remainder, so that it never disagrees with it
template <class T>
RL_VM T floor_divide_from_fmod(T x, T y, T m) {
  T q = (x - m) / y;
  bool differ = ((m < T(0)) & (y > T(0))) | ((m > T(0)) & (y < T(0)));
  q = differ ? q - T(1) : q;
  T whole = floor(q);
  whole = q - whole > T(0.5) ? whole + T(1) : whole;
  T quotient = x / y;
  whole = q == T(0) ? copysign(T(0), quotient) : whole;
  return y == T(0) ? quotient : whole;
}

}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
