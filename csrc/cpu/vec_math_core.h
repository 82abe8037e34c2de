// Shared parts of the vector mathematics: bit access, polynomials, powers of two, rounding.
//
// Every function of vec_math*.h looks scalar and has no branch, so that the compiler turns a
// plain loop over it into vector code. One source serves all instruction levels: the including
// .cpp is compiled once per level with RL_ISA_NS naming that level, and with
//   -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math    (never -ffast-math)
// plus -mprefer-vector-width=512 for AVX-512. Infinities, nan and signed zeros are right. A lambda
// between the loop and these functions needs always_inline (or the loop's function `flatten`):
// otherwise the compiler calls the longer ones once per element.
#pragma once

#include <cstdint>
#include <limits>

#ifndef RL_ISA_NS
#define RL_ISA_NS isa_default
#endif

#define RL_VM static inline __attribute__((always_inline))

namespace rl {
inline namespace RL_ISA_NS {
namespace vm {

RL_VM uint32_t to_bits(float x) { return __builtin_bit_cast(uint32_t, x); }
RL_VM uint64_t to_bits(double x) { return __builtin_bit_cast(uint64_t, x); }
RL_VM float from_bits(uint32_t x) { return __builtin_bit_cast(float, x); }
RL_VM double from_bits(uint64_t x) { return __builtin_bit_cast(double, x); }

// a * b + c, in one rounding where the instruction exists. Callers must not rely on that.
#ifdef __FMA__
inline constexpr bool kHasFma = true;
RL_VM float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
RL_VM double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
inline constexpr bool kHasFma = false;
RL_VM float fma(float a, float b, float c) { return a * b + c; }
RL_VM double fma(double a, double b, double c) { return a * b + c; }
#endif

// c0 + x * (c1 + x * (...))
template <class T>
RL_VM T horner(T, T c0) {
  return c0;
}
template <class T, class... Rest>
RL_VM T horner(T x, T c0, Rest... rest) {
  return fma(x, horner(x, rest...), c0);
}

template <class T>
struct Traits;
template <>
struct Traits<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr uint32_t kBias = 127;
  static constexpr uint32_t kSign = 0x80000000u;
  static constexpr uint32_t kSqrtHalf = 0x3f3504f3u;
  // Adding and subtracting it rounds |x| < 2^22 to an integer, which the low bits then hold.
  static constexpr float kMagic = 0x1.8p23f;
  static constexpr float kDenormalScale = 0x1p24f;
  static constexpr float kScaleDown = 0x1p-92f;
  static constexpr float kDenormalShift = -24.f;
  // 15 bits, so that its product with an exponent is exact
  static constexpr float kLn2Hi = 0x1.62e4p-1f, kLn2Lo = 0x1.7f7d1cp-20f;
};
template <>
struct Traits<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr uint64_t kBias = 1023;
  static constexpr uint64_t kSign = 0x8000000000000000ull;
  static constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdull;
  static constexpr double kMagic = 0x1.8p52;
  static constexpr double kDenormalScale = 0x1p54;
  static constexpr double kScaleDown = 0x1p-208;
  static constexpr double kDenormalShift = -54.;
  static constexpr double kLn2Hi = 0x1.62e42feep-1, kLn2Lo = 0x1.a39ef35793c76p-33;
};

template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

template <class T>
RL_VM T abs(T x) {
  return from_bits(to_bits(x) & ~Traits<T>::kSign);
}
template <class T>
RL_VM T sign_bit(T x) {
  return from_bits(to_bits(x) & Traits<T>::kSign);
}
template <class T>
RL_VM T copysign(T magnitude, T sign) {
  return from_bits((to_bits(magnitude) & ~Traits<T>::kSign) | (to_bits(sign) & Traits<T>::kSign));
}
// magnitude (>= 0) with the sign of x multiplied in
template <class T>
RL_VM T xor_sign(T value, T sign) {
  return from_bits(to_bits(value) ^ (to_bits(sign) & Traits<T>::kSign));
}
// nan in x stays nan.
template <class T>
RL_VM T clamp(T x, T lo, T hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

// The leading 12 (21) bits: the product of two such is exact.
RL_VM float head(float x) { return from_bits(to_bits(x) & 0xfffff000u); }
RL_VM double head(double x) { return from_bits(to_bits(x) & uint64_t{0xffffffff00000000}); }

// Nearest integer of |x| < 2^22 (2^51), as a value and, in two's complement, as bits.
template <class T>
struct Rounded {
  T value;
  typename Traits<T>::Bits bits;
};
template <class T>
RL_VM Rounded<T> round_small(T scaled_plus_magic) {
  constexpr T magic = Traits<T>::kMagic;
  return {scaled_plus_magic - magic, to_bits(scaled_plus_magic) - to_bits(magic)};
}

// 2^n for n within the exponents of normal numbers, n in two's complement.
RL_VM float pow2(uint32_t n) { return from_bits((n + 127u) << 23); }
RL_VM double pow2(uint64_t n) { return from_bits((n + 1023u) << 52); }

// y * 2^n for |n| < 2 * bias: two factors, of which the first is exact, so that a denormal result
// is rounded once. The shift is a logical one because older vector units have no other for 64 bits.
template <class T, class Bits>
RL_VM T scale_by_pow2(T y, Bits n) {
  constexpr Bits offset = 4096;
  Bits half = ((n + offset) >> 1) - offset / 2;
  return (y * pow2(half)) * pow2(n - half);
}

// The same for n <= 0 and |n| < bias + digits: one step up, of which the exponent stays normal, and
// one down that rounds once.
template <class T, class Bits>
RL_VM T scale_down_by_pow2(T y, Bits n) {
  constexpr Bits up = Traits<T>::kMantissa * 4;
  return (y * pow2(n + up)) * Traits<T>::kScaleDown;
}

// The value of a small non-negative integer: int64 -> double has no instruction below AVX-512.
RL_VM float small_int_to_float(uint32_t n) { return static_cast<float>(static_cast<int32_t>(n)); }
RL_VM double small_int_to_float(uint64_t n) {
  return from_bits(n | uint64_t{0x4330000000000000}) - 0x1p52;
}

// Rounding to an integer. SSE2 has no instruction for it, hence the second way.
#ifdef __SSE4_1__
RL_VM float floor(float x) { return __builtin_floorf(x); }
RL_VM double floor(double x) { return __builtin_floor(x); }
RL_VM float ceil(float x) { return __builtin_ceilf(x); }
RL_VM double ceil(double x) { return __builtin_ceil(x); }
RL_VM float trunc(float x) { return __builtin_truncf(x); }
RL_VM double trunc(double x) { return __builtin_trunc(x); }
RL_VM float round_even(float x) { return __builtin_nearbyintf(x); }
RL_VM double round_even(double x) { return __builtin_nearbyint(x); }
#else
template <class T>
RL_VM T round_even(T x) {
  constexpr T big = T(1) / std::numeric_limits<T>::epsilon();  // from here on all are integers
  T a = abs(x);
  T r = (a + big) - big;
  return a < big ? copysign(r, x) : x;
}
template <class T>
RL_VM T trunc(T x) {
  T a = abs(x), r = round_even(a);
  r = r > a ? r - T(1) : r;
  return x == x ? copysign(r, x) : x;
}
template <class T>
RL_VM T floor(T x) {
  T r = round_even(x);
  r = r > x ? r - T(1) : r;
  return x == x ? copysign(r, x) : x;
}
template <class T>
RL_VM T ceil(T x) {
  T r = round_even(x);
  r = r < x ? r + T(1) : r;
  return x == x ? copysign(r, x) : x;
}
#endif

RL_VM float sqrt(float x) { return __builtin_sqrtf(x); }
RL_VM double sqrt(double x) { return __builtin_sqrt(x); }
template <class T>
RL_VM T rsqrt(T x) {
  return T(1) / sqrt(x);
}
template <class T>
RL_VM T reciprocal(T x) {
  return T(1) / x;
}

}  // namespace vm
}  // namespace RL_ISA_NS
}  // namespace rl
