// exp, log and what is made of them. See vec_math_core.h for how to compile.
// Coefficients: tools/gen_vec_math.py.
#pragma once

#include "vec_math_core.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

// exp(r) - 1 = r + r*r*q(r) for |r| <= ln(2)/2
RL_VM float expm1_poly(float r, float r_lo = 0.f) {
  float q = horner(r, 0.499999981f, 0.166665428f, 0.0416672091f, 0.00836664148f, 0.00138821661f);
  return r + fma(r * r, q, r_lo);
}
RL_VM double expm1_poly(double r, double r_lo = 0.) {
  double q = horner(r, 0.50000000000000000, 0.16666666666666677, 0.041666666666666506,
                    0.0083333333333215136, 0.0013888888888963468, 0.00019841269886477753,
                    2.4801587171108816e-5, 2.7557243803559776e-6, 2.7557403239148591e-7,
                    2.5109195360816322e-8, 2.0875336321944661e-9);
  return r + fma(r * r, q, r_lo);
}
// to 2^-32, for float results computed in double
RL_VM double expm1_poly_lo(double r) {
  double q = horner(r, 0.50000000446475724, 0.16666666365759229, 0.041666358614747786,
                    0.0083333900890316014, 0.0013940823413627227, 0.00019845744261202079);
  return fma(r * r, q, r);
}
RL_VM float exp2_poly(float r) {
  return fma(r,
             horner(r, 0.693147188f, 0.240226498f, 0.0555035715f, 0.00961823790f, 0.00133908777f,
                    0.000154035519f),
             1.f);
}
RL_VM double exp2_poly(double r) {
  return fma(r,
             horner(r, 0.69314718055994531, 0.24022650695910071, 0.055504108664821627,
                    0.0096181291076284365, 0.0013333558146406412, 0.00015403530393466880,
                    1.5252733841650498e-5, 1.3215486720960476e-6, 1.0178057032206146e-7,
                    7.0549323342874552e-9, 4.4558288225932805e-10, 2.5678473979966980e-11),
             1.);
}
RL_VM double exp2_poly_lo(double r) {
  return fma(r,
             horner(r, 0.69314718058150521, 0.24022650921934469, 0.055504107272193240,
                    0.0096180566646638336, 0.0013333669385219849, 0.00015461471896288286,
                    1.5252871408400424e-5),
             1.);
}

template <class T>
struct ExpRange;
template <>
struct ExpRange<float> {
  // exp is 0 below (half of the least denormal is 2^-150) and inf above
  static constexpr float kLo = -104.f, kHi = 89.f, kLo2 = -151.f, kHi2 = 129.f;
  static constexpr float kLog2E = 0x1.715476p+0f;
  static constexpr float kExpm1Lo = -18.f, kTanhHi = 10.f;
};
template <>
struct ExpRange<double> {
  static constexpr double kLo = -746., kHi = 710., kLo2 = -1076., kHi2 = 1025.;
  static constexpr double kLog2E = 0x1.71547652b82fep+0;
  static constexpr double kExpm1Lo = -40., kTanhHi = 20.;
};

// x = n * ln(2) + r
template <class T>
struct ExpReduced {
  T r;
  typename Traits<T>::Bits n;
};
template <class T>
RL_VM ExpReduced<T> exp_reduce(T x) {
  auto k = round_small(fma(x, ExpRange<T>::kLog2E, Traits<T>::kMagic));
  T r = fma(k.value, -Traits<T>::kLn2Hi, x);
  return {fma(k.value, -Traits<T>::kLn2Lo, r), k.bits};
}

// The same with the rounding error of r made good in exp(r) - 1
template <class T>
struct Expm1Reduced {
  T p;
  typename Traits<T>::Bits n;
};
template <class T>
RL_VM Expm1Reduced<T> expm1_reduce(T x) {
  auto k = round_small(fma(x, ExpRange<T>::kLog2E, Traits<T>::kMagic));
  T hi = fma(k.value, -Traits<T>::kLn2Hi, x), lo = k.value * Traits<T>::kLn2Lo;
  T r = hi - lo;
  return {expm1_poly(r, (hi - r) - lo), k.bits};
}

template <class T>
RL_VM T exp(T x) {
  auto red = exp_reduce(clamp(x, ExpRange<T>::kLo, ExpRange<T>::kHi));
  return scale_by_pow2(T(1) + expm1_poly(red.r), red.n);
}

// 1 + exp(x): what lies below the least normal number does not matter, so that one step of scaling
// does, and a doubling for the infinite end.
template <class T>
RL_VM T one_plus_exp(T x) {
  constexpr T lo = sizeof(T) == 4 ? T(-87) : T(-708);
  auto red = exp_reduce(clamp(x, lo, ExpRange<T>::kHi));
  return fma((T(1) + expm1_poly(red.r)) * pow2(red.n - 1), T(2), T(1));
}

// exp(hi + lo) for hi <= 0 and |lo| much smaller
template <class T>
RL_VM T exp_nonpositive(T hi, T lo) {
  auto red = exp_reduce(hi < ExpRange<T>::kLo ? ExpRange<T>::kLo : hi);
  return scale_down_by_pow2(T(1) + expm1_poly(red.r + lo), red.n);
}

template <class T>
RL_VM T exp2(T x) {
  x = clamp(x, ExpRange<T>::kLo2, ExpRange<T>::kHi2);
  auto k = round_small(x + Traits<T>::kMagic);
  return scale_by_pow2(exp2_poly(x - k.value), k.bits);
}

template <class T>
RL_VM T expm1(T x) {
  auto red = expm1_reduce(clamp(x, ExpRange<T>::kExpm1Lo, ExpRange<T>::kHi));
  T p = red.p;
  T half = pow2(red.n - 1);  // half the scale: 2^n itself may be infinite
  T y = T(2) * fma(p, half, half - T(0.5));
  y = red.n == 0 ? p : y;  // keeps denormals whole
  return x == T(0) ? x : y;
}

// For float results: good to 2^-31, |x| <= 700 unless clamped.
RL_VM double exp_lo(double x) {
  auto red = exp_reduce(clamp(x, -700., 700.));
  return (1. + expm1_poly_lo(red.r)) * pow2(red.n);
}
RL_VM double expm1_lo(double x) {
  auto red = exp_reduce(clamp(x, -700., 700.));
  double scale = pow2(red.n);
  return fma(expm1_poly_lo(red.r), scale, scale - 1.);
}

// log(1 + f) = f - (f*f/2 - rest), 1 + f in [sqrt(1/2), sqrt(2))
template <class T>
struct LogTerms {
  T half_square, rest;
};
RL_VM LogTerms<float> log_terms(float f) {
  float p = horner(f, 0.333333321f, -0.250008377f, 0.200012143f, -0.166227064f, 0.142015366f,
                   -0.131667893f, 0.127665375f, -0.0762236122f);
  float sq = f * f;
  return {0.5f * sq, (f * sq) * p};
}
RL_VM LogTerms<double> log_terms(double f) {
  double s = f / (2. + f), z = s * s;
  double r = z * horner(z, 0.66666666666667350, 0.39999999999409702, 0.28571428743671898,
                        0.22222198423459383, 0.18183573010834758, 0.15313806158198464,
                        0.14798607584211043);
  double half_square = 0.5 * f * f;
  return {half_square, s * (half_square + r)};
}

// x = 2^e * (1 + f)
template <class T>
struct LogReduced {
  T f, e;
};
template <class T>
RL_VM typename Traits<T>::Bits log_exponent(typename Traits<T>::Bits bits) {  // plus the bias
  return (bits - Traits<T>::kSqrtHalf + (Traits<T>::kBias << Traits<T>::kMantissa)) >>
         Traits<T>::kMantissa;
}
template <class T>
RL_VM LogReduced<T> log_reduce(T x) {
  bool denormal = x < std::numeric_limits<T>::min();
  auto bits = to_bits(denormal ? x * Traits<T>::kDenormalScale : x);
  auto e = log_exponent<T>(bits);
  T f = from_bits(bits - ((e - Traits<T>::kBias) << Traits<T>::kMantissa)) - T(1);
  T shift = denormal ? Traits<T>::kDenormalShift - T(Traits<T>::kBias) : -T(Traits<T>::kBias);
  return {f, small_int_to_float(e) + shift};
}
// y for positive finite x; the limits elsewhere
template <class T>
RL_VM T log_edges(T x, T y) {
  y = x < kInf<T> ? y : x;
  y = x < T(0) ? kNan<T> : y;
  return x == T(0) ? -kInf<T> : y;
}
template <class T>
RL_VM T log_join(T f, T e) {
  auto t = log_terms(f);
  return fma(e, Traits<T>::kLn2Hi, f - (t.half_square - fma(e, Traits<T>::kLn2Lo, t.rest)));
}

template <class T>
RL_VM T log(T x) {
  auto red = log_reduce(x);
  return log_edges(x, log_join(red.f, red.e));
}

// log(1 + f) in another base as hi + lo, the base factor being scale_hi + scale_lo. The heads are
// short (12 and 12, 21 and 32 bits), so that their product is exact.
template <class T>
struct Pair {
  T hi, lo;
};
template <class T>
RL_VM Pair<T> log1p_scaled(T f, T scale_hi, T scale_lo) {
  auto t = log_terms(f);
  T hi = head(f - t.half_square);
  T lo = ((f - hi) - t.half_square) + t.rest;
  return {hi * scale_hi, fma(lo + hi, scale_lo, lo * scale_hi)};
}

template <class T>
struct LogScale;
template <>
struct LogScale<float> {
  static constexpr float kLog2EHi = 0x1.714p+0f, kLog2ELo = 0x1.47652cp-12f;
  static constexpr float kLog10EHi = 0x1.bcap-2f, kLog10ELo = 0x1.7b1526p-14f;
  static constexpr float kLog10Of2Hi = 0x1.344p-2f, kLog10Of2Lo = 0x1.3509f8p-18f;
};
template <>
struct LogScale<double> {
  static constexpr double kLog2EHi = 0x1.71547652p+0, kLog2ELo = 0x1.705fc2eefa2p-33;
  static constexpr double kLog10EHi = 0x1.bcb7b152p-2, kLog10ELo = 0x1.b9438ca9aadd5p-36;
  static constexpr double kLog10Of2Hi = 0x1.34413508p-2, kLog10Of2Lo = 0x1.f79fef311f12bp-34;
};

template <class T>
RL_VM T log2(T x) {
  auto red = log_reduce(x);
  auto y = log1p_scaled(red.f, LogScale<T>::kLog2EHi, LogScale<T>::kLog2ELo);
  T sum = red.e + y.hi;
  return log_edges(x, sum + (y.lo + ((red.e - sum) + y.hi)));
}

template <class T>
RL_VM T log10(T x) {
  auto red = log_reduce(x);
  auto y = log1p_scaled(red.f, LogScale<T>::kLog10EHi, LogScale<T>::kLog10ELo);
  T base = red.e * LogScale<T>::kLog10Of2Hi;
  T sum = base + y.hi;
  return log_edges(x, sum + (fma(red.e, LogScale<T>::kLog10Of2Lo, y.lo) + ((base - sum) + y.hi)));
}

// 1 + x = 2^e * (1 + f), f without the rounding of 1 + x
template <class T>
RL_VM LogReduced<T> log1p_reduce(T x) {
  using Bits = typename Traits<T>::Bits;
  constexpr T big = T(2) / std::numeric_limits<T>::epsilon();  // 1 + x is x from here on
  auto bits = to_bits(x < big ? T(1) + x : x);
  Bits e = log_exponent<T>(bits);
  T f_big = from_bits(bits - ((e - Traits<T>::kBias) << Traits<T>::kMantissa)) - T(1);
  T scale = from_bits((Traits<T>::kBias * 2 - e) << Traits<T>::kMantissa);  // 2^-e
  T f = x < big ? fma(x, scale, scale - T(1)) : f_big;
  return {f, small_int_to_float(e) - T(Traits<T>::kBias)};
}
template <class T>
RL_VM T log1p(T x) {
  auto red = log1p_reduce(x);
  T y = log_join(red.f, red.e);
  y = x < kInf<T> ? y : x;
  y = x < T(-1) ? kNan<T> : y;
  y = x == T(-1) ? -kInf<T> : y;
  return x == T(0) ? x : y;
}
// log1p for x >= 0 or nan
template <class T>
RL_VM T log1p_nonnegative(T x) {
  auto red = log1p_reduce(x);
  T y = log_join(red.f, red.e);
  return x < kInf<T> ? y : x;
}

// To 2^-37, without a division, for float results: positive normal x.
RL_VM double log1p_poly_lo(double f) {
  double p = horner(f, 0.33333333402067703, -0.25000001155964588, 0.19999988844615518,
                    -0.16666529480122047, 0.14286195779173656, -0.12505815478204432,
                    0.11105229546534610, -0.098878857254985662, 0.090411771576729729,
                    -0.092957364560114133, 0.091179856703179069, -0.048115377223347001);
  double sq = f * f;
  return fma(sq * f, p, fma(sq, -0.5, f));
}
RL_VM double log_lo(double x) {
  auto bits = to_bits(x);
  auto e = log_exponent<double>(bits);
  double f = from_bits(bits - ((e - 1023u) << 52)) - 1.;
  return fma(small_int_to_float(e) - 1023., 0x1.62e42fefa39efp-1, log1p_poly_lo(f));
}
RL_VM double log1p_signed_lo(double x) {  // -1 < x < inf
  auto red = log1p_reduce(x);
  return fma(red.e, 0x1.62e42fefa39efp-1, log1p_poly_lo(red.f));
}
RL_VM double log1p_lo(double x) {  // x >= 0; nan and inf pass
  double y = log1p_signed_lo(x);
  return x < kInf<double> ? y : x;
}

// tanh(x) = x + x * z * p(z), z = x * x, up to 0.6; above that 1 - 2 / (exp(2x) + 1)
RL_VM float tanh_poly(float z) {
  return horner(z, -0.333332981f, 0.133319254f, -0.0537839148f, 0.0207961829f, -0.00589533183f);
}
RL_VM double tanh_poly(double z) {
  return horner(z, -0.33333333333333125, 0.13333333333299658, -0.053968253949293948,
                0.021869488002528183, -0.0088632267770554464, 0.0035920373764263676,
                -0.0014552153495826893, 0.00058718836420014217, -0.00023039672966262774,
                7.9313858533107722e-5, -1.7178679651784289e-5);
}
template <class T>
RL_VM T tanh(T x) {
  T a = abs(x), z = a * a;
  auto red = exp_reduce(T(2) * (a > ExpRange<T>::kTanhHi ? ExpRange<T>::kTanhHi : a));
  T scale = pow2(red.n);
  T e = fma(expm1_poly(red.r), scale, scale);
  T large = T(1) - T(2) / (e + T(1));
  T small = fma(a * z, tanh_poly(z), a);
  return copysign(a < T(0.6) ? small : large, x);
}

// num / (1 + e), 0 <= e <= 1, with what the rounding of 1 + e and of the quotient lose. Without
// fma, float divides in double; double then has 2.2 ulp in place of 1.5.
template <class T>
RL_VM T divide_by_one_plus(T num, T e) {
  T den = T(1) + e;
  T den_lo = e - (den - T(1));
  T inv = T(1) / den;
  T q = num * inv;
  if constexpr (!kHasFma) {
    return static_cast<T>(static_cast<double>(num) / (1. + static_cast<double>(e)));
  }
  T rest = fma(-q, den_lo, fma(-q, den, num));
  return fma(rest, inv, q);
}

template <class T>
RL_VM T sigmoid(T x) {
  T e = exp_nonpositive(-abs(x), T(0));
  return divide_by_one_plus(x < T(0) ? e : T(1), e);
}

template <class T>
RL_VM T log_sigmoid(T x) {
  return (x < T(0) ? x : T(0)) - log1p_nonnegative(exp_nonpositive(-abs(x), T(0)));
}

// log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold
template <class T>
RL_VM T softplus(T x, T beta, T threshold) {
  T z = x * beta;
  T y = log1p_nonnegative(exp(z)) / beta;
  return z > threshold ? x : y;
}

// x * sigmoid(x). x is multiplied in before the scale, which may make a denormal.
template <class T>
RL_VM T silu(T x) {
  constexpr T least = ExpRange<T>::kLo - T(8);
  T a = -abs(x);
  auto red = exp_reduce(a < least ? least : a);
  T p = T(1) + expm1_poly(red.r);
  T num = scale_by_pow2((x < least ? (x - x) + least : x) * p, red.n);
  T y = divide_by_one_plus(x < T(0) ? num : x, scale_by_pow2(p, red.n));
  return x < kInf<T> ? copysign(y, x) : x;
}

// x * tanh(log(1 + exp(x))) = x * n / (n + 2), n = e * (e + 2), e = exp(x)
RL_VM double mish(double x) {
  double e = exp(x > 40. ? 40. : x);  // the quotient is 1 from here on
  double n = e * (e + 2.);
  return x * (n / (n + 2.));
}
RL_VM float mish(float x) {
  double v = x, e = exp_lo(v > 40. ? 40. : v);
  double n = e * (e + 2.);
  return static_cast<float>(v * (n / (n + 2.)));
}

template <class T>
RL_VM T logaddexp(T a, T b) {
  T hi = a > b ? a : b;
  T gap = abs(a - b);
  T y = hi + log1p_nonnegative(exp_nonpositive(-gap, T(0)));
  y = a == b ? a + T(0.69314718055994530942) : y;  // infinities included
  return a != a ? a : (b != b ? b : y);
}

template <class T>
RL_VM T logaddexp2(T a, T b) {
  T hi = a > b ? a : b;
  T y = hi + log1p_nonnegative(exp2(-abs(a - b))) * T(1.4426950408889634074);
  y = a == b ? a + T(1) : y;
  return a != a ? a : (b != b ? b : y);
}

template <class T>
RL_VM T xlogy(T x, T y) {
  T r = x * log(y);
  r = x == T(0) ? T(0) : r;
  return y == y ? r : y;
}
template <class T>
RL_VM T xlog1py(T x, T y) {
  T r = x * log1p(y);
  r = x == T(0) ? T(0) : r;
  return y == y ? r : y;
}

// Hyperbolic functions. float works in double, where neither the range nor the digits run out.
RL_VM float sinh(float x) {
  double e = expm1_lo(static_cast<double>(abs(x)));
  return copysign(static_cast<float>(0.5 * (e + e / (e + 1.))), x);
}
RL_VM float cosh(float x) {
  double e = exp_lo(static_cast<double>(abs(x)));
  return static_cast<float>(0.5 * (e + 1. / e));
}
// exp(a) / 2 overflows where sinh and cosh do.
RL_VM double sinh(double x) {
  double a = abs(x);
  auto red = expm1_reduce(a > 710.5 ? 710.5 : a);
  double large = scale_by_pow2(1. + red.p, red.n - 1);
  double scale = pow2(red.n), e = fma(red.p, scale, scale - 1.);
  double small = 0.5 * (e + e / (e + 1.));
  return copysign(a > 40. ? large : small, x);
}
RL_VM double cosh(double x) {
  double a = abs(x);
  auto red = exp_reduce(a > 710.5 ? 710.5 : a);
  double e = scale_by_pow2(1. + expm1_poly(red.r), red.n - 1);
  return e + 0.25 / e;
}

RL_VM float asinh(float x) {
  double a = abs(x), sq = a * a;
  float y = static_cast<float>(log1p_lo(a + sq / (1. + sqrt(sq + 1.))));
  return a < kInf<double> ? copysign(y, x) : x;
}
RL_VM float acosh(float x) {
  double t = static_cast<double>(x) - 1.;
  return static_cast<float>(x >= 1.f ? log1p_lo(t + sqrt(t * (t + 2.))) : kNan<double>);
}
RL_VM float atanh(float x) {
  double a = abs(x);
  float y = static_cast<float>(0.5 * log1p_lo((2. * a) / (1. - a)));
  return copysign(a <= 1. ? y : kNan<float>, x);
}
RL_VM double asinh(double x) {
  constexpr double ln2 = 0x1.62e42fefa39efp-1;
  double a = abs(x), b = a > 0x1p28 ? 0x1p28 : a, sq = b * b;
  double small = log1p_nonnegative(b + sq / (1. + sqrt(sq + 1.)));
  return copysign(a > 0x1p28 ? log(a) + ln2 : small, x);
}
RL_VM double acosh(double x) {
  constexpr double ln2 = 0x1.62e42fefa39efp-1;
  double t = (x > 0x1p28 ? 0x1p28 : x) - 1.;
  double small = log1p_nonnegative(t + sqrt(t * (t + 2.)));
  double y = x > 0x1p28 ? log(x) + ln2 : small;
  return x >= 1. ? y : kNan<double>;
}
RL_VM double atanh(double x) {
  double a = abs(x);
  double y = 0.5 * log1p_nonnegative((2. * a) / (1. - a));
  return copysign(a <= 1. ? y : kNan<double>, x);
}

}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
