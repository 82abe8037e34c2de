// The error function and its kin, gelu, modified Bessel functions. See vec_math_core.h for how to
// compile; coefficients: tools/gen_vec_math.py.
#pragma once

#include "vec_math_core.h"
#include "vec_math_exp.h"

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

inline constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1, kSqrt2 = 0x1.6a09e667f3bcdp+0;

// erf(x) / x - 1 for |x| <= 1, of x * x
RL_VM float erf_poly(float z) {
  return horner(z, 0.128379166f, -0.376126258f, 0.112835854f, -0.0268538186f, 0.00518833713f,
                -0.000801025468f, 7.85400392e-5f);
}
RL_VM double erf_poly(double z) {
  return horner(z, 0.12837916709551257, -0.37612638903183748, 0.11283791670954858,
                -0.026866170645073034, 0.0052239776247820765, -0.00085483269788044276,
                0.00012055331038932614, -1.4925593550689148e-5, 1.6460973447275713e-6,
                -1.6350031217468013e-7, 1.4657916014274736e-8, -1.1365791321534410e-9,
                5.9454516973608945e-11);
}

// t = 1 / (1 + k * a), a >= 0, and t_lo, the error of the sum and the quotient
template <class T>
RL_VM Pair<T> tail_variable(T a, T k) {
  T den = fma(a, k, T(1));
  T t = T(1) / den;
  if constexpr (!kHasFma) {  // float takes the digits from double; double goes without
    double exact = 1. / (1. + static_cast<double>(a) * static_cast<double>(k));
    return {t, static_cast<T>(exact - static_cast<double>(t))};
  }
  T den_lo = fma(a, k, T(1) - den);
  return {t, t * fma(-t, den_lo, fma(-t, den, T(1)))};
}
// exp(x*x) * erfc(x), 0 <= x <= 28 (10)
RL_VM double erfcx_poly(double x) {
  auto t = tail_variable(x, 0.3);
  double q = horner(
      (t.hi - 0.5) + t.lo, 0.32497992185979687, 0.55304711351213075, 0.79512431217731322,
      0.94974939767142364, 0.91138620869092405, 0.65284630176925702, 0.27879040507428942,
      -0.023262405845181514, -0.12322512123126675, -0.054784448514754961, 0.033517720926215034,
      0.039117897372469434, -0.0071661279378187503, -0.023423916451405339, 0.0011689284109194305,
      0.014553424751126749, -0.00067748402987777001, -0.0095842371901069547, 0.0015062290790363766,
      0.0060611905635428098, -0.0022245892511174338, -0.0026263015204492864, 0.0016690751087044716);
  return fma(t.hi, q, t.lo * q);
}
RL_VM double erfcx_poly_lo(double x) {
  double t = 1. / fma(x, 0.4, 1.) - 0.5;
  return horner(t, 0.21080636406073701, 0.74347346768003053, 1.0068527724478834, 1.0002644643416343,
                0.63876070334766594, 0.12779572091072466, -0.16911445825192946,
                -0.11204487165776947, 0.058495502697669258, 0.065004566326158386,
                -0.034730081896069551, -0.031410268459208190, 0.024771565822329991);
}

// exp(-a*a) without the rounding error of the square
RL_VM double exp_minus_square(double a) {
  double z = head(a);
  return exp_nonpositive(-z * z, -(a - z) * (a + z));
}

RL_VM float erf(float x) {
  float a = abs(x);
  float b = a > 3.95f ? 3.95f : a;
  float g = horner(b, -0.000188034561f, 1.12957840f, 0.633219941f, 0.108418528f, -0.0252082269f,
                   0.00420455122f, -0.000441334306f, 2.16866809e-5f);
  auto red = exp_reduce(-g);
  float large = 1.f - (1.f + expm1_poly(red.r)) * pow2(red.n);
  float small = fma(a, erf_poly(a * a), a);
  return copysign(a < 1.f ? small : large, x);
}
RL_VM double erf(double x) {
  double a = abs(x);
  double b = a > 6. ? 6. : a;
  double large = 1. - exp_minus_square(b) * erfcx_poly(b);
  double small = fma(a, erf_poly(a * a), a);
  return copysign(a < 1. ? small : large, x);
}

RL_VM float erfc(float x) {
  double v = x, a = abs(v);
  a = a > 10.1 ? 10.1 : a;
  double y = exp_lo(-a * a) * erfcx_poly_lo(a);
  return static_cast<float>(v < 0. ? 2. - y : y);
}
RL_VM double erfc(double x) {
  double a = abs(x);
  double b = a > 28. ? 28. : a;
  double tail = exp_minus_square(b) * erfcx_poly(b);
  double small = 1. - fma(x, erf_poly(x * x), x);
  return a < 0.5 ? small : (x < 0. ? 2. - tail : tail);
}

RL_VM double erfcx(double x) {
  double a = abs(x);
  double z = 1. / (a * a);
  // asymptotic series from 28 on
  double far = 0x1.20dd750429b6dp-1 / a *
               horner(z, 1., -0.5, 0.75, -1.875, 6.5625, -29.53125, 162.421875, -1055.7421875);
  double y = a > 28. ? far : erfcx_poly(a > 28. ? 28. : a);
  double h = head(a);
  double reflected = 2. * (exp(h * h) * exp((a - h) * (a + h))) - y;
  reflected = a > 27. ? kInf<double> : reflected;
  y = x < 0. ? reflected : y;
  return x == x ? y : x;
}
RL_VM float erfcx(float x) { return static_cast<float>(erfcx(static_cast<double>(x))); }

// Tail of the normal distribution, P(X > a) for a >= 0, as p * 2^n
template <class T>
struct NormalTail {
  T p;
  typename Traits<T>::Bits n;
};
// -a*a/2 in two parts.
template <class T>
RL_VM Pair<T> minus_half_square(T a) {
  if constexpr (kHasFma) {
    T half = T(-0.5) * a, square = half * a;
    return {square, fma(half, a, -square)};
  }
  T z = head(a);
  return {T(-0.5) * (z * z), T(-0.5) * ((a - z) * (a + z))};
}
RL_VM NormalTail<float> normal_tail(float a) {
  a = a > 15.f ? 15.f : a;
  float num = horner(a, 0.500000003f, 0.438476752f, 0.183369499f, 0.0406784307f, 0.00412299574f);
  float rest = horner(a, 0.42153865f, 0.10397626f, 0.0101913423f, 7.54624734e-6f);
  float slope = fma(2.50659966f, num, rest), den = fma(a, slope, 1.f);
  float den_lo = fma(a, slope, 1.f - den), inv = 1.f / den;
  float lost = fma(-inv, den_lo, fma(-inv, den, 1.f)), p = num * inv;
  auto square = minus_half_square(a);
  auto red = exp_reduce(square.hi);
  return {fma(expm1_poly(red.r + square.lo) + lost, p, p), red.n};
}
RL_VM NormalTail<double> normal_tail(double a) {
  a = a > 39. ? 39. : a;
  auto square = minus_half_square(a);
  auto red = exp_reduce(square.hi);
  double p = 0.5 * erfcx_poly(a * kSqrtHalf);
  return {fma(expm1_poly(red.r + square.lo), p, p), red.n};
}

// Normal distribution function
template <class T>
RL_VM T ndtr(T x) {
  auto tail = normal_tail(abs(x));
  T q = scale_by_pow2(tail.p, tail.n);
  return x > T(0) ? T(1) - q : q;
}

// x * ndtr(x): x is multiplied in before the scale, which may make a denormal. -inf gives nan, as
// the product does.
template <class T>
RL_VM T gelu(T x) {
  constexpr T top = sizeof(T) == 4 ? T(15) : T(39);  // beyond it the tail is 0
  T a = abs(x);
  a = a > top ? top : a;
  auto tail = normal_tail(a);
  T q = scale_down_by_pow2(a * tail.p, tail.n);
  return fma(x, x > T(0) ? T(1) : T(0), -q);
}
template <class T>
RL_VM T gelu_grad(T x) {
  constexpr T top = sizeof(T) == 4 ? T(15) : T(39);
  T a = abs(x);
  a = a > top ? top : a;
  auto tail = normal_tail(a);
  T q = scale_by_pow2(tail.p, tail.n);
  T density = T(0.39894228040143267794) * exp_nonpositive(T(-0.5) * a * a, T(0));
  return (x > T(0) ? T(1) - q : q) + copysign(a, x) * density;
}

// x/2 * (1 + tanh(u)) = x * sigmoid(2u), u = sqrt(2/pi) * (x + 0.044715 x^3)
template <class T>
RL_VM T gelu_tanh(T x) {
  T u2 = x * fma(x * x, T(0.071354816272600248), T(1.5957691216057308));
  T e = exp_nonpositive(-abs(u2), T(0));
  T y = (x < T(0) ? x * e : x) / (T(1) + e);
  return x < kInf<T> ? y : x;
}
template <class T>
RL_VM T gelu_tanh_grad(T x) {
  constexpr T top = sizeof(T) == 4 ? T(1e6) : T(1e50);  // squares stay finite
  x = clamp(x, -top, top);
  T sq = x * x;
  T u2 = x * fma(sq, T(0.071354816272600248), T(1.5957691216057308));
  T slope = fma(sq, T(0.21406444881780074), T(1.5957691216057308));
  T e = exp_nonpositive(-abs(u2), T(0));
  T inv = T(1) / (T(1) + e), other = e * inv;
  T s = x < T(0) ? other : inv;
  return fma((x * slope) * inv, other, s);
}
template <class T>
RL_VM T silu_grad(T x) {
  constexpr T top = sizeof(T) == 4 ? T(200) : T(1500);  // the tails are 0 and 1 from here on
  x = clamp(x, -top, top);
  T e = exp_nonpositive(-abs(x), T(0));
  T inv = T(1) / (T(1) + e), other = e * inv;
  T s = x < T(0) ? other : inv;
  return fma(x * inv, other, s);
}

// to 2^-30
RL_VM double erfinv_lo(double x) {
  double w = -log1p_signed_lo(-x * x);
  double near = horner(w, 0.88622692581964530, 0.23201364443260155, 0.011549558651066157,
                       -0.0023359175580994270, -0.00012649195926274149, 4.4927378781494879e-5,
                       3.1180791401940538e-6, -1.4364836081293103e-6, 4.4871692141463120e-8,
                       2.3720644994193850e-8, -3.2165373993725395e-9, 1.3285707657740781e-10);
  double s = sqrt(w);
  double far = horner(s, -2.1474402939449438, 9.4778401579425134, -12.318513482918882,
                      8.9478058725600973, -3.4704376372236732, 0.52205600690547496,
                      0.14242452109507680, -0.095305283342900390, 0.023801209336818420,
                      -0.0032886937244954346, 0.00024852438634671227, -8.0707843394244345e-6);
  return x * (w < 5. ? near : far);
}
RL_VM float erfinv(float x) {
  float y = static_cast<float>(erfinv_lo(static_cast<double>(x)));
  y = abs(x) == 1.f ? copysign(kInf<float>, x) : y;
  return abs(x) <= 1.f ? y : kNan<float>;
}

// Modified Bessel functions: a series in x*x / 4 up to 12, then exp(x) / sqrt(x) * p(1 / x)
RL_VM double i0_near(double z) {
  return horner(z, 1.0000000000000000, 1.0000000000000000, 0.24999999999999999,
                0.027777777777777795, 0.0017361111111110896, 6.9444444444459768e-5,
                1.9290123456720515e-6, 3.9367598893556084e-8, 6.1511873220856624e-10,
                7.5940585031696919e-12, 7.5940575333957948e-14, 6.2760894205897830e-16,
                4.3583342004857736e-18, 2.5792220738713257e-20, 1.3146016259101994e-22,
                5.8836413506315795e-25, 2.2043181943001637e-27, 9.1794376157751586e-30,
                1.0904449639548126e-32, 1.4924221900126094e-34);
}
RL_VM double i0_far(double t) {
  return horner(t, 0.39894228040143269, 0.049867785050126087, 0.028050629149362862,
                0.029219379655609663, 0.044748101300264858, 0.089786851218551027,
                0.30253816890932446, -3.9540611308577009, 209.35731416377481, -6675.3276325930766,
                157800.16156787166, -2712092.3239084016, 33490897.955341297, -288010215.77380299,
                1628954782.5562827, -5406571122.4524482, 7917517834.7777650);
}
RL_VM double i1_near(double z) {  // I1(x) / x
  return horner(z, 0.50000000000000000, 0.25000000000000000, 0.041666666666666666,
                0.0034722222222222232, 0.00017361111111111008, 5.7870370370377038e-6,
                1.3778659611965022e-7, 2.4604749307932734e-9, 3.4173262910083922e-11,
                3.7970292389823897e-13, 3.4518444572813808e-15, 2.6150363354419670e-17,
                1.6762876186681959e-19, 9.2112818988562383e-22, 4.3827375469664458e-24,
                1.8368784716934534e-26, 6.5136078699089814e-29, 2.5144447352152094e-31,
                3.1202371539945923e-34, 3.6498390343653580e-36);
}
RL_VM double i1_far(double t) {
  return horner(t, 0.39894228040143267, -0.14960335515048069, -0.046751048546946997,
                -0.040907140201778279, -0.057531937067121312, -0.10987491793694363,
                -0.34806188401761032, 4.0878287147286631, -219.91209642002575, 6990.2498289726427,
                -164922.65301207647, 2828498.3987345026, -34852318.881145671, 299018769.28675886,
                -1686876569.0453213, 5582323572.0442606, -8146426771.7168910);
}
RL_VM double i0e(double x) {
  double a = abs(x);
  double near = i0_near(0.25 * a * a) * exp_nonpositive(-a, 0.);
  double far = i0_far(1. / a) / sqrt(a);
  return a <= 12. ? near : far;
}
RL_VM double i1e(double x) {
  double a = abs(x);
  double near = a * i1_near(0.25 * a * a) * exp_nonpositive(-a, 0.);
  double far = i1_far(1. / a) / sqrt(a);
  return copysign(a <= 12. ? near : far, x);
}
RL_VM double i0(double x) {
  double a = abs(x), h = exp(0.5 * a);  // exp(a) overflows before I0 does
  double far = (h * (i0_far(1. / a) / sqrt(a))) * h;
  far = a < kInf<double> ? far : a;
  return a <= 12. ? i0_near(0.25 * a * a) : far;
}
RL_VM double i1(double x) {
  double a = abs(x), h = exp(0.5 * a);
  double far = (h * (i1_far(1. / a) / sqrt(a))) * h;
  far = a < kInf<double> ? far : a;
  return copysign(a <= 12. ? a * i1_near(0.25 * a * a) : far, x);
}
RL_VM float i0(float x) { return static_cast<float>(i0(static_cast<double>(x))); }
RL_VM float i0e(float x) { return static_cast<float>(i0e(static_cast<double>(x))); }
RL_VM float i1(float x) { return static_cast<float>(i1(static_cast<double>(x))); }
RL_VM float i1e(float x) { return static_cast<float>(i1e(static_cast<double>(x))); }

}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
