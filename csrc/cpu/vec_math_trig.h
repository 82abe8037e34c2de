// Trigonometric functions. See vec_math_core.h for how to compile; coefficients:
// tools/gen_vec_math.py.
//
// sin, cos and tan hold for |x| <= TrigLimit<T>::kMax. Beyond it the quadrant needs hundreds of
// digits of pi: apply.h's Sin, Cos, Tan send those elements to the C library.
#pragma once

#include "vec_math_core.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

template <class T>
struct TrigLimit;
template <>
struct TrigLimit<float> {
  static constexpr float kMax = 0x1p17f;
};
template <>
struct TrigLimit<double> {
  static constexpr double kMax = kHasFma ? 0x1p30 : 0x1p20;
};
template <class T>
RL_VM bool trig_is_hard(T x) {
  T a = abs(x);
  return (a > TrigLimit<T>::kMax) & (a < kInf<T>);
}

// x = n * pi/2 + r + r_lo
template <class T>
struct TrigReduced {
  T r;
  typename Traits<T>::Bits n;
  T r_lo;
};
// pi/2 in three full words where x - n * word comes in one rounding: the first difference is then
// exact, a multiple of the last bit of pi/2 smaller than 1. Otherwise in words short enough for
// exact products.
RL_VM TrigReduced<double> trig_reduce(double x) {
  auto k = round_small(fma(x, 0x1.45f306dc9c883p-1, Traits<double>::kMagic));
  double n = -k.value;
  double r, r_lo;
  if constexpr (kHasFma) {
    double top = fma(n, 0x1.921fb54442d18p+0, x);
    double sum = fma(n, 0x1.1a62633145c07p-54, top);
    double rest = fma(n, 0x1.1a62633145c07p-54, top - sum);
    rest = fma(n, -0x1.f1976b7ed8fbcp-110, rest);
    r = sum + rest;
    r_lo = (sum - r) + rest;
  } else {
    double top = x + n * 0x1.921fb544p+0;
    double step = n * 0x1.0b4611a6p-34;
    double sum = top + step;
    double rest = ((top - sum) + step) + n * 0x1.3198a2ep-69;
    r = sum + rest;
    r_lo = (sum - r) + rest;
  }
  return {r, k.bits, r_lo};
}
RL_VM TrigReduced<float> trig_reduce(float x) {
  if constexpr (kHasFma) {
    auto k = round_small(fma(x, 0x1.45f306p-1f, Traits<float>::kMagic));
    float r = fma(-k.value, 0x1.921fb6p+0f, x);
    r = fma(-k.value, -0x1.777a5cp-25f, r);
    r = fma(-k.value, -0x1.ee59dap-50f, r);
    return {r, k.bits, 0.f};
  } else {
    auto k = round_small(x * 0x1.45f306p-1f + Traits<float>::kMagic);
    double n = k.value;
    double r = (x - n * 0x1.921fb54p+0) - n * 0x1.10b4611a62633p-30;
    return {static_cast<float>(r), k.bits, 0.f};
  }
}

RL_VM float sin_poly(float r) {
  float z = r * r;
  return fma(r * z, horner(z, -0.166666545f, 0.00833215133f, -0.000195139794f), r);
}
RL_VM float cos_poly(float r) {
  float z = r * r;
  float p = horner(z, 0.0416666455f, -0.00138873049f, 2.44317918e-5f);
  return fma(z * z, p, fma(z, -0.5f, 1.f));
}
RL_VM double sin_poly_tail(double r) {  // sin(r) - r
  double z = r * r;
  double p = horner(z, -0.16666666666666630, 0.0083333333333219011, -0.00019841269829406955,
                    2.7557313555347384e-6, -2.5050737035672334e-8, 1.5895587667743904e-10);
  return r * z * p;
}
RL_VM double sin_poly(double r) { return r + sin_poly_tail(r); }
RL_VM double cos_poly(double r) {
  double z = r * r;
  double p = horner(z, 0.041666666666666591, -0.0013888888888872741, 2.4801587288648594e-5,
                    -2.7557314118886435e-7, 2.0875692410253060e-9, -1.1358089263209860e-11);
  // 1 - z/2 with what its rounding loses
  double half = 0.5 * z, w = 1. - half;
  return w + (((1. - w) - half) + z * z * p);
}
// for float results
RL_VM double sin_poly_lo(double r) {
  double z = r * r;
  double p = horner(z, -0.16666666640396439, 0.0083333292573904399, -0.00019839296775981473,
                    2.7179724336470158e-6);
  return fma(r * z, p, r);
}
RL_VM double cos_poly_lo(double r) {
  double z = r * r;
  double p = horner(z, 0.041666666618724164, -0.0013888883434658360, 2.4799443017200943e-5,
                    -2.7204345265273813e-7);
  return fma(z * z, p, fma(z, -0.5, 1.));
}

// sin(r + n * pi/2)
template <class T>
RL_VM T sin_quadrant(T r, typename Traits<T>::Bits n) {
  constexpr int to_sign = Traits<T>::kMantissa == 23 ? 30 : 62;
  T s = sin_poly(r), c = cos_poly(r);
  T y = (n & 1) != 0 ? c : s;
  return xor_sign(y, from_bits(n << to_sign));
}

template <class T>
RL_VM T sin(T x) {
  auto red = trig_reduce(x);
  T y = sin_quadrant(red.r, red.n);
  return x == T(0) ? x : y;
}

template <class T>
RL_VM T cos(T x) {
  auto red = trig_reduce(x);
  return sin_quadrant(red.r, red.n + 1);
}

// Quotient of sine and cosine, turned over in every second quadrant
RL_VM double tan(double x) {
  auto red = trig_reduce(x);
  double sin_tail = sin_poly_tail(red.r) + red.r_lo;
  double s = red.r + sin_tail, s_lo = (red.r - s) + sin_tail;
  double c = cos_poly(red.r), c_lo = -s * red.r_lo;
  bool odd = (red.n & 1) != 0;
  double num = odd ? c : s, num_lo = odd ? c_lo : s_lo;
  double den = odd ? s : c, den_lo = odd ? s_lo : c_lo;
  double inv = 1. / den, y = num * inv;
  if constexpr (kHasFma) y = fma((fma(-y, den, num) + num_lo) - y * den_lo, inv, y);
  y = xor_sign(y, from_bits(red.n << 63));
  return x == 0. ? x : y;
}
RL_VM float tan(float x) {
  auto red = trig_reduce(static_cast<double>(x));
  double s = sin_poly_lo(red.r), c = cos_poly_lo(red.r);
  bool odd = (red.n & 1) != 0;
  float y = static_cast<float>(odd ? -c : s) / static_cast<float>(odd ? s : c);
  return x == 0.f ? x : y;
}

// sin(pi * x) / (pi * x); the reduction of pi * x is exact for all x
template <class T>
RL_VM T sinc(T x) {
  constexpr T pi = T(3.14159265358979323846), big = T(0.25) / std::numeric_limits<T>::epsilon();
  T a = abs(x);
  auto k = round_small((a > big ? T(0) : a) * T(2) + Traits<T>::kMagic);
  T r = a - T(0.5) * k.value;
  T s = sin_quadrant(r * pi, k.bits);
  s = a > big ? a - a : s;
  T y = s / (pi * a);
  return x == T(0) ? T(1) : y;
}

// asin(x) = x + x * z * p(z), z = x * x <= 1/4; above that through the half angle
RL_VM double asin_poly_lo(double z) {
  return horner(z, 0.16666666627386011, 0.075000049756345383, 0.044640710114702245,
                0.030426486114626259, 0.021866026011410442, 0.020645007262604880,
                0.0019822054576292171, 0.032908919237115490);
}
RL_VM double asin_poly(double z) {
  return horner(z, 0.16666666666666660, 0.075000000000025125, 0.044642857139709922,
                0.030381944643455639, 0.022372151642923375, 0.017352944388718523,
                0.013961887475833058, 0.011585830106470186, 0.0094830264881666232,
                0.010014246043250716, 0.00066686160937940769, 0.024860718695168704,
                -0.026194913566369959, 0.033670647594738908);
}
inline constexpr double kPiHi = 0x1.921fb54442d18p+1, kPiLo = 0x1.1a62633145c07p-53;
inline constexpr double kHalfPiHi = 0x1.921fb54442d18p+0, kHalfPiLo = 0x1.1a62633145c07p-54;

RL_VM float asin(float x) {
  double a = abs(x);
  bool big = a > 0.5;
  double z = big ? 0.5 - 0.5 * a : a * a;
  double s = big ? sqrt(z) : a;
  double p = fma(s * z, asin_poly_lo(z), s);
  return copysign(static_cast<float>(big ? fma(p, -2., kHalfPiHi) : p), x);
}
RL_VM float acos(float x) {
  double v = x, a = abs(v);
  bool big = a > 0.5;
  double z = big ? 0.5 - 0.5 * a : v * v;
  double s = big ? sqrt(z) : v;
  double p = fma(s * z, asin_poly_lo(z), s);
  double y = big ? (v < 0. ? fma(p, -2., kPiHi) : 2. * p) : kHalfPiHi - p;
  return static_cast<float>(y);
}
RL_VM double asin(double x) {
  double a = abs(x);
  bool big = a > 0.5;
  double z = big ? 0.5 - 0.5 * a : a * a;
  double s = big ? sqrt(z) : a;
  double tail = s * z * asin_poly(z);
  // pi/2 - 2 * (s + rest of the root + tail), the head of the root apart
  double h = head(s);
  double rest = z > 0. ? (z - h * h) / (s + h) : 0.;
  double quarter = 0.5 * kHalfPiHi;
  double y_big = quarter + ((quarter - 2. * h) - (2. * (tail + rest) - kHalfPiLo));
  return copysign(big ? y_big : s + tail, x);
}
RL_VM double acos(double x) {
  double a = abs(x);
  bool big = a > 0.5;
  double z = big ? 0.5 - 0.5 * a : x * x;
  double s = big ? sqrt(z) : x;
  double tail = s * z * asin_poly(z);
  double h = head(s);
  double rest = z > 0. ? (z - h * h) / (s + h) : 0.;
  double near_one = 2. * (h + (rest + tail));
  double near_minus_one = kPiHi - (2. * (s + (tail - kHalfPiLo)));
  double middle = kHalfPiHi - (s - (kHalfPiLo - tail));
  return big ? (x < 0. ? near_minus_one : near_one) : middle;
}

// atan(t) = t + t * z * p(z), z = t * t
RL_VM float atan_poly(float t) {
  float z = t * t;
  float p = horner(z, -0.333331517f, 0.199937443f, -0.142107829f, 0.106647838f, -0.0754931094f,
                   0.0431741616f, -0.0163426998f, 0.00291388728f);
  return fma(t * z, p, t);
}
RL_VM double atan_poly_lo(double t) {
  double z = t * t;
  double p = horner(z, -0.33333333109245650, 0.19999984105272700, -0.14285318359745478,
                    0.11106116256497953, -0.090534604687628976, 0.075098520098620998,
                    -0.060552785031812423, 0.044150797378205107, -0.026516392751291257,
                    0.011756662035404534, -0.0033176743846064734, 0.00043915181821353871);
  return fma(t * z, p, t);
}
// |t| <= tan(pi/8)
RL_VM double atan_poly(double t) {
  double z = t * t;
  double p = horner(z, -0.33333333333333327, 0.19999999999997603, -0.14285714285379999,
                    0.11111111087697017, -0.090909081277763154, 0.076922823918977552,
                    -0.066662215004818500, 0.058769717191922081, -0.052180901164603482,
                    0.045023011960525076, -0.033446020948538897, 0.015166847509184958);
  return fma(t * z, p, t);
}

RL_VM float atan(float x) {
  float a = abs(x);
  bool big = a > 1.f;
  float p = atan_poly(big ? 1.f / a : a);
  float y = big ? 0x1.921fb6p+0f - (p + 0x1.777a5cp-25f) : p;
  return copysign(y, x);
}

// Angle in [0, pi/2] of a point with non-negative coordinates, not both 0 or both infinite
RL_VM double atan_quotient(double y, double x) {
  constexpr double tan8 = 0.41421356237309504880, tan38 = 2.4142135623730950488;
  bool low = y <= tan8 * x, high = y > tan38 * x;
  double num = low ? y : (high ? -x : y - x);
  double den = low ? x : (high ? y : y + x);
  double base = low ? 0. : (high ? kHalfPiHi : 0.5 * kHalfPiHi);
  double base_lo = low ? 0. : (high ? kHalfPiLo : 0.5 * kHalfPiLo);
  return base + (atan_poly(num / den) + base_lo);
}
RL_VM double atan(double x) {
  double a = abs(x);
  double y = atan_quotient(a > 0x1p60 ? 0x1p60 : a, 1.);
  return copysign(y, x);
}

// Signs, zeros, infinities and nan as C has them
RL_VM float atan2(float y, float x) {
  double ay = abs(y), ax = abs(x);
  bool same = ay == ax;  // 0/0, inf/inf
  bool steep = ay > ax;
  double t = atan_poly_lo((steep ? ax : ay) / (steep ? ay : ax));
  t = steep ? kHalfPiHi - t : t;
  t = same ? (ay == 0. ? 0. : 0.25 * kPiHi) : t;
  t = to_bits(x) >> 31 != 0 ? kPiHi - t : t;
  float r = static_cast<float>(t);
  return (x != x) | (y != y) ? kNan<float> : copysign(r, y);
}
RL_VM double atan2(double y, double x) {
  double ay = abs(y), ax = abs(x);
  // Powers of two keep sums and quotients within range.
  double top = ay > ax ? ay : ax;
  double scale = top > 0x1p1000 ? 0x1p-100 : (top < 0x1p-900 ? 0x1p100 : 1.);
  bool same = ay == ax;
  double t = atan_quotient(ay * scale, ax * scale);
  t = same ? (ay == 0. ? 0. : 0.25 * kPiHi) : t;
  bool left = to_bits(x) >> 63 != 0;
  t = left ? kPiHi - (t - kPiLo) : t;
  return (x != x) | (y != y) ? kNan<double> : copysign(t, y);
}

// The angle of a real number: pi for negative reals, 0 for the others, nan for nan
RL_VM float angle(float x) { return x < 0.f ? 0x1.921fb6p+1f : (x == x ? 0.f : x); }
RL_VM double angle(double x) { return x < 0. ? 0x1.921fb54442d18p+1 : (x == x ? 0. : x); }
}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
