// Half and BFloat16 <-> float, by the block. Rounding is to nearest even, nan stays nan.
#pragma once

#include <cstdint>

#include "vec_math_core.h"
#if defined(__AVX512F__) || defined(__F16C__)
// GCC 12 takes the undefined operands of its own headers for ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#endif

namespace rl {
inline namespace RL_ISA_NS {

RL_VM float half_to_float(uint16_t h) {
#ifdef __F16C__
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
#else
  uint32_t sign = (h & 0x8000u) << 16, body = (h & 0x7fffu) << 13;
  uint32_t finite = vm::to_bits(vm::from_bits(body) * 0x1p112f);  // denormals too
  uint32_t special = body | 0x7f800000u;
  special |= (body & 0x007fffffu) != 0 ? 0x00400000u : 0u;  // quiet
  return vm::from_bits(sign | (body >= 0x0f800000u ? special : finite));
#endif
}

RL_VM uint16_t float_to_half(float x) {
#ifdef __F16C__
  __m128i h = _mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return static_cast<uint16_t>(_mm_cvtsi128_si32(h));
#else
  uint32_t bits = vm::to_bits(x), sign = (bits >> 16) & 0x8000u, body = bits & 0x7fffffffu;
  // A float whose last mantissa bit is the last bit of a denormal half
  uint32_t denormal = vm::to_bits(vm::from_bits(body) + 0.5f) - 0x3f000000u;
  uint32_t normal = (body - 0x38000000u + 0x0fffu + ((body >> 13) & 1u)) >> 13;
  uint32_t nan = 0x7e00u | ((body >> 13) & 0x01ffu);
  uint32_t h = body < 0x38800000u ? denormal : normal;
  h = body >= 0x477ff000u ? 0x7c00u : h;
  h = body > 0x7f800000u ? nan : h;
  return static_cast<uint16_t>(sign | h);
#endif
}

RL_VM float bfloat16_to_float(uint16_t b) { return vm::from_bits(static_cast<uint32_t>(b) << 16); }

RL_VM uint16_t float_to_bfloat16(float x) {
  uint32_t bits = vm::to_bits(x);
  uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

static inline void convert_half_to_float(const uint16_t* in, float* out, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16) {
    __m256i h = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
    _mm512_storeu_ps(out + i, _mm512_cvtph_ps(h));
  }
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    __m128i h = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(h));
  }
#endif
  for (; i < n; ++i) out[i] = half_to_float(in[i]);
}

static inline void convert_float_to_half(const float* in, uint16_t* out, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16) {
    __m256i h =
        _mm512_cvtps_ph(_mm512_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), h);
  }
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    __m128i h =
        _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), h);
  }
#endif
  for (; i < n; ++i) out[i] = float_to_half(in[i]);
}

static inline void convert_bfloat16_to_float(const uint16_t* in, float* out, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = bfloat16_to_float(in[i]);
}

static inline void convert_float_to_bfloat16(const float* in, uint16_t* out, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = float_to_bfloat16(in[i]);
}

}  // namespace RL_ISA_NS
}  // namespace rl
