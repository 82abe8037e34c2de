#include "random/kernels.h"

#include <cmath>
#include <cstring>

// One body, several instruction levels, chosen by the loader from the processor's features.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(RL_NO_CLONES)
#define RL_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define RL_CLONES
#endif
#define RL_INLINE inline __attribute__((always_inline))

namespace rl::rng {
namespace {

constexpr int kShift = 397;
constexpr uint64_t kMask53 = (uint64_t{1} << 53) - 1;

RL_INLINE uint32_t mix(uint32_t upper, uint32_t lower) {
  const uint32_t y = (upper & 0x80000000U) | (lower & 0x7FFFFFFFU);
  return (y >> 1) ^ ((0U - (lower & 1U)) & 0x9908B0DFU);
}

RL_INLINE float to_unit32(uint32_t u) {
  return static_cast<float>(static_cast<int32_t>(u & 0xFFFFFFU)) * 0x1p-24f;
}

// Both halves are exact in double and so is their sum, which vectorises without 64-bit conversions.
RL_INLINE double to_unit64(uint32_t high, uint32_t low) {
  return static_cast<double>(static_cast<int32_t>(high & 0x1FFFFFU)) * 0x1p-21 +
         static_cast<double>(low) * 0x1p-53;
}

// Natural logarithm of x in (0, 1], normal: the Cephes polynomial in single precision.
RL_INLINE float log_poly(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  float e = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
  bits = (bits & 0x007FFFFFU) | 0x3F000000U;
  float m;
  std::memcpy(&m, &bits, 4);
  const bool small = m < 0.707106781186547524f;
  e -= small ? 1.0f : 0.0f;
  const float t = (m - 1.0f) + (small ? m : 0.0f);
  const float z = t * t;
  float y = 7.0376836292E-2f;
  y = std::fma(y, t, -1.1514610310E-1f);
  y = std::fma(y, t, 1.1676998740E-1f);
  y = std::fma(y, t, -1.2420140846E-1f);
  y = std::fma(y, t, 1.4249322787E-1f);
  y = std::fma(y, t, -1.6668057665E-1f);
  y = std::fma(y, t, 2.0000714765E-1f);
  y = std::fma(y, t, -2.4999993993E-1f);
  y = std::fma(y, t, 3.3333331174E-1f);
  y = y * t;
  y = std::fma(y, z, e * -2.12194440E-4f);
  y = y - z * 0.5f;
  return std::fma(e, 0.693359375f, t + y);
}

// Sine and cosine of x >= 0: reduction by pi/4 in three parts, then the Cephes polynomials.
RL_INLINE void sincos_poly(float x, float* sine, float* cosine) {
  int32_t j = static_cast<int32_t>(x * 1.27323954473516f);
  j = (j + 1) & ~1;
  const float y = static_cast<float>(j);
  x = std::fma(y, -0.78515625f, x);
  x = std::fma(y, -2.4187564849853515625E-4f, x);
  x = std::fma(y, -3.77489497744594108E-8f, x);
  const float z = x * x;
  float c = std::fma(2.443315711809948E-5f, z, -1.388731625493765E-3f);
  c = std::fma(c, z, 4.166664568298827E-2f);
  c = c * z;
  c = std::fma(c, z, -(z * 0.5f));
  c = c + 1.0f;
  float s = std::fma(-1.9515295891E-4f, z, 8.3321608736E-3f);
  s = std::fma(s, z, -1.6666654611E-1f);
  s = s * z;
  s = std::fma(s, x, x);
  uint32_t cb, sb;
  std::memcpy(&cb, &c, 4);
  std::memcpy(&sb, &s, 4);
  const uint32_t ju = static_cast<uint32_t>(j);
  const uint32_t swap = 0U - ((ju >> 1) & 1U);
  const uint32_t sin_bits = ((cb & swap) | (sb & ~swap)) ^ ((ju & 4U) << 29);
  const uint32_t cos_bits = ((sb & swap) | (cb & ~swap)) ^ ((~(ju - 2U) & 4U) << 29);
  std::memcpy(sine, &sin_bits, 4);
  std::memcpy(cosine, &cos_bits, 4);
}

}  // namespace

RL_CLONES void mt_twist(uint32_t* s) {
  constexpr int kRest = kMtWords - kShift;  // 227
  for (int i = 0; i < kRest; ++i) s[i] = s[i + kShift] ^ mix(s[i], s[i + 1]);
  for (int i = kRest; i < 2 * kRest; ++i) s[i] = s[i - kRest] ^ mix(s[i], s[i + 1]);
  for (int i = 2 * kRest; i < kMtWords - 1; ++i) s[i] = s[i - kRest] ^ mix(s[i], s[i + 1]);
  s[kMtWords - 1] = s[kShift - 1] ^ mix(s[kMtWords - 1], s[0]);
}

RL_CLONES void mt_temper(uint32_t* __restrict out, const uint32_t* __restrict state, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t y = state[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680U;
    y ^= (y << 15) & 0xEFC60000U;
    out[i] = y ^ (y >> 18);
  }
}

RL_CLONES void unit_f32(float* __restrict out, const uint32_t* __restrict u, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_unit32(u[i]);
}

RL_CLONES void unit_f64(double* __restrict out, const uint32_t* __restrict u, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_unit64(u[2 * i], u[2 * i + 1]);
}

RL_CLONES void uniform_f32(float* __restrict out, const uint32_t* __restrict u, int64_t n,
                           float from, float to, float scale) {
  for (int64_t i = 0; i < n; ++i) {
    const float v = std::fma(to_unit32(u[i]), scale, from);
    out[i] = v == to ? from : v;
  }
}

RL_CLONES void uniform_f64(double* __restrict out, const uint32_t* __restrict u, int64_t n,
                           double from, double to, double scale) {
  for (int64_t i = 0; i < n; ++i) {
    const double v = std::fma(to_unit64(u[2 * i], u[2 * i + 1]), scale, from);
    out[i] = v == to ? from : v;
  }
}

RL_CLONES void normal_f32(float* __restrict out, const uint32_t* __restrict u, int64_t n,
                          float mean, float std) {
  constexpr int kHalf = kNormalChunk / 2;
  // Radii and angles apart, so that the loop in the middle runs at the full vector width.
  alignas(64) uint32_t ua[kHalf], ub[kHalf];
  alignas(64) float oc[kHalf], os[kHalf];
  const int blocks = static_cast<int>(n / 16);
  for (int b = 0; b < blocks; ++b) {
    std::memcpy(ua + 8 * b, u + 16 * b, 32);
    std::memcpy(ub + 8 * b, u + 16 * b + 8, 32);
  }
  for (int i = 0; i < 8 * blocks; ++i) {
    const float u1 = 1.0f - to_unit32(ua[i]);
    const float radius = std::sqrt(-2.0f * log_poly(u1));
    const float theta = static_cast<float>(6.283185307179586) * to_unit32(ub[i]);
    float s, c;
    sincos_poly(theta, &s, &c);
    oc[i] = std::fma(radius * c, std, mean);
    os[i] = std::fma(radius * s, std, mean);
  }
  for (int b = 0; b < blocks; ++b) {
    std::memcpy(out + 16 * b, oc + 8 * b, 32);
    std::memcpy(out + 16 * b + 8, os + 8 * b, 32);
  }
}

RL_CLONES void below_u8(uint8_t* __restrict out, const uint32_t* __restrict u, int64_t n,
                        uint64_t bound) {
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t v = ((static_cast<uint64_t>(u[2 * i]) << 32) | u[2 * i + 1]) & kMask53;
    out[i] = v < bound;
  }
}

RL_CLONES void mask_f32(float* __restrict out, const uint8_t* __restrict hit, int64_t n, float on) {
  for (int64_t i = 0; i < n; ++i) out[i] = hit[i] ? on : 0.0f;
}

RL_CLONES void mask_f64(double* __restrict out, const uint8_t* __restrict hit, int64_t n,
                        double on) {
  for (int64_t i = 0; i < n; ++i) out[i] = hit[i] ? on : 0.0;
}

// 1 - u is exact, so log1p(-u) is a plain logarithm: m * 2^e with m around 1, then the series of
// 2 atanh(f / (2 + f)), whose relative error stays below 2^-44. Between the float of the value
// moved by 2^-40 up and down no rounding boundary lies when the two are equal.
RL_CLONES void neg_log_f32(float* __restrict out, uint8_t* __restrict sure,
                           const uint32_t* __restrict u, int64_t n, double scale) {
  for (int64_t i = 0; i < n; ++i) {
    const double y = 1.0 - to_unit64(u[2 * i], u[2 * i + 1]);
    uint64_t bits;
    std::memcpy(&bits, &y, 8);
    bits += 0x3FF0000000000000U - 0x3FE6A09E667F3BCDU;  // m from sqrt(1/2) to sqrt(2)
    const uint64_t biased = (bits >> 52) | 0x4330000000000000U;
    double e;
    std::memcpy(&e, &biased, 8);
    e -= 0x1p52 + 1023;
    bits = (bits & 0x000FFFFFFFFFFFFFU) + 0x3FE6A09E667F3BCDU;
    double m;
    std::memcpy(&m, &bits, 8);
    const double f = m - 1.0;
    const double s = f / (2.0 + f), z = s * s;
    double p = 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    // The last term turns -0 into the 0 that log1p(-0) leads to.
    const double value = scale * (e * 0.69314718055994530942 + 2.0 * (s + s * z * p)) + 0.0;
    const float low = static_cast<float>(value * (1 - 0x1p-40));
    const float high = static_cast<float>(value * (1 + 0x1p-40));
    out[i] = low;
    sure[i] = low == high;
  }
}

// Lemire, Kaser and Kurz (2019): the remainder is the high half of (frac(u / range) * range).
RL_CLONES void mod_u32(uint32_t* __restrict out, const uint32_t* __restrict u, int64_t n,
                       uint32_t range) {
  if ((range & (range - 1)) == 0) {
    for (int64_t i = 0; i < n; ++i) out[i] = u[i] & (range - 1);
    return;
  }
  const uint64_t inverse = UINT64_MAX / range + 1;
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t fraction = inverse * u[i];
    out[i] = static_cast<uint32_t>((static_cast<unsigned __int128>(fraction) * range) >> 64);
  }
}

}  // namespace rl::rng
